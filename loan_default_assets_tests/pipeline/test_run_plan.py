from collections.abc import Callable
from pathlib import Path

import pytest

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.training_cost import StepCost
from loan_default_assets.pipeline.run_plan import RunPlan, TrainingRows, plan_run
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

CONFIG = ModelConfig(
    batch_size=10, max_epochs=2, min_steps=1, pretrain_epochs=1, members=1, boosting=False, teacher=0.0
)
COST = StepCost(CONFIG, 0.5, 0.025, 0.01)
LIMITS = SplitLimits(min_rows=300, min_positives=30)


@pytest.fixture
def planned(steps: BankSteps) -> Callable[..., RunPlan]:
    def plan(days: int = 40, *, package: bool = False) -> RunPlan:
        keys = steps.keys[:days]
        return plan_run(steps.portfolio, steps.loans, keys, COST, limits=LIMITS, package=package)

    return plan


def test_rows_are_planned_as_they_are_split_later(steps: BankSteps, planned: Callable[..., RunPlan]) -> None:
    rows = planned().rows
    steps.load()
    steps.features()
    split = read_snapshot(steps.loans, LIMITS).split
    assert rows is not None
    expected = TrainingRows(
        len(split.train) + len(split.immature), len(split.train), len(split.validation), len(split.window)
    )
    # Splits are in whole days.
    for name in ("pretraining", "training", "validation", "window"):
        assert getattr(rows, name) == pytest.approx(getattr(expected, name), rel=0.2), name
    assert (rows.before_sampling, rows.window_defaults) == (0, None)


def test_the_training_costs_its_steps(planned: Callable[..., RunPlan]) -> None:
    plan = planned(package=True)
    rows = plan.rows
    assert rows is not None
    fitting = 2 * (rows.training / 10 * 0.25 + rows.validation * 0.01)
    assert plan.seconds["classifier"] == pytest.approx(fitting, abs=2)
    assert list(plan.seconds) == [
        "raw_loans",
        "processed_features",
        "pretrained_encoder",
        "classifier",
        "evaluation",
        "champion",
        "classifier_bento",
    ]
    assert list(plan.training_seconds) == list(plan.seconds)[2:]


def test_what_is_stored_is_counted_for_the_requested_partitions(
    steps: BankSteps, planned: Callable[..., RunPlan]
) -> None:
    assert (planned().stored, planned().stored_partitions) == (0, 0)
    steps.load(steps.keys[:20])
    assert (planned(30).stored, planned(30).stored_partitions) == (1200, 20)
    assert (planned(5).stored, planned(5).stored_partitions) == (300, 5)


def test_a_source_that_cannot_be_read_is_left_to_the_step_that_loads_it(
    steps: BankSteps, planned: Callable[..., RunPlan]
) -> None:
    Path(steps.portfolio.source.path or "").unlink()
    plan = planned()
    assert (plan.source, plan.rows) == (None, None)
