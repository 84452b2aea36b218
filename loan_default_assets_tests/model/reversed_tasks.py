"""An engine of this process that shares read-only arrays, as a cluster does, and runs the last task first."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any


class ReversedTasks:
    """Has `run_tasks` of an engine, and keeps what the tasks returned, in the order of the items."""

    def __init__(self) -> None:
        self.returned: list[Any] = []

    def run_tasks(
        self,
        function: Callable[..., Any],
        shared: dict[str, Any],
        items: Sequence[Any],
        on_report: Callable[[int, Any], None],
    ) -> list[Any]:
        for values in shared.values():
            values.flags.writeable = False
        for number in reversed(range(len(items))):
            self.returned.insert(0, function(shared, items[number], partial(on_report, number)))
        return self.returned
