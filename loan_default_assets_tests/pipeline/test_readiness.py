from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.splits import split
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.readiness import both_classes, label_maturity, no_leakage
from loan_default_assets.pipeline.snapshot_leakage import attested_features
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.warehouse import samples

DAYS = 50
MATURED_DAYS = 41
CUTOFF = date(2025, 2, 15)
PORTFOLIO = samples.portfolio()


def snapshot(**changes: Any) -> TrainingSnapshot:
    """Two loans per day, one of them a default, whose outcome is known after five days."""
    day = np.repeat(np.datetime64("2025-01-01") + np.arange(DAYS), 2)
    columns: dict[str, Any] = {
        "partition_key": day.astype(str),
        "loan_id": np.array([f"{row:04d}" for row in range(2 * DAYS)]),
        "as_of": day,
        "numerical": np.zeros((2 * DAYS, 1), np.float32),
        "categorical": np.zeros((2 * DAYS, 1), np.int16),
        "label": np.tile(np.array([0, 1], np.int8), DAYS),
        "label_observed_at": day + 5,
    }
    rows = LoanRows(**(columns | changes))
    parts = split(rows.as_of, rows.loan_id, rows.label, rows.label_observed_at, CUTOFF, SplitLimits(10, 1))
    return TrainingSnapshot(rows, parts, CUTOFF, rows.digest())


def test_matured_rows_of_both_classes_are_ready() -> None:
    ready = snapshot()
    classes, maturity = both_classes(ready), label_maturity(PORTFOLIO, ready)
    assert classes.passed
    assert classes.figures["training_defaults"] == classes.figures["training_others"] > 0
    assert maturity.passed
    immature = 2 * (DAYS - MATURED_DAYS)
    assert maturity.figures["immature_rows_excluded"] == immature == len(ready.split.immature)
    assert maturity.figures["used_rows"] == 2 * MATURED_DAYS


def test_one_class_is_not_ready() -> None:
    check = both_classes(snapshot(label=np.zeros(2 * DAYS, np.int8)))
    assert not check.passed
    assert "no training defaults, no validation defaults" in check.description
    assert check.figures["training_defaults"] == 0


@pytest.mark.parametrize("fault", ["early label", "overlap"])
def test_a_label_of_the_future_or_a_training_row_in_the_window_is_not_ready(fault: str) -> None:
    ready = snapshot()
    rows, parts = ready.rows, ready.split
    if fault == "early label":
        rows.label_observed_at[parts.validation[0]] = np.datetime64(CUTOFF + timedelta(days=1))
        expected = "1 labels are used before they are known; 0 training rows lie in the window"
    else:
        rows.as_of[parts.train[:3]] = rows.as_of[parts.window[0]]
        expected = "0 labels are used before they are known; 3 training rows lie in the window"
    check = label_maturity(PORTFOLIO, ready)
    assert not check.passed
    assert check.description == expected


def test_a_column_that_knows_the_outcome_stops_the_training(database_url: str, tmp_path: Path) -> None:
    frame = small_bank.loans()
    frame["defaulted"] = np.random.default_rng(0).integers(0, 2, len(frame))
    frame["collected"] = frame["amount"].where(frame["defaulted"] == 1, 0.0)
    steps = BankSteps.open(tmp_path, database_url, frame, known_after_outcome=[])
    steps.load()
    steps.features()
    with pytest.raises(ChecksFailedError, match="features that may know the outcome: collected") as error:
        steps.train()
    assert [(check.name, check.passed) for check in error.value.checks] == [
        ("both_classes", True),
        ("label_maturity", True),
        ("no_leakage", False),
    ]
    leakage = error.value.checks[-1]
    assert [entry.feature for entry in leakage.evidence if entry.blocking] == ["collected"]
    assert "add `known_after_outcome: [collected]`" in leakage.description
    assert steps.registry.history() == []


def test_a_column_that_knows_the_outcome_stops_the_pretraining(database_url: str, tmp_path: Path) -> None:
    steps = BankSteps.open(tmp_path, database_url, known_after_outcome=[])
    steps.load()
    steps.features()
    with pytest.raises(ChecksFailedError, match="features that may know the outcome: collected"):
        steps.pretrain()
    assert steps.registry.history() == []


def test_attested_columns_are_reported_and_do_not_stop_the_training(
    database_url: str, tmp_path: Path
) -> None:
    attested = ["income", "amount", "collected"]
    steps = BankSteps.open(tmp_path, database_url, known_after_outcome=[], known_at_application=attested)
    steps.load()
    steps.features()
    check = no_leakage(steps.portfolio, steps.snapshot(), steps.settings.leakage_auc_limit)
    assert check.passed
    assert "attested under known_at_application: collected, share" in check.description
    assert {entry.feature for entry in check.evidence if entry.attested} == {*attested, "share"}


def test_derived_features_are_attested_through_their_columns(tmp_path: Path) -> None:
    one = small_bank.bank(tmp_path, known_at_application=["income"])
    assert attested_features(one) == {"income"}
    both = small_bank.bank(tmp_path)
    assert attested_features(both) == {"income", "amount", "share"}
    generated = load("realistic")
    assert attested_features(generated) == {*generated.features.numerical, *generated.features.categorical}


def test_rows_of_one_class_stop_the_training_before_the_leakage_check(
    database_url: str, tmp_path: Path
) -> None:
    frame = small_bank.loans()
    last_matured = small_bank.START + timedelta(days=40 - small_bank.HORIZON)
    frame["defaulted"] = frame["defaulted"].where(frame["issued"] > last_matured.isoformat(), 0)
    steps = BankSteps.open(tmp_path, database_url, frame)
    steps.load()
    steps.features()
    with pytest.raises(ChecksFailedError, match="no training defaults, no validation defaults") as error:
        steps.train()
    assert [(check.name, check.passed) for check in error.value.checks] == [
        ("both_classes", False),
        ("label_maturity", True),
    ]
