import gc
import weakref
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.portfolio.checks.pandera_schema import (
    Violation,
    feature_violations,
    partition_violations,
)
from loan_default_assets.portfolio.column_types import postgres_columns
from loan_default_assets.portfolio.features import Features, transform
from loan_default_assets.portfolio.ingest.sources import read_rows
from loan_default_assets.portfolio.spec import load
from loan_default_assets.portfolio.synthetic.generator import generate_partition
from loan_default_assets_tests.portfolio.five_columns import KEYS, TODAY, bank, partitions, portfolio
from loan_default_assets_tests.portfolio.partition_rows import found_violations, small_chunks

OUTCOME = (
    "a value of bad that label.positive or label.negative names in the portfolio (list values without an outcome yet "
    "under label.pending)"
)

Change = Callable[[pd.DataFrame], object]
FORBID = ("values: [A, B, 가]", "unknown: forbid, values: [A, B, 가]")


def put(column: str, row: int, value: object) -> Change:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[row, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("income", 3, np.nan), Violation("income", "not missing", 1, (3,))),
        (put("income", 6, np.inf), Violation("income", "finite", 1, (6,))),
        (put("income", 3, -0.5), Violation("income", "at least 0", 1, (3,))),
        (put("income", 5, 1e6 + 1), Violation("income", "at most 1e+06", 1, (5,))),
        (put("children", 3, 1e39), Violation("children", "finite", 1, (3,))),
        (put("children", 3, 1.5), Violation("children", "a whole number", 1, (3,))),
        (put("grade", 6, None), Violation("grade", "not missing", 1, (6,))),
        (put("grade", 6, "C"), Violation("grade", "one of the portfolio's values", 1, (6,))),
        (put("loan_id", 6, "L3"), Violation("loan_id", "unique", 2, (3, 6))),
        (put("loan_id", 6, None), Violation("loan_id", "not missing", 1, (6,))),
        (put("label", 3, -1.0), Violation("label", OUTCOME, 1, (3,))),
        (
            put("as_of", 3, pd.Timestamp(2024, 1, 2)),
            Violation("as_of", "in the partition 2024-01-03", 1, (3,)),
        ),
        (put("as_of", 3, pd.Timestamp(2025, 1, 1)), Violation("as_of", "not in the future", 1, (3,))),
        (put("as_of", 3, pd.NaT), Violation("as_of", "not missing", 1, (3,))),
        (lambda f: f.insert(0, "more", 1), Violation("more", "described in the portfolio", 3, ())),
        (lambda f: f.pop("children"), Violation("children", "present", 3, ())),
        (lambda f: f.isetitem(4, ["a"] * 3), Violation("income", "of type float64 (got object)", 3, ())),
        (lambda f: f.isetitem(5, [1.0] * 3), Violation("grade", "of type category (got float64)", 3, ())),
    ],
)
def test_a_violation_names_column_check_count_and_rows(
    tmp_path: Path, change: Change, expected: Violation
) -> None:
    p = bank(tmp_path, CLEAN, FORBID)
    frame = partitions(p, ["2024-01-03"])[0].frame
    assert partition_violations(p, frame, "2024-01-03", TODAY) == []
    frame["grade"] = frame["grade"].cat.add_categories("C")
    change(frame)
    assert expected in partition_violations(p, frame, "2024-01-03", TODAY)


CLEAN = """\
id,issued,bad,income,grade,children,hired,note
L1,2024-01-01,0,50000.5,A,0,2020-01-01,first
L2,2024-01-01,1,20000,B,2,,
L3,2024-01-03,0,70000,A,,2023-12-31,x
L4,2024-01-02,,10,B,1,2024-01-02,x
L5,2024-01-03,1,0,A,3,1999-05-05,x
L6,2024-01-03,0,999999,B,0,2001-01-01,y
"""


def test_unknown_categories_and_loans_without_an_outcome_pass_when_allowed(tmp_path: Path) -> None:
    p = bank(tmp_path, CLEAN.replace(",B,", ",Z,"))
    assert [partition_violations(p, part.frame, part.key, TODAY) for part in partitions(p)] == [
        [],
        [],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("violation", "message"),
    [
        (Violation("x", "unique", 1, (7,)), "column x: must be unique; fails on 1 row: 7"),
        (Violation("x", "unique", 2, (1, 7)), "column x: must be unique; fails on 2 rows: 1, 7"),
        (Violation("x", "unique", 3, (1, 7)), "column x: must be unique; fails on 3 rows: 1, 7, ..."),
        (Violation("x", "present", 3, ()), "column x: must be present; fails on 3 rows"),
    ],
)
def test_the_message_of_a_violation(violation: Violation, message: str) -> None:
    assert str(violation) == message


