"""Calls as tasks of a Ray cluster. The only module that names Ray, which is imported with the first call.

docs/decisions/ray.md has what is used of Ray, and why the rest is not.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from loan_default_assets.engines.task_engine import EngineError
from loan_default_assets.process_output import keep_values_out

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

# Losses of one call after which the reason is taken to be the call itself, such as too little memory.
RETRIES = 4
# Items per worker that are sent ahead of the result that is returned next.
_AHEAD = 2


class RayEngine:
    """Tasks of one CPU each, on whichever nodes have one free.

    A task whose node or process is lost is repeated; an error of the function itself is raised here and is not.

    Args:
        address: `ray://host:port` of a cluster; None for the one that RAY_ADDRESS names or that runs on this machine,
            otherwise one of this machine's cores that ends with this process.
    """

    distributed = True

    def __init__(self, address: str | None) -> None:
        self._address = address

    def workers(self) -> int:
        """The cluster's CPUs at this moment."""
        with self._connected() as ray:
            return max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def map_tasks(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Iterator[Result]:
        ahead = _AHEAD * self.workers()
        with self._connected() as ray:
            call = ray.remote(_called).options(**_options())
            stored, waiting = ray.put(shared), deque[Any]()
            try:
                for item in items:
                    waiting.append(call.remote(function, stored, item))
                    if len(waiting) > ahead:
                        yield ray.get(waiting.popleft())
                while waiting:
                    yield ray.get(waiting.popleft())
            finally:
                for task in waiting:
                    ray.cancel(task, force=True)

    def run_tasks(
        self,
        function: Callable[[Shared, Item, Callable[[Any], None]], Result],
        shared: Shared,
        items: Sequence[Item],
        on_report: Callable[[int, Any], None],
    ) -> list[Result]:
        with self._connected() as ray:
            stored = ray.put(shared)
            # A client outside the cluster cannot read from a task that has not ended.
            streams = not ray.util.client.ray.is_connected()
            call = ray.remote(_streamed if streams else _collected).options(
                **_options(), **({"num_returns": "streaming"} if streams else {})
            )
            running = {call.remote(function, stored, item): number for number, item in enumerate(items)}
            results: dict[int, Result] = {}

            def take(number: int, message: tuple[bool, Any]) -> None:
                ended, value = message
                if ended:
                    results[number] = value
                else:
                    on_report(number, value)

            try:
                while running:
                    (ready,), _ = ray.wait(list(running), num_returns=1)
                    number = running[ready]
                    if not streams:
                        for message in ray.get(ready):
                            take(number, message)
                        del running[ready]
                    elif (reference := next(ready, None)) is None:
                        del running[ready]
                        if number not in results:
                            # It was repeated with fewer reports than had arrived, and Ray dropped its result too.
                            running[call.remote(function, stored, items[number])] = number
                    else:
                        take(number, ray.get(reference))
            finally:
                for task in running:
                    ray.cancel(task, force=True)
            return [results[number] for number in range(len(items))]

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Ray, connected until this process ends; its errors are those of the functions, or EngineError."""
        # Read when a cluster is started, and sends figures to Ray's makers where it is unset.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        if not ray.is_initialized():
            _connect(ray, self._address)
        try:
            yield ray
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            cause.add_note(f"In a task of the cluster:\n{error}")
            raise cause from None
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"the Ray cluster lost a task, also when it was repeated: {type(error).__name__}\n"
                "Next: `ray status` shows its nodes; with enough memory, repeat the run"
            ) from None


def _connect(ray: Any, address: str | None) -> None:
    settings = {"include_dashboard": False, "log_to_driver": False, "logging_level": "warning"}
    # Ray replaces the handler, and Dagster has one of its own.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        try:
            ray.init(address, **settings)
        except ConnectionAbortedError:
            # The head node starts a server for every client, and a busy one gives up after 30 seconds.
            ray.init(address, **settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(
            f"the Ray cluster of ENGINE={address or 'ray'} cannot be used: {error}\n"
            "Next: `ray status` on its head node, the same versions of Python and Ray on both sides, or ENGINE=local"
        ) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _options() -> dict[str, Any]:
    return {"num_cpus": 1, "max_retries": RETRIES, "scheduling_strategy": "SPREAD"}


def _called(function: Callable[[Any, Any], Any], shared: Any, item: Any) -> Any:
    """What a task of `map_tasks` does."""
    keep_values_out()
    return function(shared, item)


def _collected(function: Callable[..., Any], shared: Any, item: Any) -> list[tuple[bool, Any]]:
    """What a task of `run_tasks` does for a client outside the cluster."""
    return list(_streamed(function, shared, item))


def _streamed(function: Callable[..., Any], shared: Any, item: Any) -> Iterator[tuple[bool, Any]]:
    """What a task of `run_tasks` does: reports while the function runs in a thread, then its result.

    Ray numbers what a task yields. A repeated task yields the same again, and Ray passes on what it has not yet.
    """
    keep_values_out()
    messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            result = function(shared, item, lambda value: messages.put(("report", value)))
        except BaseException as error:  # noqa: BLE001 - raised again by the task
            messages.put(("error", error))
        else:
            messages.put(("result", result))

    threading.Thread(target=run, daemon=True).start()
    while (message := messages.get())[0] == "report":
        yield False, message[1]
    kind, value = message
    if kind == "error":
        raise value
    yield True, value
