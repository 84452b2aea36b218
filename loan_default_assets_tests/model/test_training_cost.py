import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from loan_default_assets.model import member_processes, training_cost
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training_cost import PROCESS_START, StepCost, measure_steps

CONFIG = ModelConfig(
    num_layers=1, d_model=8, dim_feedforward=8, head_hidden=8, projection=8, batch_size=16, device="cpu"
)
STEP, SCORED = 0.5, 0.001


class Clock:
    """A clock that trainings advance by what their steps cost, so that the measurement can be compared with it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: list[int] = []
        # A first use, and a pass that another program disturbs.
        self.slower_scores = [9.0, 0.0, 2.0]

    def pretrain(self, rows: Rows, encoding: Any, config: ModelConfig) -> None:
        steps = math.ceil(len(rows) / config.pretrain_batch_size)
        self.rows.append(len(rows))
        self.now += 3 + config.pretrain_epochs * steps * 2 * STEP

    def fit(self, start: Any, train: Rows, validation: Rows, config: ModelConfig) -> None:
        steps = math.ceil(len(train) / config.batch_size) * config.min_steps
        self.rows.append(len(train))
        self.now += 7 + config.max_epochs * (steps * STEP + len(validation) * SCORED)

    def blockwise(self, network: Any, rows: EncodedRows) -> torch.Tensor:
        self.now += len(rows) * SCORED + (self.slower_scores.pop(0) if self.slower_scores else 0)
        return torch.zeros(len(rows))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(training_cost, "pretrain", clock.pretrain)
    monkeypatch.setattr(training_cost, "fit", clock.fit)
    monkeypatch.setattr(training_cost, "blockwise", clock.blockwise)
    monkeypatch.setattr("time.perf_counter", lambda: clock.now)
    return clock


def test_the_cost_of_a_step_is_measured_without_what_a_training_costs_once(clock: Clock) -> None:
    cost = measure_steps(3, (4, 4), CONFIG, seconds=6)
    assert cost.fit_row == pytest.approx(STEP / CONFIG.batch_size)
    assert cost.pretrain_step == pytest.approx(2 * STEP)
    assert cost.scored_row == pytest.approx(SCORED)


def test_a_wide_network_is_timed_on_fewer_rows(clock: Clock) -> None:
    clock.slower_scores.clear()
    cost = measure_steps(512, (), CONFIG)
    assert max(clock.rows) == 2
    assert cost.fit_row == pytest.approx(STEP / 2)
    assert cost.pretrain_step == pytest.approx(2 * STEP * CONFIG.pretrain_batch_size / 2)


def test_randomness_stays_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    measure_steps(3, (4, 4), CONFIG, seconds=0.01)
    assert torch.equal(torch.rand(3), expected)


FIT = ModelConfig(
    batch_size=10, max_epochs=2, min_steps=4, members=3, pretrain_epochs=3, pretrain_batch_size=20
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        # Each of three transformers is fitted on two thirds of the validation rows, and stopped by the others.
        (lambda cost: cost.fine_tuning(100, 60), 3 * 2 * (140 * 0.25 + 20 * 0.01)),
        # Two steps of ten rows are repeated until there are four.
        (lambda cost: cost.fine_tuning(20, 0), 3 * 2 * 40 * 0.25),
        (lambda cost: cost.pretraining(100), 3 * 5 * 0.5),
        (lambda cost: cost.pretraining(1), 0),
        (lambda cost: cost.fine_tuning(0, 5), 0),
        # Measured: 27.9 and 55.6 s where all 600 rounds gain, and a sixth more side by side.
        (lambda cost: cost.stacks([2_000, 8_000], 20), 96),
        (lambda cost: replace(cost, config=ModelConfig(boosting_rounds=300)).stacks([8_000], 20), 32),
    ],
)
def test_the_cost_of_a_training_is_that_of_its_steps(
    seconds: Callable[[StepCost], float], expected: float
) -> None:
    assert seconds(StepCost(FIT, 0.5, 0.25, 0.01)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cores", "processes", "members"),
    [(1, 0, 3.0), (2, 0, 1.5), (3, 0, 1.0), (8, 0, 1.0), (2, 1, 3.0), (2, 2, 2.0), (1, 3, 3.0)],
)
def test_transformers_side_by_side_cost_the_time_of_fewer(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int, members: float
) -> None:
    for module in (training_cost, member_processes):
        monkeypatch.setattr(module, "free_cores", lambda: float(cores))
    one = 2 * (140 * 0.25 + 20 * 0.01)
    start = PROCESS_START if (cores, processes) not in ((1, 0), (2, 1)) else 0
    found = StepCost(FIT, 0.5, 0.25, 0.01, processes).fine_tuning(100, 60)
    assert found == pytest.approx(start + members * one)


def test_random_rows_have_both_outcomes_and_codes_in_range() -> None:
    rows = training_cost._rows(50, 2, (3, 9))
    assert set(rows.outcome().tolist()) == {0, 1}
    assert (rows.categorical.max(axis=0) < np.array([3, 9])).all()
