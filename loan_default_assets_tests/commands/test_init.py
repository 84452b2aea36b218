"""`init` on the terminal: what it asks, what it prints, what it refuses, and what `run` says of the columns first."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.init import write
from loan_default_assets.commands.init_questions import ask_on_terminal
from loan_default_assets.commands.summary import columns_text
from loan_default_assets.portfolio.profiling import draft_training
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.portfolio.profiling.undecided import Choice, UndecidedError
from loan_default_assets.portfolio.spec import load

CASES = Path(os.environ.get("LOAN_CASES_DIR", Path(__file__).parents[3] / "shared" / "cases"))
TODAY = date(2024, 6, 1)
ROWS = 1500


def loans(label: str = "bad", values: tuple[str, str] = ("1", "0")) -> pd.DataFrame:
    """Loans whose outcome depends on the rate, with columns that are known only afterwards."""
    rng = np.random.default_rng(3)
    rate, income = rng.normal(12, 3, ROWS), rng.lognormal(10, 0.5, ROWS)
    default = rng.random(ROWS) < 1 / (1 + np.exp(1.8 - 0.25 * (rate - 12)))
    month = np.datetime64("2018-01") + rng.integers(0, 36, ROWS)
    amount = rng.lognormal(9, 0.4, ROWS).round(-2)
    return pd.DataFrame(
        {
            "loan_no": [f"L{n:06d}" for n in range(ROWS)],
            "issued": [f"{day}-01" for day in month.astype(str)],
            "amount": [f"${value:,.0f}" for value in amount],
            "rate": [f"{value:.2f}%" for value in rate],
            "income": income.round(0),
            "email": [f"person{n}@bank.example" for n in range(ROWS)],
            "principal_received": np.where(default, amount * rng.beta(2, 4, ROWS), amount).round(2),
            "recovered": np.where(default, amount * rng.beta(1, 6, ROWS), 0).round(2),
            label: np.where(default, *values),
        }
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str) -> Result:
    return CliRunner().invoke(loan_default, ["init", *arguments])


def test_init_accounts_for_every_column_and_excludes_those_known_after_the_outcome(folder: Path) -> None:
    frame = loans()
    frame.to_csv("loans.csv", index=False)
    result = init("loans.csv", "--label", "bad", "--date", "issued", "--output", "bank.yaml")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"default = 1 ({100 * (frame['bad'] == '1').mean():.1f} % of loans)"
    for name in frame.columns:
        assert any(line.split()[:1] == [name] for line in lines), name
    assert any("email" in line and "personal data" in line for line in lines)
    assert lines[-1] == "Next: read it, then loan-default run --portfolio bank.yaml --source loans.csv"
    p = load("bank.yaml", source="loans.csv")
    assert set(p.known_after_outcome) == {"principal_received", "recovered"}
    assert p.features.numerical == ("amount", "rate", "income")
    assert (p.key, p.cadence, p.end, p.ignore) == ("loan_no", "monthly", date(2021, 1, 1), ("email",))
    assert p.ignored_because == {"email": "personal data: e-mail addresses"}
    text = Path("bank.yaml").read_text("utf-8")
    assert "- recovered  # ROC-AUC" in text
    assert "person1@" not in text + result.output


def test_the_training_preset_of_a_large_file_is_drafted_with_its_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_training, "LARGE_FILE", ROWS)
    loans().to_csv("loans.csv", index=False)
    result = init("loans.csv", "--label", "bad", "--date", "issued")
    reason = "training: preset fast (fewer layers), as the file has 1,500 rows with 3 features"
    assert reason in result.output
    assert load("loans.yaml", source="loans.csv").training == {"preset": "fast"}
    drafted = Path("loans.yaml").read_text("utf-8").replace("\n# ", " ")
    assert reason in drafted


@pytest.mark.parametrize(
    ("label", "values", "positive"),
    [
        ("loan_paid_back", ("0", "1"), 0),
        ("Repaid", ("No", "Yes"), "No"),
        ("outcome", ("CHGOFF", "P I F"), "CHGOFF"),
    ],
)
def test_the_default_is_not_the_value_1_by_itself(
    folder: Path, label: str, values: tuple[str, str], positive: object
) -> None:
    loans(label, values).to_csv("loans.csv", index=False)
    result = init("loans.csv", "--label", label, "--date", "issued")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"default = {positive} (")
    assert load("loans.yaml", source="loans.csv").label.positive == positive


def test_a_label_without_words_stops_with_both_readings_and_positive_answers(folder: Path) -> None:
    loans("credit_risk", ("2", "1")).to_csv("loans.csv", index=False)
    arguments = ("loans.csv", "--label", "credit_risk", "--date", "issued")
    result = init(*arguments)
    assert result.exit_code == 1
    assert result.output.index("default = 2 (") < result.output.index("default = 1 (")
    assert "--positive VALUE" in result.output
    assert not Path("loans.yaml").exists()
    assert init(*arguments, "--positive", "2").exit_code == 0
    assert load("loans.yaml", source="loans.csv").label.positive == 2


def test_without_label_and_date_the_candidates_are_named(folder: Path) -> None:
    loans().to_csv("loans.csv", index=False)
    result = init("loans.csv")
    assert (result.exit_code, "--label bad: 0 " in result.output) == (1, True)
    result = init("loans.csv", "--label", "bad")
    assert (result.exit_code, "--date issued: 2018-01-01 to 2020-12-01" in result.output) == (1, True)


def test_the_questions_are_asked_one_after_the_other(folder: Path) -> None:
    loans("credit_risk", ("2", "1")).to_csv("loans.csv", index=False)
    asked: list[str] = []

    def ask(question: UndecidedError) -> str:
        asked.append(question.option)
        return {"label": "credit_risk", "positive": "2"}.get(question.option, "")

    written = write("loans.csv", DraftRequest(), ask=ask, today=TODAY)
    assert asked == ["label", "positive", "date"]
    p = load(str(written.path), source="loans.csv")
    assert (p.label.column, p.label.positive, p.as_of) == ("credit_risk", 2, None)


def test_a_label_that_is_only_guessed_is_confirmed_on_a_terminal(folder: Path) -> None:
    loans("y").to_csv("loans.csv", index=False)
    asked: list[UndecidedError] = []

    def ask(question: UndecidedError) -> str:
        asked.append(question)
        return "0"

    written = write("loans.csv", DraftRequest(label="y", undated=True), ask=ask, today=TODAY)
    assert [choice.value for choice in asked[0].choices] == ["1", "0"]
    assert load(str(written.path), source="loans.csv").label.positive == 0


@pytest.mark.parametrize(("typed", "value"), [("1", "1"), ("2", "2"), ("#1", "2"), ("#2", "1"), ("7", "7")])
def test_a_bare_number_is_a_value_and_not_the_number_of_a_choice(
    monkeypatch: pytest.MonkeyPatch, typed: str, value: str
) -> None:
    choices = (Choice("2", "default = 2"), Choice("1", "default = 1"))
    question = UndecidedError("positive", "which value is the default?", choices, hint="--positive VALUE")
    monkeypatch.setattr("click.prompt", lambda text, default=None: typed)
    assert ask_on_terminal(question) == value


def test_run_names_the_columns_that_are_no_features(folder: Path) -> None:
    loans().to_csv("loans.csv", index=False)
    assert init("loans.csv", "--label", "bad", "--date", "issued").exit_code == 0
    text = columns_text(load("loans.yaml", source="loans.csv"))
    assert text.splitlines() == [
        "loans: 9 columns, of which 3 are features (3 numerical, 0 categorical)",
        "  no feature  loan_no (key): identifies the loan",
        "  no feature  issued (as_of): the date on which the loan was known",
        "  no feature  bad (label): the outcome; default = 1",
        "  no feature  principal_received (known after the outcome): exists only after the outcome: refused",
        "  no feature  recovered (known after the outcome): exists only after the outcome: refused",
        "  no feature  email (ignored): personal data: e-mail addresses",
    ]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("german_12", ["default = 2 (33.1 % of loans", "--positive VALUE"]),
        ("label_paid_back", ["default = 0 (33.1 % of loans)"]),
        ("label_dpd", ["default = days_past_due >= 90"]),
        ("lc_status_iso", ["default = Charged Off or Default", "29 loans count as without an outcome yet"]),
        ("date_future", ["(row 100)", "after today"]),
        ("date_missing_few", ["no date (row 50)"]),
        ("one_bad_number", ["not a number: 1 cell (row 77)"]),
        ("total_row", ["last line is no loan"]),
        ("big_account", ["an identifier"]),
    ],
)
def test_a_case_is_drafted_as_expected(folder: Path, case: str, expected: list[str]) -> None:
    if not (CASES / case).exists():
        pytest.skip(f"{CASES / case} does not exist")
    command = (CASES / case / "COMMAND.txt").read_text("utf-8").split("&&")[0].replace("'", "").split()[2:]
    horizon = ("--horizon-days", "30") if "--date" in command else ()
    result = init(str(CASES / case / command[0]), *command[1:], *horizon)
    for text in expected:
        assert text in result.output


CELLS = b"".join(b"%d,%d\n" % (20_000 + 7919 * row % 9973, row % 3 == 0) for row in range(120))


@pytest.mark.parametrize(
    ("data", "options", "written"),
    [
        ("소득,y\n".encode("cp949") + CELLS, {"encoding": "cp949"}, "encoding: cp949"),
        (b"income,y\n" + CELLS + b"7\n", {"fill_short_rows": True}, "fill_short_rows: true"),
    ],
    ids=["encoding", "short rows"],
)
def test_the_layout_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, options: dict[str, Any], written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loans.csv").write_bytes(data)
    request = DraftRequest(label="y", undated=True, positive=("1",), **options)
    assert written in write("loans.csv", request, today=TODAY).path.read_text()


def young_loans() -> None:
    """Write loans of 95 days."""
    frame = loans()
    frame["issued"] = (np.datetime64("2024-01-01") + np.arange(ROWS) % 95).astype(str)
    frame.to_csv("loans.csv", index=False)


def test_a_file_of_young_loans_is_refused_until_the_horizon_is_given(folder: Path) -> None:
    young_loans()
    result = init("loans.csv", "--label", "bad", "--date", "issued")
    assert result.exit_code == 1
    assert "loans of 95 days: of the usual 365 days, 0 of 1,500 loans" in result.output
    assert "--horizon-days 60: " in result.output
    assert not Path("loans.yaml").exists()
    result = init("loans.csv", "--label", "bad", "--date", "issued", "--horizon-days", "60")
    assert result.exit_code == 0, result.output
    assert "label.horizon_days: 60 (--horizon-days)" in result.output
    assert load("loans.yaml", source="loans.csv").label.horizon_days == 60


def test_the_horizon_is_asked_for_on_a_terminal_and_needs_an_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young_loans()
    asked: list[UndecidedError] = []

    def ask(question: UndecidedError) -> str:
        asked.append(question)
        return "45"

    written = write("loans.csv", DraftRequest("bad", "issued", "loan_no"), ask=ask, today=TODAY)
    assert [question.option for question in asked] == ["horizon_days"]
    assert load(str(written.path), source="loans.csv").label.horizon_days == 45
    proposed: list[object] = []
    monkeypatch.setattr("click.prompt", lambda text, default=None: proposed.append(default) or "#1")
    assert ask_on_terminal(asked[0]) == asked[0].choices[0].value
    assert proposed == [None]


def test_a_horizon_needs_a_date(folder: Path) -> None:
    loans().drop(columns="issued").to_csv("loans.csv", index=False)
    result = init("loans.csv", "--label", "bad", "--horizon-days", "90")
    assert (result.exit_code, "give the column with --date too" in result.output) == (1, True)


def test_what_counts_as_no_default_or_as_no_outcome_is_said(folder: Path) -> None:
    frame = loans("stage", ("C", "A"))
    frame.loc[:299, "stage"] = "B"
    frame.loc[300:339, "stage"] = ""
    frame.to_csv("loans.csv", index=False)
    columns = ("--label", "stage", "--date", "issued", "--positive", "C")
    result = init("loans.csv", *columns)
    assert re.search("label: (A, B|B, A) count as no default", result.output)
    assert "label: 40 loans have an empty cell in stage" in result.output
    result = init("loans.csv", *columns, "--pending", "B", "--output", "again.yaml")
    assert "label: 300 loans count as without an outcome yet (B)" in result.output
    label = load("again.yaml", source="loans.csv").label
    assert (label.positives, label.negatives, label.pending) == (("C",), ("A",), ("B",))
