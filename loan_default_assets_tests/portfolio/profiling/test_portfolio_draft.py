"""Drafted portfolios: accepted by `load`, fitting their file, and naming what was done with each column and row."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.draft_report import draft_report
from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.file_account import FileAccount, account_for
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, PortfolioDraft, draft_for
from loan_default_assets.portfolio.profiling.undecided import UndecidedError
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.partition_rows import found_violations, read_partitions

TODAY = date(2024, 6, 1)
ROWS = 400
COLUMNS = {
    "loan": [f"{n:07d}" for n in range(ROWS)],
    "issued": [f"{1 + n % 12}/{1 + n % 28}/2023" for n in range(ROWS)],
    "defaulted": ["Y" if n % 7 == 0 else "N" for n in range(ROWS)],
    "소득": [1000.5 + n for n in range(ROWS)],
    "balance": [n * 7 - 200 for n in range(ROWS)],
    "grade": [f"{n % 3:02d}" for n in range(ROWS)],
    "flag": ["" if n % 9 == 0 else ("ON" if n % 2 else "no") for n in range(ROWS)],
    "children": [None if n % 11 == 0 else n % 4 for n in range(ROWS)],
    "hired": ["" if n % 5 == 0 else f"20{n % 20:02d}-01-31" for n in range(ROWS)],
    "branch office": [f"office {n}" for n in range(ROWS)],
    "sex": ["F" if n % 2 else "M" for n in range(ROWS)],
    "label": [1] * ROWS,
    "empty": [""] * ROWS,
    "charge_off_amount": [float(n % 2) for n in range(ROWS)],
}


def drafted(
    folder: Path, path: Path, **decided: object
) -> tuple[str, Portfolio, PortfolioDraft, FileAccount]:
    draft = draft_for(path, DraftRequest(**decided))  # type: ignore[arg-type]
    account = account_for(draft, TODAY)
    draft = complete_draft(draft, account, TODAY)
    text = draft_yaml(draft)
    (folder / "drafted.yaml").write_text(text, "utf-8")
    return text, load(str(folder / "drafted.yaml"), source=str(path)), draft, account


def stored(folder: Path, file_type: str = "utf-8", **changed: list[object]) -> Path:
    frame = pd.DataFrame(COLUMNS | changed)
    path = folder / ("loans.parquet" if file_type == "parquet" else "loans.csv")
    if file_type == "parquet":
        frame.to_parquet(path)
    else:
        separator = ";" if "semicolon" in file_type else ","
        frame.to_csv(path, index=False, encoding=file_type.split()[0], sep=separator)
    return path


def violations(p: Portfolio) -> list[object]:
    keys = p.partition_keys(p.start or TODAY, date(2023, 12, 31))
    return [violation for _, violation in found_violations(p, keys, today=TODAY)]


@pytest.mark.parametrize("file_type", ["utf-8", "utf-8-sig", "cp949", "utf-8 semicolon", "parquet"])
def test_a_draft_is_accepted_and_its_file_fits(tmp_path: Path, file_type: str) -> None:
    path = stored(tmp_path, file_type)
    text, p, _, account = drafted(
        tmp_path, path, label="defaulted", date="issued", key="loan", name="My Bank 2", horizon_days=100
    )
    assert (p.name, p.key, p.as_of, p.date_format) == ("my_bank_2", "loan", "issued", "%m/%d/%Y")
    assert (p.cadence, p.start, p.end) == ("monthly", date(2023, 1, 1), date(2024, 1, 1))
    assert (p.label.positive, p.label.negative, p.label.horizon_days) == ("Y", "N", 100)
    assert {name: column.kind for name, column in p.columns.items()} == {
        "소득": "number",
        "balance": "number",
        "grade": "category",
        "flag": "category",
        "children": "number",
        "hired": "date",
        "sex": "category",
        "charge_off_amount": "category",
    }
    assert p.columns["grade"].values == ("00", "01", "02")
    assert p.protected == ("sex",)
    assert set(p.ignore) == {"branch office", "label", "empty"}
    for name, reason in {
        "branch office": "hardly repeat",
        "label": "the same value",
        "empty": "empty",
    }.items():
        assert any(name in line and reason in line for line in text.splitlines())
    assert violations(p) == []
    assert (account.rows, account.unconverted) == (ROWS, {})
    assert account.converted["children"] == ROWS - len(range(0, ROWS, 11))


def test_the_next_delivery_may_have_blanks_decimals_and_negative_numbers(tmp_path: Path) -> None:
    _, p, *_ = drafted(tmp_path, stored(tmp_path), label="defaulted", date="issued", key="loan")
    later = {"balance": ["", -5.5, *COLUMNS["balance"][2:]], "grade": ["", "99", *COLUMNS["grade"][2:]]}
    stored(tmp_path, **later)
    assert violations(p) == []


def test_a_draft_without_dates_has_one_partition(tmp_path: Path) -> None:
    path = stored(tmp_path)
    _, p, *_ = drafted(tmp_path, path, label="defaulted", undated=True)
    assert (p.key, p.as_of) == ("loan", None)
    assert {"issued", "hired"} <= set(p.ignore)
    [part] = read_partitions(p, ["snapshot"], today=TODAY)
    assert len(part.frame) == ROWS


@pytest.mark.parametrize(
    ("decided", "message"),
    [
        ({"label": "defaultd"}, "'defaultd' is not a column; did you mean 'defaulted'?"),
        ({"label": "grade", "undated": True}, "which value of the label 'grade' is the default?"),
        ({"label": "defaulted", "date": "grade"}, "'grade' is not a date in every row"),
        ({"label": "defaulted", "key": "id"}, "'id' is not a column"),
        ({}, "which column is the outcome"),
        ({"label": "defaulted"}, "--date issued: 2023-01-01 to 2023-12-28"),
    ],
)
def test_what_cannot_be_drafted_is_named(tmp_path: Path, decided: dict[str, object], message: str) -> None:
    with pytest.raises(PortfolioError) as error:
        draft_for(stored(tmp_path), DraftRequest(**decided))  # type: ignore[arg-type]
    assert message in str(error.value)


def test_day_and_month_are_asked_for_where_the_dates_do_not_decide(tmp_path: Path) -> None:
    path = stored(tmp_path, issued=[f"{1 + n % 12:02d}/{1 + n % 11:02d}/2023" for n in range(ROWS)])
    with pytest.raises(UndecidedError) as error:
        draft_for(path, DraftRequest(label="defaulted", date="issued"))
    assert {choice.value for choice in error.value.choices} == {"%m/%d/%Y", "%d/%m/%Y"}
    _, p, *_ = drafted(tmp_path, path, label="defaulted", date="issued", date_format="%d/%m/%Y")
    assert p.date_format == "%d/%m/%Y"


@pytest.mark.parametrize(
    "name", ["public", "pg_x", "dagster", "information_schema", "2023 loans", "대출", "a" * 90]
)
def test_every_name_is_made_one_that_is_accepted(tmp_path: Path, name: str) -> None:
    _, p, *_ = drafted(tmp_path, stored(tmp_path), label="defaulted", undated=True, name=name)
    assert p.name != name or name.isalpha()


def test_a_way_of_writing_that_puts_loans_into_the_future_is_ruled_out(tmp_path: Path) -> None:
    """Read as %y.%m.%d, 03.01.19 to 31.12.20 would be days until 2031."""
    days = pd.date_range("2019-01-03", periods=ROWS, freq="D").strftime("%d.%m.%y")
    path = stored(tmp_path, issued=list(days))
    assert draft_for(path, DraftRequest("defaulted", "issued")).date_reading.format.startswith("%d.%m.%y")  # type: ignore[union-attr]


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xff,1\n")
    with pytest.raises(SourceError, match=r"x\.csv"):
        draft_for(tmp_path / "x.csv", DraftRequest(label="a"))
    with pytest.raises(SourceError, match="no such file"):
        draft_for(tmp_path / "y.csv", DraftRequest(label="a"))


@pytest.mark.parametrize(
    ("dates", "cadence", "end"),
    [
        ([f"{2010 + n % 5}-{1 + n % 12:02d}-01" for n in range(ROWS)], "monthly", date(2015, 1, 1)),
        (
            [f"{2010 + n % 5}-{(1, 4, 7, 10)[n % 4]:02d}-01" for n in range(ROWS)],
            "quarterly",
            date(2015, 1, 1),
        ),
        ([f"{2010 + n % 5}-01-01" for n in range(ROWS)], "yearly", date(2015, 1, 1)),
        ([f"2014-01-{1 + n % 20:02d}" for n in range(ROWS)], "daily", date(2014, 1, 21)),
        ([f"2014-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(ROWS)], "monthly", date(2015, 1, 1)),
    ],
)
def test_the_cadence_is_that_of_the_dates(
    tmp_path: Path, dates: list[object], cadence: str, end: date
) -> None:
    _, p, *_ = drafted(tmp_path, stored(tmp_path, issued=dates), label="defaulted", date="issued")
    assert (p.cadence, p.end) == (cadence, end)


def test_the_horizon_is_the_age_from_which_loans_have_an_outcome(tmp_path: Path) -> None:
    days = [str(np.datetime64("2020-01-01") + 3 * n) for n in range(ROWS)]
    outcomes = [("Y" if n % 7 == 0 else "N") if n < 340 else "" for n in range(ROWS)]
    path = stored(tmp_path, issued=days, defaulted=outcomes)
    _, p, draft, _ = drafted(tmp_path, path, label="defaulted", date="issued")
    assert p.label.horizon_days == 180
    assert draft.horizon is not None
    assert draft.horizon.certain


def test_rows_that_run_refuses_are_named_at_once(tmp_path: Path) -> None:
    issued = list(COLUMNS["issued"])
    issued[49], issued[99] = "", "1/1/2030"
    balance = [*map(str, COLUMNS["balance"])]
    balance[76] = "12x"
    path = stored(tmp_path, issued=issued, balance=balance)
    _, p, draft, account = drafted(tmp_path, path, label="defaulted", date="issued", key="loan")
    said = "\n".join(draft.decisions)
    assert "column issued: 1 row has no date (row 50)" in said
    assert "column issued: 1 row has a date after today, 2024-06-01 (row 100)" in said
    assert "column balance: not a number: 1 cell (row 77)" in said
    assert p.columns["balance"].kind == "number"
    assert (account.unconverted, account.converted["balance"]) == ({"balance": 1}, ROWS - 1)
    assert "12x" not in said


@pytest.mark.parametrize(
    ("column", "faulty"),
    [
        # Converted, yet refused: a double does not hold it, or PostgreSQL no such date.
        ("balance", {3: "9007199254740993", 8: "12x", 9: "inf"}),
        ("hired", {3: "1500-01-01", 8: "yesterday"}),
    ],
)
def test_every_cell_is_counted_once_as_converted_missing_or_not_converted(
    tmp_path: Path, column: str, faulty: dict[int, str]
) -> None:
    cells = [*map(str, COLUMNS[column])]
    for row in (20, 30):
        cells[row] = ""
    for row, text in faulty.items():
        cells[row] = text
    missing = cells.count("")
    path = stored(tmp_path, **{column: cells})
    _, _, draft, account = drafted(tmp_path, path, label="defaulted", date="issued", key="loan")
    assert account.unconverted == {column: len(faulty)}
    assert account.converted[column] == ROWS - missing - len(faulty)
    shown = draft_report(draft, account, path, path.name)
    line = next(line.split() for line in shown.splitlines() if line.split()[:1] == [column])
    assert line[3:6] == [str(ROWS - missing - len(faulty)), str(missing), str(len(faulty))]


def test_a_key_that_repeats_is_dropped_or_the_partitions_are_made_finer(tmp_path: Path) -> None:
    twice = [f"{n // 2:07d}" for n in range(ROWS)]
    _, p, draft, _ = drafted(
        tmp_path, stored(tmp_path, loan=twice), label="defaulted", date="issued", key="loan"
    )
    assert (p.key, p.cadence) == ("loan", "monthly")
    assert "Several rows per loan" in "\n".join(draft.notes)
    one_month = ["1/15/2023"] * ROWS
    path = stored(tmp_path, loan=twice, issued=one_month)
    _, p, draft, _ = drafted(tmp_path, path, label="defaulted", date="issued", key="loan")
    assert (p.key, p.ignore[0]) == (None, "loan")
    assert any("200 rows repeat a value of loan (rows 2, 4" in text for text in draft.decisions)


@pytest.mark.parametrize(
    ("without", "key", "said"),
    [
        ((), "loan", ""),
        (
            (7, 50),
            "loan",
            "column loan: 2 rows have no value, and cannot be told from others (rows 8, 51); a line of",
        ),
        (range(0, ROWS, 10), None, "40 rows have no loan: it does not identify the rows"),
    ],
)
def test_rows_without_a_key_are_named_and_repeat_none(
    tmp_path: Path, without: Sequence[int], key: str | None, said: str
) -> None:
    numbers = ["" if n in without else f"{n:07d}" for n in range(ROWS)]
    path = stored(tmp_path, loan=numbers)
    _, p, draft, _ = drafted(tmp_path, path, label="defaulted", date="issued", key="loan")
    decided = "\n".join(draft.decisions)
    assert p.key == key
    assert said in decided
    assert ("have no" in decided, "repeat a value" in decided) == (bool(without), False)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_put_together_with_their_headers_are_refused(tmp_path: Path, mark: str) -> None:
    path = stored(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(mark + text + mark + text, "utf-8")
    with pytest.raises(
        SourceError, match=rf"1 row repeats the header \(row {ROWS + 1}, .*delete these lines"
    ):
        draft_for(path, DraftRequest(label="defaulted", date="issued"))


def test_more_defaults_than_other_loans_are_asked_about(tmp_path: Path) -> None:
    *_, draft, _ = drafted(tmp_path, stored(tmp_path), label="defaulted", date="issued", positive=("N",))
    assert any("more than half, by --positive" in text for text in draft.decisions)
    *_, draft, _ = drafted(tmp_path, stored(tmp_path), label="defaulted", date="issued", positive=("Y",))
    assert not any("more than half" in text for text in draft.decisions)
