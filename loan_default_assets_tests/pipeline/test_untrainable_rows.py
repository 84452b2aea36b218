"""Loans whose outcomes or dates leave a part of the split empty: refused before the training, with the next step."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.splits import split
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.readiness import check_readiness
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.pipeline.untrainable_rows import missing_rows
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.warehouse import samples

ROWS = 400
FIRST = np.datetime64("2024-01-01")
CUTOFF = date(2024, 12, 31)
SPREAD = FIRST + np.arange(ROWS) % 200
DATED = samples.portfolio()
OBSERVED = samples.portfolio(label={"column": "bad", "observed_at": "settled"})
UNDATED = samples.portfolio(
    as_of=None, start=None, label={"column": "bad"}, columns={"amount": samples.COLUMNS["amount"]}
)
OUTCOMES = np.tile(np.array([0, 1, 0, 0], np.int8), ROWS // 4)


def snapshot(day: np.ndarray, label: np.ndarray, known_after: int) -> TrainingSnapshot:
    rows = LoanRows(
        partition_key=day.astype(str),
        loan_id=np.array([f"{row:04d}" for row in range(ROWS)]),
        as_of=day,
        numerical=np.zeros((ROWS, 1), np.float32),
        categorical=np.zeros((ROWS, 1), np.int16),
        label=label,
        label_observed_at=day + known_after,
    )
    parts = split(rows.as_of, rows.loan_id, rows.label, rows.label_observed_at, CUTOFF, SplitLimits(50, 1))
    return TrainingSnapshot(rows, parts, CUTOFF, rows.digest())


@pytest.mark.parametrize(
    ("portfolio", "day", "label", "known_after", "said"),
    [
        (DATED, SPREAD, np.full(ROWS, -1, np.int8), 30, ["no loan has an outcome", "column bad", "label.pending"]),
        (
            DATED,
            SPREAD,
            OUTCOMES,
            800,
            ["none of the 400 loans", "cutoff 2024-12-31", "label.horizon_days 30 days old by column day"],
        ),
        (OBSERVED, SPREAD, OUTCOMES, 800, ["none of the 400 loans", "column settled (label.observed_at) are later"]),
        (
            DATED,
            np.full(ROWS, FIRST),
            OUTCOMES,
            30,
            ["all 400 loans with an outcome have the same date (column day)", "loan-default init FILE --no-date"],
        ),
        (DATED, np.full(ROWS, FIRST), OUTCOMES, 800, ["all 400 loans with an outcome have the same date"]),
        (
            DATED,
            np.where(np.arange(ROWS) % 4, FIRST + 1, FIRST),
            OUTCOMES,
            30,
            ["too many of the 400 matured loans have the newest of the 2 dates (column day)"],
        ),
    ],
    ids=["no outcome", "all immature", "all observed later", "one date", "one immature date", "newest date"],
)  # fmt: skip
def test_what_is_missing_is_named_before_the_leakage_check(
    portfolio: Portfolio, day: np.ndarray, label: np.ndarray, known_after: int, said: list[str]
) -> None:
    checks = check_readiness(portfolio, snapshot(day, label, known_after), 0.1)
    assert [check.name for check in checks] == ["both_classes", "label_maturity"]
    [problem] = [check.description for check in checks if check.name == "label_maturity"]
    assert not checks[1].passed
    assert [text for text in (*said, "Next: ") if text not in problem] == []


def test_loans_of_several_dates_or_without_dates_miss_nothing() -> None:
    assert missing_rows(DATED, snapshot(SPREAD, OUTCOMES, 30)) is None
    nowhen = np.full(ROWS, np.datetime64("NaT", "D"))
    assert missing_rows(UNDATED, snapshot(nowhen, OUTCOMES, 30)) is None


def test_loans_of_one_date_stop_before_the_pretraining(database_url: str, tmp_path: Path) -> None:
    frame: pd.DataFrame = small_bank.loans()
    frame["issued"] = small_bank.START.isoformat()
    steps = BankSteps.open(tmp_path, database_url, frame)
    steps.load()
    steps.features()
    with pytest.raises(
        ChecksFailedError, match=r"loans with an outcome have the same date \(column issued\)"
    ):
        steps.train()
    assert steps.registry.history() == []
