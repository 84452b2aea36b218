"""The transformers of a classifier, fitted one after the other or side by side, each in a process of its own.

A process has one thread of torch and the seed of its member, so that it makes the same member bit for bit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, cast

from loan_default_assets.garbage import collect_rarely
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.fine_tuning import FittedMember, StartingWeights, fine_tune
from loan_default_assets.model.labelled_rows import LabelledRows
from loan_default_assets.model.member_tasks import (
    MemberTask,
    RunTasks,
    fit_as_tasks,
    fit_in_task,
    row_arrays,
    tensors,
)
from loan_default_assets.model.shared_arrays import SharedArrays
from loan_default_assets.model.training_loop import Epoch, EpochReports, OnEpoch, steps_per_epoch

# Seconds of one member from which processes of their own are worth their start.
WORTHWHILE_SECONDS = 10.0
# Fewer, and the members would only take turns on what other programs leave of the machine.
FEWEST_FREE_CORES = 1.5
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
    if run_tasks is not None and rows.target.device.type == "cpu":
        return fit_as_tasks(starts, rows, encoding, config, on_epoch, run_tasks)
    tokens = rows.encoded.numerical.shape[1] + rows.encoded.categorical.shape[1]
    count = processes_for(config, len(starts), estimated_seconds(config, rows.training, tokens), processes)
    # A daemonic process may not have children.
    if count > 1 and rows.target.device.type == "cpu" and not multiprocessing.current_process().daemon:
        shared = _shared(rows)
        if shared is not None:
            with shared:
                return _side_by_side(starts, shared, encoding, config, on_epoch, count)
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


def free_cores() -> float:
    """Cores that this process may use, less the share that other programs have used in the last minute.

    Examples:
        >>> free_cores() >= 1
        True
    """
    machine = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    # One is this process.
    others = max(os.getloadavg()[0] - 1, 0.0)
    return max(allowed * (1 - others / machine), 1.0)


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


def rounds_after(waiting: int, free: int, count: int) -> int:
    """How many members follow one another after those that run: their epochs count as remaining.

    Args:
        waiting: Members that have not started.
        free: Processes that can start at once.
        count: Processes at a time.

    Examples:
        >>> rounds_after(2, 2, 3), rounds_after(2, 1, 2), rounds_after(2, 0, 1)
        (0, 1, 2)
    """
    return -(-max(waiting - free, 0) // count)


def _side_by_side(
    starts: Sequence[StartingWeights],
    shared: SharedArrays,
    encoding: Encoding,
    config: ModelConfig,
    on_epoch: OnEpoch | None,
    count: int,
) -> tuple[list[FittedMember], list[Epoch]]:
    """Fit the members in `count` processes at a time, which end with this function, whatever ends it."""
    fitted: dict[int, FittedMember] = {}
    history: dict[int, list[Epoch]] = {number: [] for number in range(len(starts))}
    waiting = list(enumerate(starts))
    running: dict[connection.Connection[Any, Any], tuple[int, SpawnProcess]] = {}
    context = multiprocessing.get_context("spawn")
    try:
        while waiting or running:
            while waiting and len(running) < count:
                number, start = waiting.pop(0)
                later = rounds_after(len(waiting), count - len(running) - 1, count)
                task = MemberTask.of(start, encoding, config, number, number + 1 + later)
                receiver, process = _started(context, shared, task)
                running[receiver] = number, process
            for ready in connection.wait(list(running)):
                receiver = cast("connection.Connection[Any, Any]", ready)
                number, process = running[receiver]
                try:
                    message = receiver.recv()
                except EOFError:
                    process.join()
                    raise RuntimeError(
                        f"transformer {number + 1}: its process ended with exit code {process.exitcode}; "
                        "it may have been killed for memory: set TRAINING_PROCESSES=1"
                    ) from None
                if isinstance(message, Epoch):
                    history[number].append(message)
                    if on_epoch is not None:
                        on_epoch(message)
                elif isinstance(message, BaseException):
                    raise message
                else:
                    state, logits = message
                    fitted[number] = FittedMember(tensors(state), logits)
                    process.join()
                    receiver.close()
                    del running[receiver]
    finally:
        for receiver, (_, process) in running.items():
            process.kill()
            process.join()
            receiver.close()
    numbers = range(len(starts))
    return [fitted[n] for n in numbers], [epoch for n in numbers for epoch in history[n]]


def _started(
    context: SpawnContext, shared: SharedArrays, task: MemberTask
) -> tuple[connection.Connection[Any, Any], SpawnProcess]:
    receiver, sender = context.Pipe(duplex=False)
    # Daemonic: it ends with the interpreter, also where this function is left by an exit.
    process = context.Process(target=_fit_in_process, args=(sender, shared, task), daemon=True)
    process.start()
    # The last copy here: the end of the process is the end of the pipe.
    sender.close()
    return receiver, process


def _fit_in_process(sender: connection.Connection[Any, Any], shared: SharedArrays, task: MemberTask) -> None:
    """Fit one member; epochs, then the member or an exception, are sent to the parent."""
    # An interrupt from the keyboard reaches all processes; the parent ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    try:
        sender.send(fit_in_task(shared.arrays(), task, sender.send))
    except BaseException as error:  # noqa: BLE001 - raised again by the parent
        error.add_note(f"In the process of transformer {task.member + 1}:\n{traceback.format_exc()}")
        sender.send(error)


def _end_with_parent() -> None:
    """Wait for the parent, which may be killed without a chance to end this process."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _shared(rows: LabelledRows) -> SharedArrays | None:
    """The rows for other processes; None without space for a temporary file."""
    try:
        return SharedArrays(row_arrays(rows))
    except OSError:
        return None
