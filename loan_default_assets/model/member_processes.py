"""The transformers of a classifier, fitted one after the other or side by side, each in a process of its own.

A process has one thread of torch and the seed of its member, so that it makes the same member bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.fine_tuning import FittedMember, StartingWeights, fine_tune
from loan_default_assets.model.labelled_rows import LabelledRows
from loan_default_assets.model.member_tasks import fit_as_tasks
from loan_default_assets.model.task_processes import (
    FEWEST_FREE_CORES,
    RunTasks,
    TaskProcesses,
    free_cores,
    may_have_processes,
)
from loan_default_assets.model.training_loop import Epoch, EpochReports, OnEpoch, steps_per_epoch

# Seconds of one member from which processes of their own are worth their start.
WORTHWHILE_SECONDS = 10.0
# Operations of a training step per second on one core, about: docs/decisions/member-processes.md.
_OPERATIONS_PER_SECOND = 2.5e10


def fit_members(
    starts: Sequence[StartingWeights],
    rows: LabelledRows,
    encoding: Encoding,
    config: ModelConfig,
    on_epoch: OnEpoch | None,
    processes: int,
    run_tasks: RunTasks | None = None,
) -> tuple[list[FittedMember], list[Epoch]]:
    """Fit one transformer per element of `starts`.

    Args:
        starts: The weights that each starts from.
        rows: Training and validation rows, on the training device.
        encoding: Their encoding.
        config: Settings, with batch size, learning rate and epochs resolved.
        on_epoch: Called with the report of each epoch as it ends; what it raises ends the training.
        processes: Most processes; 0 for what the machine and the length of the training make worthwhile, 1 for none
            beside the present one. With a GPU there is none.
        run_tasks: Fits them as tasks of a cluster, of one CPU each, instead of processes; not with a GPU either.

    Returns:
        The members, and the reports of their epochs, both in the order of `starts`.
    """
    if rows.target.device.type == "cpu":
        if run_tasks is not None:
            return fit_as_tasks(starts, rows, encoding, config, on_epoch, run_tasks)
        tokens = rows.encoded.numerical.shape[1] + rows.encoded.categorical.shape[1]
        seconds = estimated_seconds(config, rows.training, tokens)
        count = processes_for(config, len(starts), seconds, processes)
        if count > 1 and may_have_processes():
            local = TaskProcesses(count, [f"transformer {number + 1}" for number in range(len(starts))])
            return fit_as_tasks(starts, rows, encoding, config, on_epoch, local.run_tasks, at_once=count)
    fitted, history = [], []
    for number, start in enumerate(starts):
        epochs = EpochReports("fit", config.max_epochs, on_epoch, number + 1, len(starts))
        fitted.append(fine_tune(start, rows, encoding, config, number, epochs))
        history += epochs.history
    return fitted, history


def processes_for(config: ModelConfig, members: int, seconds: float, requested: int) -> int:
    """How many processes fit the members.

    Args:
        config: Settings; members with more than one thread share the machine already.
        members: Transformers to fit.
        seconds: About how long one of them takes.
        requested: Most processes; 0 where the machine decides.

    Returns:
        The number of processes; 1 where the present one fits them all.

    Examples:
        >>> processes_for(ModelConfig(), 3, 600.0, 2), processes_for(ModelConfig(), 3, 600.0, 1)
        (2, 1)
        >>> processes_for(ModelConfig(), 3, 1.0, 0)
        1
    """
    if requested:
        return min(requested, members)
    cores = free_cores()
    if cores < FEWEST_FREE_CORES or config.threads > 1 or seconds < WORTHWHILE_SECONDS:
        return 1
    # Three members on two cores end earlier where they take turns than where the third waits for the first.
    return min(members, 2 * round(cores))


def estimated_seconds(config: ModelConfig, rows: int, tokens: int) -> float:
    """About how long one member takes on one core without early stopping, from its number of operations.

    Examples:
        >>> config = ModelConfig().for_rows(19200)
        >>> 30 < estimated_seconds(config, 19200, 23) < 90
        True
    """
    per_token = 8 * config.d_model**2 + 4 * config.d_model * config.dim_feedforward
    forward = config.num_layers * (tokens * per_token + 4 * tokens**2 * config.d_model)
    trained = steps_per_epoch(rows, config) * min(config.batch_size, rows)
    return 3 * forward * trained * config.max_epochs / _OPERATIONS_PER_SECOND
