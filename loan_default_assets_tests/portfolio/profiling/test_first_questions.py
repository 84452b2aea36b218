"""What a first draft says of files whose outcome or dates do not fit a portfolio as they are."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.file_account import account_for
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for
from loan_default_assets.portfolio.profiling.undecided import UndecidedError

TODAY = date(2024, 6, 1)
ROWS = 200


def stored(folder: Path, **columns: Sequence[object]) -> Path:
    path = folder / "loans.csv"
    pd.DataFrame({"amount": [1000.5 + 7 * n for n in range(ROWS)]} | columns).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%d.%m.%Y"])
def test_a_date_of_default_as_the_label_is_said_to_be_one(tmp_path: Path, written: str) -> None:
    days = [
        f"{date(2020 + n % 3, 1 + n % 12, 13 + n % 15):{written}}" if n % 5 == 0 else "" for n in range(ROWS)
    ]
    path = stored(tmp_path, ausfall=days)
    with pytest.raises(PortfolioError, match=r"holds dates.*1 in rows with a date and 0 in the others"):
        draft_for(path, DraftRequest("ausfall", undated=True))


@pytest.mark.parametrize("values", [("si", "no"), ("impago", "pagado"), ("있음", "없음"), ("A", "B")])
def test_a_column_of_two_values_in_another_language_is_offered_as_the_label(
    tmp_path: Path, values: tuple[str, str]
) -> None:
    path = stored(tmp_path, incumplimiento=[values[n % 5 > 0] for n in range(ROWS)])
    with pytest.raises(UndecidedError) as asked:
        draft_for(path, DraftRequest())
    assert [choice.value for choice in asked.value.choices] == ["incumplimiento"]


@pytest.mark.parametrize(
    ("columns", "offered"),
    [
        ({"stav": ["splaceno", "nesplaceno", "aktivní"], "sexe": ["H", "F"]}, ["stav"]),
        ({"stav": ["splaceno", "nesplaceno"], "Familienstand": ["ledig", "geschieden"]}, ["stav"]),
        ({"days_past_due": [str(n) for n in range(97)]}, ["days_past_due"]),
        ({"days_past_due": [str(n) for n in range(97)], "bad": ["1", "0", "0"]}, ["bad"]),
        ({"kraj": [f"K{n}" for n in range(14)]}, []),
    ],
)
def test_what_may_be_an_outcome_is_offered_and_a_protected_attribute_is_not(
    tmp_path: Path, columns: dict[str, list[str]], offered: list[str]
) -> None:
    cells = {name: [values[n % len(values)] for n in range(ROWS)] for name, values in columns.items()}
    with pytest.raises(UndecidedError) as asked:
        draft_for(stored(tmp_path, **cells), DraftRequest())
    assert [choice.value for choice in asked.value.choices] == offered


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Birth year", [str(1950 + n % 45) for n in range(ROWS)]),
        ("dob", [f"{date(1960 + n % 30, 1 + n % 12, 5)}" for n in range(ROWS)]),
        ("생년월일", [f"{1960 + n % 30}{1 + n % 12:02}05" for n in range(ROWS)]),
    ],
)
def test_a_date_of_birth_is_not_offered_as_the_date_of_a_loan(
    tmp_path: Path, name: str, cells: list[str]
) -> None:
    columns = {name: cells, "bad": [int(n % 5 == 0) for n in range(ROWS)]}
    issued = {
        column: [f"{date(2020 + n % 3, month, 1 + n % 28)}" for n in range(ROWS)]
        for month, column in ((3, "issued"), (4, "approved"))
    }
    with pytest.raises(UndecidedError) as asked:
        draft_for(stored(tmp_path, **columns, **issued), DraftRequest("bad"))
    assert {choice.value for choice in asked.value.choices} == {"issued", "approved", ""}


@pytest.mark.parametrize(("dates", "said"), [(["2019-03"], True), (["2019-03", "2019-04"], False)])
def test_loans_of_one_date_are_said_not_to_be_evaluated(tmp_path: Path, dates: list[str], said: bool) -> None:
    path = stored(
        tmp_path,
        month=[dates[n % len(dates)] for n in range(ROWS)],
        bad=[int(n % 5 == 0) for n in range(ROWS)],
    )
    draft = draft_for(path, DraftRequest("bad", "month"))
    draft = complete_draft(draft, account_for(draft, TODAY), TODAY)
    assert any("--no-date" in decision for decision in draft.decisions) == said


@pytest.mark.parametrize(
    ("name", "is_key"),
    [
        ("ListingNumber", True),
        ("Kreditnr.", True),
        ("Vertragsnummer", True),
        ("대출번호", True),
        ("loan_id", True),
        ("n", False),
        ("number", False),
    ],
)
def test_consecutive_numbers_are_the_key_where_they_are_a_banks_own(
    tmp_path: Path, name: str, is_key: bool
) -> None:
    bad = [int(n % 5 == 0) for n in range(ROWS)]
    path = stored(tmp_path, **{name: [7001 + n for n in range(ROWS)], "bad": bad})
    assert draft_for(path, DraftRequest("bad", undated=True)).key == (name if is_key else None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"score": [600 + n for n in range(ROWS)]}, "join them to this one by the number of the loan"),
        (
            {"default_date": [f"2020-01-{1 + n % 28:02d}" if n % 5 == 0 else "" for n in range(ROWS)]},
            "default_date holds dates: where one there is a default, add a column",
        ),
    ],
)
def test_without_a_label_the_file_of_outcomes_is_asked_for(
    tmp_path: Path, columns: dict[str, Sequence[object]], said: str
) -> None:
    with pytest.raises(UndecidedError) as asked:
        draft_for(stored(tmp_path, **columns), DraftRequest())
    assert said in asked.value.question


@pytest.mark.parametrize("column", [{}, {"dpd_max": [95 if n % 5 == 0 else n % 60 for n in range(ROWS)]}])
def test_a_file_of_outcomes_alone_is_said_to_lack_the_applications(
    tmp_path: Path, column: dict[str, Sequence[object]]
) -> None:
    path = tmp_path / "outcomes.csv"
    bad = [int(n % 5 == 0) for n in range(ROWS)]
    pd.DataFrame({"loan_id": [f"K{n}" for n in range(ROWS)], "bad": bad} | column).to_csv(path, index=False)
    with pytest.raises(
        PortfolioError, match=r"outcomes\.csv: no column remains.*join it with the file of the"
    ):
        accounted_draft(draft_for(path, DraftRequest("bad")), TODAY)
