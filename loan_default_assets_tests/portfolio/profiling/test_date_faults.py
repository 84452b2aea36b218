"""What `init` says of dates that it cannot read: two ways of writing in one column, and other calendars."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.file_account import account_for
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for

TODAY = date(2024, 6, 1)
ROWS = 300
DAYS = [date(2019, 1, 1) + timedelta(days=5 * n) for n in range(ROWS)]


def stored(folder: Path, write: Callable[[date], object], name: str = "issued") -> Path:
    path = folder / "loans.csv"
    amount = [1000.5 + 7 * n for n in range(ROWS)]
    bad = [int(n % 5 == 0) for n in range(ROWS)]
    pd.DataFrame({name: [write(day) for day in DAYS], "amount": amount, "bad": bad}).to_csv(path, index=False)
    return path


def _joined(day: date) -> str:
    return f"{day:%d.%m.%Y}" if day.year < 2021 else str(day)


def _by_a_spreadsheet(day: date) -> str:
    """Days up to 12 are taken for months, the others stay as they were written."""
    return f"{day:%d/%m/%Y}" if day.day > 12 else f"{day:%Y-%d-%m}"


FAULTS: list[tuple[Callable[[date], str], str]] = [
    (_joined, "153 cells as YYYY-MM-DD and 147 as %d.%m.%Y: write all of them in one$"),
    (_by_a_spreadsheet, "day and month are then the wrong way round. Export the file again"),
    (lambda day: f"{day:%d/%m}/{day.year + 543}", "Buddhist calendar: subtract 543"),
    (lambda day: f"{day.year + 543}-{day:%m-%d}", "Buddhist calendar: subtract 543"),
    (lambda day: f"{day.year - 621}/{day.month:02d}/{min(day.day, 29):02d}", "Persian or Islamic calendar"),
    (lambda day: f"R{day.year - 2018}.{day.month}.{day.day}", "Japanese eras"),
    (lambda day: f"令和{day.year - 2018}年{day.month}月{day.day}日", "Japanese eras"),
    (lambda day: f"{day.year - 1911}/{day:%m/%d}", "Republic of China: add 1911"),
    (lambda day: f"1{day:%y%m%d}", "write 20 for the leading 1"),
    (lambda day: f"FY{day:%y}-{day.year % 100 + 1}", "years that begin in one calendar year"),
    (lambda day: f"week {day:%V}", "--date-format FORMAT"),
]


@pytest.mark.parametrize(("write", "said"), FAULTS)
def test_the_fault_of_a_date_is_named(tmp_path: Path, write: Callable[[date], str], said: str) -> None:
    with pytest.raises(PortfolioError, match=f"'issued' is not a date in every row.*{said}"):
        draft_for(stored(tmp_path, write), DraftRequest("bad", "issued"))


def test_two_ways_of_writing_are_no_sign_of_a_spreadsheet_by_themselves(tmp_path: Path) -> None:
    with pytest.raises(PortfolioError) as error:
        draft_for(stored(tmp_path, _joined), DraftRequest("bad", "issued"))
    assert "wrong way round" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("issue_date", FAULTS[2][0], "issue_date: its dates seem to have years of the Buddhist calendar"),
        ("orig_year", lambda day: str(day.year), "--date orig_year takes the year"),
        ("grade", lambda day: "ABC"[day.day % 3], "otherwise --no-date says so."),
    ],
)
def test_a_draft_without_dates_says_how_its_loans_are_divided(
    tmp_path: Path, name: str, write: Callable[[date], str], said: str
) -> None:
    path = stored(tmp_path, write, name)
    [found] = [text for text in draft_for(path, DraftRequest("bad")).decisions if text.startswith("date:")]
    assert "evaluates on loans drawn at random" in found
    assert said in found
    asked = draft_for(path, DraftRequest("bad", undated=True))
    assert not any(text.startswith("date:") for text in asked.decisions)


def test_dates_that_all_lie_in_the_future_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, FAULTS[2][0])
    draft = draft_for(path, DraftRequest("bad", "issued", date_format="%d/%m/%Y"))
    with pytest.raises(
        PortfolioError, match="every date in issued lies after today, 2024-06-01: 2562-01-01 to"
    ):
        complete_draft(draft, account_for(draft, TODAY), TODAY)
