"""Parts of stacks side by side: the same bits, even groups, and no more processes than are worthwhile."""

from collections.abc import Sequence
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from loan_default_assets.model import stack_tasks
from loan_default_assets.model.boosting import FittedBoosting
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.stack_tasks import PARTS, StackRows, _even_groups, processes_for
from loan_default_assets.model.stacking import Stack, fit_stacks
from loan_default_assets_tests.model.examples import CARDINALITIES, loans
from loan_default_assets_tests.model.reversed_tasks import ReversedTasks

CONFIG = ModelConfig(boosting_rounds=6, boosting_folds=2)


def two_stacks() -> StackRows:
    rows = loans(300)
    encoding = Encoding.fit(rows, CARDINALITIES, CONFIG)
    encoded = encoding.transform(rows.numerical, rows.categorical)
    return StackRows(encoded, rows.outcome(), encoding.cardinalities, (np.arange(200), np.arange(50, 300)))


def assert_same(one: Sequence[Stack], two: Sequence[Stack]) -> None:
    for first, second in zip(one, two, strict=True):
        assert (first.log_odds == second.log_odds).all()
        assert first.trees_share == second.trees_share
        for name in ("trees", "additive"):
            mine, other = getattr(first, name), getattr(second, name)
            assert all(
                np.array_equal(getattr(mine, field.name), getattr(other, field.name))
                for field in fields(mine)
            )


@pytest.mark.parametrize("processes", [2, 3])
def test_side_by_side_gives_the_same_stacks_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(stack_tasks, "WORTHWHILE_SECONDS", 0.1)
    rows = two_stacks()
    assert_same(fit_stacks(rows, CONFIG), fit_stacks(rows, CONFIG, processes=processes))


def test_stacks_fitted_as_tasks_are_the_same_and_keep_no_memory_of_the_engine() -> None:
    engine = ReversedTasks()
    rows = two_stacks()
    alone, as_tasks = fit_stacks(rows, CONFIG), fit_stacks(rows, CONFIG, run_tasks=engine.run_tasks)
    assert len(engine.returned) == 2 * PARTS
    for parts in engine.returned:
        for part in parts:
            part.out_of_fold.fill(7.0)
            model = part.trees if isinstance(part, FittedBoosting) else part.model
            for field in fields(model):
                getattr(model, field.name).fill(1)
    assert_same(alone, as_tasks)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_groups_have_every_part_once_and_are_even(count: int) -> None:
    every = [(stack, part) for stack in (0, 1) for part in range(PARTS)]
    groups = _even_groups(every, [1000, 1250], count)
    assert sorted(part for group in groups for part in group) == every
    assert len(groups) == count
    assert all(groups)
    if count == 2:
        times = [
            sum((1000, 1250)[stack] * stack_tasks._TIMES[part] for stack, part in group) for group in groups
        ]
        assert max(times) < 1.1 * min(times)


@pytest.mark.parametrize(
    ("cores", "gigabytes", "rows", "requested", "expected"),
    [
        (2, 16, [19_200, 24_000], 0, 2),
        (16, 64, [19_200, 24_000], 0, 8),
        (16, 64, [19_200, 24_000], 3, 3),
        (16, 64, [19_200, 24_000], 1, 1),
        (16, 256, [190_000, 240_000], 0, 12),
        (1.4, 16, [19_200, 24_000], 0, 1),
        (2, 16, [640, 800], 0, 1),
        (2, 16, [640, 800], 2, 1),
        (16, 4, [2_000_000, 2_500_000], 0, 1),
        (16, 16, [2_000_000, 2_500_000], 0, 4),
        (2, 16, [], 0, 1),
    ],
)
def test_as_many_processes_as_cores_memory_and_work_allow(
    monkeypatch: pytest.MonkeyPatch,
    cores: float,
    gigabytes: int,
    rows: list[int],
    requested: int,
    expected: int,
) -> None:
    monkeypatch.setattr(stack_tasks, "free_cores", lambda: cores)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=gigabytes << 30))
    assert processes_for(rows, 23, requested) == expected
