"""One transformer of a classifier fitted away from the run's own process: what is sent, done and returned."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows, Encoding
from loan_default_assets.model.fine_tuning import FittedMember, StartingWeights, fine_tune
from loan_default_assets.model.labelled_rows import LabelledRows
from loan_default_assets.model.task_processes import RunTasks
from loan_default_assets.model.training_loop import Epoch, EpochReports, OnEpoch


@dataclass(frozen=True)
class MemberTask:
    """What another process needs beside the rows.

    Attributes:
        start: Weights to start from, as numpy arrays.
        encoding: The encoding of the rows.
        config: Settings, with batch size, learning rate and epochs resolved.
        member: Number of the member, from 0.
        last: Members that follow one another up to this one and after it: their epochs count as remaining.

    Examples:
        >>> from loan_default_assets.model.rows import Rows
        >>> encoding = Encoding.fit(Rows(np.eye(6, 3), np.full((6, 2), 2)), (4, 4), ModelConfig())
        >>> task = MemberTask.of(StartingWeights({"w": torch.zeros(2)}), encoding, ModelConfig(), 0, 1)
        >>> type(task.start.state["w"]).__name__
        'ndarray'
    """

    start: StartingWeights
    encoding: Encoding
    config: ModelConfig
    member: int
    last: int

    @classmethod
    def of(
        cls, start: StartingWeights, encoding: Encoding, config: ModelConfig, member: int, last: int
    ) -> MemberTask:
        """The task of a member that starts from tensors."""
        return cls(replace(start, state=_numpy(start.state)), encoding, config, member, last)


def fit_in_task(
    arrays: dict[str, np.ndarray], task: MemberTask, report: Callable[[Epoch], None]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Fit one member anywhere.

    Args:
        arrays: The rows.
        task: What else the member needs.
        report: Called with the report of each epoch.

    Returns:
        Weights and validation log-odds of the member.

    Examples:
        >>> from loan_default_assets.model.network import TabTransformer
        >>> from loan_default_assets.model.rows import Rows
        >>> loans = Rows(np.eye(6, 3, dtype=np.float32), np.full((6, 2), 2, np.int16))
        >>> config = ModelConfig(num_layers=1, max_epochs=1, min_steps=1).for_rows(6)
        >>> encoding = Encoding.fit(loans, (4, 4), config)
        >>> encoded, target = encoding.transform(loans.numerical, loans.categorical), torch.tensor([0.0, 1.0] * 3)
        >>> outcome, fold = np.array([False, True]), np.full(2, -1)
        >>> rows = row_arrays(LabelledRows(encoded, target, outcome, fold, fold < 0))
        >>> start = StartingWeights(TabTransformer(encoding, config).state_dict())
        >>> epochs = []
        >>> _, logits = fit_in_task(rows, MemberTask.of(start, encoding, config, 0, 1), epochs.append)
        >>> logits.shape, len(epochs)
        ((2,), 1)
    """
    start = replace(task.start, state=tensors(task.start.state))
    epochs = EpochReports("fit", task.config.max_epochs, report, task.member + 1, task.last)
    member = fine_tune(start, _rows(arrays), task.encoding, task.config, task.member, epochs)
    return _numpy(member.state), member.validation_logits


