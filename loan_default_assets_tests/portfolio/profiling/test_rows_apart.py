"""Rows that belong to no loan or no time: dates long before all others, and lines of totals."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.table_location import footer_rows
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.file_account import account_for, drafted_portfolio
from loan_default_assets.portfolio.profiling.label_inference import infer_label
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for
from loan_default_assets.portfolio.profiling.undecided import Choice, UndecidedError
from loan_default_assets_tests.portfolio.ingest.loan_files import workbook
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

TODAY = date(2024, 6, 1)
ROWS = 600


def counts(*days: tuple[str, int]) -> DayCounts:
    found = DayCounts()
    dates = np.array([day for day, count in days for _ in range(count)], "datetime64[D]")
    found.add(dates, np.ones(len(dates), bool))
    return found


@pytest.mark.parametrize(
    ("days", "apart"),
    [
        ([("1900-01-01", 50), ("2019-01-01", 50), ("2020-01-01", 50)], ["1900-01-01"]),
        ([("1970-01-01", 1), ("2019-01-01", 500)], ["1970-01-01"]),
        ([("1919-03-05", 1), ("2019-01-01", 500)], ["1919-03-05"]),
        ([("1919-03-05", 1), ("1969-03-05", 2), ("2019-01-01", 500)], ["1919-03-05", "1969-03-05"]),
        ([("1900-01-01", 90), ("1919-03-05", 1), ("2019-01-01", 500)], ["1900-01-01"]),
        ([("1995-03-05", 50), ("2019-01-01", 500)], []),
        ([("2015-03-05", 1), ("2019-01-01", 500)], []),
        ([("1970-01-01", 5), ("1970-01-02", 5), ("1971-01-01", 500)], []),
        ([("2019-01-01", 500)], []),
        ([], []),
    ],
)
def test_days_long_before_all_others_are_found(days: list[tuple[str, int]], apart: list[str]) -> None:
    assert [str(day) for day in counts(*days).apart()] == apart


def test_rows_of_a_day_are_numbered_over_all_chunks() -> None:
    found = DayCounts()
    known = np.ones(3, bool)
    found.add(np.array(["2020-01-01", "NaT", "1900-01-01"], "datetime64[D]"), known)
    found.add(np.array(["1900-01-01", "2021-05-05", "2020-01-01"], "datetime64[D]"), known, 3)
    assert found.rows_of(date(1900, 1, 1)) == (2, 3)
    assert found.rows_of(date(2021, 5, 5)) == (1, 5)
    assert found.rows_of(date(2020, 1, 1)) == (2, 1)


def test_a_placeholder_is_said_with_its_rows_and_starts_no_portfolio(tmp_path: Path) -> None:
    days = (np.datetime64("2020-01-01") + np.arange(ROWS)).astype(str)
    days[[7, 20, 33]] = "1900-01-01"
    path = tmp_path / "loans.csv"
    amount = np.random.default_rng(1).lognormal(9, 1, ROWS).round(2)
    frame = pd.DataFrame({"issued": days, "amount": amount, "bad": [int(n % 5 == 0) for n in range(ROWS)]})
    frame.to_csv(path, index=False)
    draft = draft_for(path, DraftRequest("bad", "issued"))
    draft = complete_draft(draft, account_for(draft, TODAY), TODAY)
    p = drafted_portfolio(draft)
    assert p.start == date(2020, 1, 1)
    [said] = [text for text in draft.decisions if "long before all others" in text]
    assert "1900-01-01 in 3 rows, the first is row 8. The portfolio starts after them" in said
    with pytest.raises(SourceError, match=r"before start, 2020-01-01: 3 cells \(rows 8, 21, 34\)"):
        read_partitions(p, p.partition_keys(date(2020, 1, 1), TODAY), today=TODAY)


LOAN = ["K1", "2020-01-01", "1000", "car", "0"]


@pytest.mark.parametrize(
    ("last", "footer"),
    [
        (["", "", "99000", "TOTAL", ""], 1),
        (["", "Grand total", "99000", "", "12"], 1),
        (["", "", "99000", "합계", "12"], 1),
        (["", "Summe:", "99000", "", ""], 1),
        (["Total", "", "99000", "", ""], 1),
        (["K9", "", "1000", "total", "0"], 0),
        (["", "2020-01-01", "1000", "car", "0"], 0),
        (["", "2020-01-01", "1000", "total loss", "0"], 0),
        (["", "", "1000", "car", ""], 0),
        (["Source: core system", " all branches"], 1),
        (["Confidential: internal use", " not for customers"], 1),
        (["K9", "2020-01-01"], 0),
        (["K9 x", "2020-01-01"], 0),
    ],
)
def test_a_line_of_totals_or_prose_is_found_wherever_its_word_stands(last: list[str], footer: int) -> None:
    assert footer_rows([*[LOAN] * 40, last], 5) == footer


def test_a_sum_under_the_label_is_said_to_be_in_one_row() -> None:
    with pytest.raises(UndecidedError) as asked:
        infer_label("bad", {"0": 400, "1": 99, "113": 1}, True)
    [choice] = [choice for choice in asked.value.choices if choice.value == "113"]
    assert choice.text.endswith(
        "in one row: where that is a line of totals or a slip, correct it in the file)"
    )
    assert "in one row" not in "".join(other.text for other in asked.value.choices if other != choice)


@pytest.mark.parametrize("question", ["How many days?", "0 of 182 loans are that old"])
def test_a_question_says_what_must_be_known_to_answer_it(question: str) -> None:
    asked = UndecidedError("horizon_days", question, (Choice("90", "90 days"),), hint="--horizon-days D")
    end = "" if question.endswith("?") else "."
    assert str(asked.after(["sheets: '2021' is not read."])) == (
        f"{question}{end} sheets: '2021' is not read.\n  90 days\nNext: the same command with --horizon-days D"
    )
    assert str(asked.after([])) == str(asked)


def test_the_days_of_one_sheet_of_several_are_asked_about_with_the_others_named(tmp_path: Path) -> None:
    sheets = {}
    for year in (2021, 2022):
        days = (np.datetime64(f"{year}-01-01") + np.arange(ROWS) // 2).tolist()
        rows = [[day, float(n % 97), int(n % 5 == 0)] for n, day in enumerate(days)]
        sheets[str(year)] = [["issued", "amount", "bad"], *rows]
    path = tmp_path / "loans.xlsx"
    path.write_bytes(workbook(sheets))
    with pytest.raises(
        UndecidedError, match="'2022' has the same columns as '2021', and only that one is read"
    ) as asked:
        accounted_draft(draft_for(path, DraftRequest("bad", "issued")), TODAY)
    assert asked.value.option == "horizon_days"