def test_counts_go_beyond_the_twenty_rows_shown(tmp_path: Path) -> None:
    p = bank(tmp_path, CLEAN + "".join(f"M{n},2024-01-03,0,-1,A,0,,x\n" for n in range(50)))
    violations = partition_violations(p, partitions(p, ["2024-01-03"])[0].frame, "2024-01-03", TODAY)
    assert violations == [Violation("income", "at least 0", 50, tuple(range(7, 27)))]
    assert str(violations[0]).startswith("column income: must be at least 0; fails on 50 rows: 7, 8,")
    assert str(violations[0]).endswith("26, ...")


@pytest.mark.parametrize("csv", [CLEAN, CLEAN.replace("70000", "-1"), CLEAN.replace("L6", "L3")])
def test_validation_in_batches_equals_validation_one_by_one(tmp_path: Path, csv: str) -> None:
    p = bank(tmp_path, csv)
    one_by_one = [
        (part.key, violation)
        for part in partitions(p)
        if len(part.frame)
        for violation in partition_violations(p, part.frame, part.key, TODAY)
    ]
    assert found_violations(p, KEYS, today=TODAY) == one_by_one
    assert bool(one_by_one) == (csv != CLEAN)


def test_a_loan_id_may_repeat_in_another_partition(tmp_path: Path) -> None:
    p = bank(tmp_path, CLEAN.replace("L3", "L1"))
    assert found_violations(p, KEYS, today=TODAY) == []


def test_rows_beyond_the_first_full_batch_are_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = bank(tmp_path, CLEAN.replace("70000", "-1"))
    small_chunks(monkeypatch, 1)
    assert len(list(read_rows(p, KEYS, today=TODAY))) > 1
    assert [key for key, _ in found_violations(p, KEYS, today=TODAY)] == ["2024-01-03"]


@pytest.mark.parametrize(
    ("numbers", "code", "label", "expected"),
    [
        (1.0, 2, 0, []),
        (np.nan, 0, -1, []),
        (np.nan, 1, np.nan, []),
        (np.inf, 2, 0, [Violation("income", "finite or missing", 1, (2,))]),
        (1.0, 5, 0, [Violation("grade", "a known code", 1, (2,))]),
        (1.0, -1, 0, [Violation("grade", "a known code", 1, (2,))]),
        (1.0, 2, 2, [Violation("label", "0, 1 or none", 1, (2,))]),
    ],
)
def test_a_violation_of_features_names_column_check_and_rows(
    tmp_path: Path, numbers: float, code: int, label: float, expected: list[Violation]
) -> None:
    made = Features(np.ones((3, 4), np.float32), np.full((3, 1), 2, np.int16))
    made.numerical[1, 0], made.categorical[1, 0] = numbers, code
    assert feature_violations(portfolio(tmp_path), made, np.array([0, label, 1])) == expected


def test_generated_loans_pass_as_raw_rows_and_as_features() -> None:
    for name in ("demo", "realistic"):
        p = load(name)
        frame = generate_partition(p, "2025-01-01")
        assert partition_violations(p, frame, "2025-01-01", date(2025, 1, 1)) == []
        made = transform(p, frame, frame["as_of"])
        assert feature_violations(p, made, frame["label"].to_numpy()) == []


def test_types_in_postgresql(tmp_path: Path) -> None:
    assert postgres_columns(portfolio(tmp_path)) == {
        "income": "double precision",
        "grade": "text",
        "children": "bigint",
        "hired": "date",
        "note": "text",
    }


def test_a_frame_is_not_kept_after_its_validation(tmp_path: Path) -> None:
    p = bank(tmp_path, CLEAN)
    (part,) = partitions(p, ["2024-01-03"])
    assert partition_violations(p, part.frame, part.key, TODAY) == []
    gc.collect()
    gc.disable()
    try:
        frame = part.frame.copy()
        assert partition_violations(p, frame, part.key, TODAY) == []
        kept = weakref.ref(frame)
        del frame
        assert kept() is None
    finally:
        gc.enable()