def fit_as_tasks(
    starts: Sequence[StartingWeights],
    rows: LabelledRows,
    encoding: Encoding,
    config: ModelConfig,
    on_epoch: OnEpoch | None,
    run_tasks: RunTasks,
    at_once: int | None = None,
) -> tuple[list[FittedMember], list[Epoch]]:
    """Fit every member as a task, in another process or of a cluster.

    Args:
        starts: The weights that each starts from.
        rows: Training and validation rows, on the CPU.
        encoding: Their encoding.
        config: Settings, with batch size, learning rate and epochs resolved.
        on_epoch: Called with the report of each epoch; what it raises ends the training.
        run_tasks: That of the processes, or the engine's.
        at_once: Tasks at a time: the remaining time is that of a member and of those that follow it; None where that
            is not known, and it is that of its own member.

    Returns:
        The members, and the reports of their epochs, both in the order of `starts`.

    Examples:
        >>> def run_tasks(function, shared, items, on_report):
        ...     return [({"w": np.zeros(2)}, np.ones(6)) for _ in items]
        >>> encoded = EncodedRows(torch.zeros(6, 3), torch.zeros(6, 2, dtype=torch.int64))
        >>> rows = LabelledRows(encoded, torch.zeros(6), np.zeros(2, bool), np.full(2, -1), np.ones(2, bool))
        >>> starts = [StartingWeights({"w": torch.zeros(2)})] * 2
        >>> len(fit_as_tasks(starts, rows, None, ModelConfig(), None, run_tasks)[0])
        2
    """
    history: list[list[Epoch]] = [[] for _ in starts]

    def report(number: int, epoch: Epoch) -> None:
        history[number].append(epoch)
        if on_epoch is not None:
            on_epoch(epoch)

    # A node may have a GPU that the task was not given.
    config = replace(config, device="cpu")
    later = [
        0 if at_once is None else rounds_after(number, len(starts), at_once) for number in range(len(starts))
    ]
    tasks = [
        MemberTask.of(start, encoding, config, number, number + 1 + later[number])
        for number, start in enumerate(starts)
    ]
    fitted = run_tasks(fit_in_task, row_arrays(rows), tasks, report)
    # Copies: what an engine returns may lie in memory that ends with its connection.
    members = [
        FittedMember(tensors({name: values.copy() for name, values in state.items()}), logits.copy())
        for state, logits in fitted
    ]
    return members, [epoch for epochs in history for epoch in epochs]


def rounds_after(number: int, members: int, count: int) -> int:
    """How many members follow one another after one: their epochs count as remaining.

    Args:
        number: Position of the member, from 0.
        members: All members, which start in their order.
        count: Processes at a time.

    Examples:
        >>> rounds_after(0, 3, 3), rounds_after(0, 3, 2), rounds_after(0, 3, 1)
        (0, 1, 2)
    """
    free = max(count - 1 - number, 0)
    return -(-max(members - 1 - number - free, 0) // count)


_OF_VALIDATION = ("outcome", "fold", "like_training")


def row_arrays(rows: LabelledRows) -> dict[str, np.ndarray]:
    """The rows by name, for another process.

    Examples:
        >>> encoded = EncodedRows(torch.zeros(6, 3), torch.zeros(6, 2, dtype=torch.int64))
        >>> outcome = np.zeros(2, bool)
        >>> row_arrays(LabelledRows(encoded, torch.zeros(6), outcome, np.full(2, -1), ~outcome))["target"].shape
        (6,)
    """
    found = {
        "numerical": rows.encoded.numerical,
        "categorical": rows.encoded.categorical,
        "target": rows.target,
    }
    arrays = {name: tensor.numpy() for name, tensor in found.items()}
    return arrays | {name: getattr(rows, name) for name in _OF_VALIDATION}


def _rows(arrays: dict[str, np.ndarray]) -> LabelledRows:
    numerical, categorical, target = (
        _tensor(arrays[name]) for name in ("numerical", "categorical", "target")
    )
    of_validation = (arrays[name] for name in _OF_VALIDATION)
    return LabelledRows(EncodedRows(numerical, categorical), target, *of_validation)


def _numpy(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.numpy() for name, value in state.items()}


def tensors(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Weights by name, from arrays that may be read-only.

    Examples:
        >>> tensors({"w": np.zeros(2, np.float32)})
        {'w': tensor([0., 0.])}
    """
    return {name: _tensor(value) for name, value in state.items()}


def _tensor(values: np.ndarray) -> torch.Tensor:
    with warnings.catch_warnings():
        # What a cluster shares between processes is read-only, and torch warns of tensors that could be written to.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)
