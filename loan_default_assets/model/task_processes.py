"""Tasks in processes of their own on this machine, which end with the process that started them.

docs/decisions/member-processes.md says why no process pool is used.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, cast

import numpy as np
import psutil

from loan_default_assets.garbage import collect_rarely
from loan_default_assets.model.shared_arrays import SharedArrays

# Fewer, and tasks would only take turns on what other programs leave of the machine.
FEWEST_FREE_CORES = 1.5
# Seconds until a process of its own begins its task, on one core of a small server.
PROCESS_START = 3.0
# Seconds for which it is seen what other programs use.
_MOMENT = 0.2

# Called with what all calls share, an item, and what takes reports before the end.
TaskFunction = Callable[[dict[str, np.ndarray], Any, Callable[[Any], None]], Any]

# `run_tasks` of an engine or of processes: function, what all calls share, items, and a callback for what a call
# reports by position.
RunTasks = Callable[
    [Callable[[Any, Any, Callable[[Any], None]], Any], Any, Sequence[Any], Callable[[int, Any], None]],
    list[Any],
]


@dataclass(frozen=True)
class _Report:
    value: Any


@dataclass(frozen=True)
class _Result:
    value: Any


@dataclass(frozen=True)
class TaskProcesses:
    """Runs tasks side by side, each in a new process.

    Attributes:
        count: Most processes at a time.
        names: What a message calls each task, in the order of the items.

    Examples:
        >>> TaskProcesses(2, ["one", "two"]).count
        2
    """

    count: int
    names: Sequence[str]

    def run_tasks(
        self,
        function: TaskFunction,
        shared: dict[str, np.ndarray],
        items: Sequence[Any],
        on_report: Callable[[int, Any], None],
    ) -> list[Any]:
        """Call a function of a module per item; without space for a temporary file, one after the other here.

        Args:
            function: Called with `shared`, the item, and a function that takes what is reported before the end.
            shared: Arrays, which the processes map into their memory and may not change for one another.
            items: The items.
            on_report: Called here with the position of the item and each report. What it raises ends all processes.

        Returns:
            What the calls return, in the order of the items.

        Raises:
            RuntimeError: A process was killed. What a call raises is raised as it is.
        """
        try:
            mapped = SharedArrays(shared)
        except OSError:
            return [function(shared, item, partial(on_report, number)) for number, item in enumerate(items)]
        with mapped:
            return self._side_by_side(function, mapped, items, on_report)

    def _side_by_side(
        self,
        function: TaskFunction,
        shared: SharedArrays,
        items: Sequence[Any],
        on_report: Callable[[int, Any], None],
    ) -> list[Any]:
        results: dict[int, Any] = {}
        waiting = list(enumerate(items))
        running: dict[connection.Connection[Any, Any], tuple[int, SpawnProcess]] = {}
        context = multiprocessing.get_context("spawn")
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    number, item = waiting.pop(0)
                    receiver, process = _started(context, function, shared, item, self.names[number])
                    running[receiver] = number, process
                for ready in connection.wait(list(running)):
                    receiver = cast("connection.Connection[Any, Any]", ready)
                    number, process = running[receiver]
                    try:
                        message = receiver.recv()
                    except EOFError:
                        process.join()
                        raise RuntimeError(
                            f"{self.names[number]}: its process ended with exit code {process.exitcode}; "
                            "it may have been killed for memory: set TRAINING_PROCESSES=1"
                        ) from None
                    if isinstance(message, _Report):
                        on_report(number, message.value)
                    elif isinstance(message, _Result):
                        results[number] = message.value
                        process.join()
                        receiver.close()
                        del running[receiver]
                    else:
                        raise message
        finally:
            for receiver, (_, process) in running.items():
                process.kill()
                process.join()
                receiver.close()
        return [results[number] for number in range(len(items))]


def may_have_processes() -> bool:
    """Whether this process may start others: a daemonic one may not.

    Examples:
        >>> may_have_processes()
        True
    """
    return not multiprocessing.current_process().daemon


def free_cores() -> float:
    """Cores that this process may use, less the share that other programs use.

    What they use is the load of the last minute, or what they use at this moment where that is less: the load still
    counts an installation or a run that has ended.

    Examples:
        >>> free_cores() >= 1
        True
    """
    machine = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    # One is this process.
    others = max(os.getloadavg()[0] - 1, 0.0)
    if others:
        # This process sleeps meanwhile.
        others = min(others, machine * psutil.cpu_percent(_MOMENT) / 100)
    return max(allowed * (1 - others / machine), 1.0)


def _started(
    context: SpawnContext, function: TaskFunction, shared: SharedArrays, item: Any, name: str
) -> tuple[connection.Connection[Any, Any], SpawnProcess]:
    receiver, sender = context.Pipe(duplex=False)
    # Daemonic: it ends with the interpreter, also where this function is left by an exit.
    process = context.Process(target=_run, args=(sender, function, shared, item, name), daemon=True)
    process.start()
    # The last copy here: the end of the process is the end of the pipe.
    sender.close()
    return receiver, process


def _run(
    sender: connection.Connection[Any, Any],
    function: TaskFunction,
    shared: SharedArrays,
    item: Any,
    name: str,
) -> None:
    """Run one task; reports, then its result or an exception, are sent to the parent."""
    # An interrupt from the keyboard reaches all processes; the parent ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    try:
        found = function(shared.arrays(), item, lambda value: sender.send(_Report(value)))
        sender.send(_Result(found))
    except BaseException as error:  # noqa: BLE001 - raised again by the parent
        error.add_note(f"In the process of {name}:\n{traceback.format_exc()}")
        sender.send(error)


def _end_with_parent() -> None:
    """Wait for the parent, which may be killed without a chance to end this process."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
