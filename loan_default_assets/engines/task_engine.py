"""What a step may ask of an engine, and the engine of one process.

What is given to an engine are plain functions, named in a module, with arrays or frozen dataclasses as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


class EngineError(Exception):
    """The cluster cannot be used, or lost a task too often; what is stored is whole, and the run may be repeated."""


class TaskEngine(Protocol):
    """Calls functions that depend on their arguments alone, so that a lost call may be repeated.

    Attributes:
        distributed: Whether functions are called in other processes.
    """

    distributed: bool

    def workers(self) -> int:
        """How many calls run at once."""

    def map_tasks(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Iterator[Result]:
        """Call a function per item, and return what it returns in the order of the items.

        Only a few items are taken ahead of the last returned result, so that memory does not grow with their number.

        Args:
            function: Called with `shared` and the item.
            shared: The same for all calls; it is sent once and must not be changed.
            items: Taken as they are needed.

        Raises:
            EngineError: The cluster cannot be used, or lost one call too often.
        """

    def run_tasks(
        self,
        function: Callable[[Shared, Item, Callable[[Any], None]], Result],
        shared: Shared,
        items: Sequence[Item],
        on_report: Callable[[int, Any], None],
    ) -> list[Result]:
        """Call a function per item, all at once where there are as many workers.

        Args:
            function: Called with `shared`, the item, and a function that takes what is reported before the end.
            shared: The same for all calls; it is sent once and must not be changed.
            items: The items.
            on_report: Called here with the position of the item and each report; a call that is repeated after a
                loss reports nothing twice. What it raises ends all calls.

        Returns:
            What the calls return, in the order of the items.

        Raises:
            EngineError: The cluster cannot be used, or lost one call too often.
        """


class LocalEngine:
    """One call after the other in this process."""

    distributed = False

    def workers(self) -> int:
        return 1

    def map_tasks(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Iterator[Result]:
        return (function(shared, item) for item in items)

    def run_tasks(
        self,
        function: Callable[[Shared, Item, Callable[[Any], None]], Result],
        shared: Shared,
        items: Sequence[Item],
        on_report: Callable[[int, Any], None],
    ) -> list[Result]:
        return [function(shared, item, partial(on_report, number)) for number, item in enumerate(items)]


LOCAL = LocalEngine()
