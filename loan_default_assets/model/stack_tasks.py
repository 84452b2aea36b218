"""The parts of stacks of boosting and additive models, fitted one after the other or side by side.

A part has one thread and the seed of its stack, so that it is the same bit for bit wherever it is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from loan_default_assets.model.additive_fitting import SEGMENTS, FittedAdditive, Fold, fit_additive
from loan_default_assets.model.boosting import KINDS, FittedBoosting, fit_boosting
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.symmetric_boosting import fit_symmetric_boosting
from loan_default_assets.model.task_processes import (
    FEWEST_FREE_CORES,
    RunTasks,
    TaskProcesses,
    free_cores,
    may_have_processes,
)

TREES = len(KINDS) + 1
# Linear pieces per numerical feature of each additive model.
ADDITIVE = (1, SEGMENTS)
PARTS = TREES + len(ADDITIVE)
# About how long the parts take beside one another: docs/decisions/member-processes.md.
_TIMES = (*[2.0] * len(KINDS), 4.0, 0.5, 1.5)
# Seconds of work per process from which processes of their own are worth their start.
WORTHWHILE_SECONDS = 10.0
# Seconds of a stack on one core of a small server; at most, by the root of the number of cells, where every round of
# boosting still gains: the loans are easy to tell apart. Parts that are fitted side by side slow each other down.
_STACK, _STACK_PER_CELL, _MOST_PER_ROOT = 2.0, 8e-5, 0.16
# Bytes of a process: libraries, and what it holds of the rows beside what is shared.
_BYTES, _BYTES_PER_CELL = 7e8, 24.0


@dataclass(frozen=True)
class StackRows:
    """Rows that stacks are fitted on.

    Attributes:
        encoded: N encoded rows.
        outcome: (n,) bool, True for a default.
        cardinalities: Number of codes of each categorical feature.
        selections: Positions of the rows of each stack.

    Examples:
        >>> encoded = EncodedRows(torch.zeros(6, 2), torch.zeros(6, 0, dtype=torch.int64))
        >>> rows = StackRows(encoded, np.arange(6) > 2, (), (np.arange(4), np.arange(6)))
        >>> [len(index) for index in rows.selections]
        [4, 6]
    """

    encoded: EncodedRows
    outcome: np.ndarray
    cardinalities: tuple[int, ...]
    selections: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class PartsTask:
    """What a process fits, beside the rows.

    Attributes:
        parts: The number of the stack and that of the part, of each.
        cardinalities: Number of codes of each categorical feature.
        seed: Seed of the trees.
        max_rounds: Most rounds of each kind of boosting.
        folds: Fitted and held-out positions in the rows of each stack.

    Examples:
        >>> PartsTask(((0, 3),), (4, 4), seed=0, max_rounds=600, folds=([],)).parts
        ((0, 3),)
    """

    parts: tuple[tuple[int, int], ...]
    cardinalities: tuple[int, ...]
    seed: int
    max_rounds: int
    folds: tuple[Sequence[Fold], ...]


Part = FittedBoosting | FittedAdditive


def fit_parts(
    rows: StackRows,
    folds: Sequence[Sequence[Fold]],
    config: ModelConfig,
    processes: int = 1,
    run_tasks: RunTasks | None = None,
) -> list[list[Part]]:
    """All parts of each stack: the kinds of trees, then the additive models.

    Args:
        rows: Rows of the stacks.
        folds: Fitted and held-out positions in the rows of each stack.
        config: Seed and most rounds.
        processes: Most processes; 0 for what the machine and the number of cells make worthwhile, 1 for none beside
            the present one.
        run_tasks: Fits the parts as tasks of a cluster, of one CPU each, instead.

    Examples:
        >>> encoded = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> rows = StackRows(encoded, np.arange(60) >= 30, (), (np.arange(60),))
        >>> [len(parts) for parts in fit_parts(rows, [[]], ModelConfig(boosting_rounds=6))]
        [6]
    """
    every = [(stack, part) for stack in range(len(rows.selections)) for part in range(PARTS)]
    if run_tasks is not None:
        groups = [[one] for one in every]
    else:
        features = rows.encoded.numerical.shape[1] + rows.encoded.categorical.shape[1]
        sizes = [len(index) for index in rows.selections]
        count = processes_for(sizes, features, processes) if may_have_processes() else 1
        groups = _even_groups(every, sizes, count)
        if count > 1:
            run_tasks = TaskProcesses(count, ["boosting and additive models"] * count).run_tasks
    tasks = [
        PartsTask(tuple(group), rows.cardinalities, config.seed, config.boosting_rounds, tuple(folds))
        for group in groups
    ]
    arrays = _arrays(rows)
    fitted = (
        [fit_in_task(arrays, task) for task in tasks]
        if run_tasks is None
        # Copies: what an engine returns may lie in memory that ends with its connection.
        else deepcopy(run_tasks(fit_in_task, arrays, tasks, lambda number, value: None))
    )
    found = {
        part: model
        for task, models in zip(tasks, fitted, strict=True)
        for part, model in zip(task.parts, models, strict=True)
    }
    return [[found[stack, part] for part in range(PARTS)] for stack in range(len(rows.selections))]


def fit_in_task(
    arrays: dict[str, np.ndarray], task: PartsTask, report: Callable[[object], None] | None = None
) -> list[Part]:
    """Fit parts anywhere.

    Args:
        arrays: The rows by name.
        task: What else the parts need.
        report: Not called.

    Returns:
        The parts, in the order of the task.

    Examples:
        >>> arrays = {
        ...     "numerical": np.arange(60, dtype=np.float32)[:, None],
        ...     "categorical": np.zeros((60, 0), np.int64),
        ...     "outcome": np.arange(60) >= 30,
        ...     "rows of stack 0": np.arange(20, 50),
        ... }
        >>> (additive,) = fit_in_task(arrays, PartsTask(((0, PARTS - 1),), (), 0, 6, ([],)))
        >>> additive.out_of_fold.shape
        (30,)
    """
    from threadpoolctl import threadpool_limits

    found: list[Part] = []
    # Threads of one process that share cores with another process wait for each other at every split.
    with threadpool_limits(1):
        for stack, part in task.parts:
            index = arrays[f"rows of stack {stack}"]
            encoded = EncodedRows(
                *(torch.from_numpy(arrays[name][index]) for name in ("numerical", "categorical"))
            )
            outcome, folds = arrays["outcome"][index], task.folds[stack]
            common = (encoded, outcome, task.cardinalities, folds)
            if part < len(KINDS):
                found += fit_boosting(*common, task.seed, task.max_rounds, kinds=KINDS[part : part + 1])
            elif part < TREES:
                found.append(fit_symmetric_boosting(*common, task.seed, task.max_rounds))
            else:
                found.append(fit_additive(*common, segments=ADDITIVE[part - TREES]))
    return found


def estimated_seconds(rows: int, features: int) -> float:
    """About how long the parts of one stack take, one after the other, on one core of a small server.

    Examples:
        >>> 30 < estimated_seconds(19200, 23) < 60
        True
    """
    return _STACK + rows * features * _STACK_PER_CELL


def longest_seconds(rows: int, features: int, rounds: int = ModelConfig.boosting_rounds) -> float:
    """About how long they take at most: with all `rounds` of boosting, in every fold.

    Examples:
        >>> round(longest_seconds(8000, 20)), round(longest_seconds(8000, 20, 300))
        (64, 32)
        >>> longest_seconds(1_000_000, 20) == estimated_seconds(1_000_000, 20)
        True
    """
    every_round = _MOST_PER_ROOT * math.sqrt(rows * features) * rounds / ModelConfig.boosting_rounds
    return max(every_round, estimated_seconds(rows, features))


def processes_for(rows: Sequence[int], features: int, requested: int) -> int:
    """How many processes fit the parts of some stacks.

    Args:
        rows: Rows of each stack.
        features: Numerical and categorical features.
        requested: Most processes; 0 for one per core that other programs leave free.

    Returns:
        The number of processes; 1 where the present one fits them all.

    Examples:
        >>> processes_for([19200, 24000], 23, 2), processes_for([19200, 24000], 23, 1), processes_for([640], 18, 2)
        (2, 1, 1)
    """
    seconds = sum(estimated_seconds(count, features) for count in rows)
    most = requested or (round(cores) if (cores := free_cores()) >= FEWEST_FREE_CORES else 1)
    each = _BYTES + max(rows, default=0) * features * _BYTES_PER_CELL
    memory = psutil.virtual_memory().available / 2
    return max(min(most, PARTS * len(rows), int(seconds / WORTHWHILE_SECONDS), int(memory / each)), 1)


def _even_groups(
    parts: Sequence[tuple[int, int]], rows: Sequence[int], count: int
) -> list[list[tuple[int, int]]]:
    """The parts in `count` groups that take about equally long: the longest first, each to the shortest group."""
    groups: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    times = [0.0] * count
    for stack, part in sorted(parts, key=lambda one: -rows[one[0]] * _TIMES[one[1]]):
        shortest = times.index(min(times))
        groups[shortest].append((stack, part))
        times[shortest] += rows[stack] * _TIMES[part]
    return groups


def _arrays(rows: StackRows) -> dict[str, np.ndarray]:
    cells = {"numerical": rows.encoded.numerical, "categorical": rows.encoded.categorical}
    return {
        **{name: tensor.cpu().numpy() for name, tensor in cells.items()},
        "outcome": rows.outcome,
        **{f"rows of stack {number}": index for number, index in enumerate(rows.selections)},
    }
