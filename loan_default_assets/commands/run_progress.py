"""The progress of a run: its remaining time, refreshed on a terminal and after each step in logs."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from loan_default_assets.commands.plan_report import STEPS, left_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from loan_default_assets.model.training_loop import Epoch


class RunProgress:
    """Follows the steps and epochs of a run against the plan's seconds.

    Args:
        say: Prints a line; not called on a terminal that shows the remaining time in place.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._left: dict[str, float] = {}
        self._step: str | None = None
        self._started = self._updated = time.monotonic()
        self._what = ""
        self._bar: tuple[Progress, TaskID] | None = None

    def plan(self, seconds: Mapping[str, float]) -> None:
        """Follow this plan; steps that have ended are not in it."""
        self._left = dict(seconds)

    def remaining(self) -> float:
        """Seconds until the end, by the plan and what has passed of the running step."""
        running = self._left.get(self._step or "", 0.0)
        others = sum(left for step, left in self._left.items() if step != self._step)
        return others + max(running - (time.monotonic() - self._updated), 0.0)

    def left(self) -> str:
        """The remaining time in words; it is the longest until fine-tuning, which may stop early, has ended."""
        return left_text(self.remaining(), at_most="classifier" in self._left)

    def started(self, step: str) -> None:
        """A step has started."""
        self._step, self._what = step, STEPS.get(step, step)
        self._started = self._updated = time.monotonic()
        self._show()

    def ended(self, step: str) -> None:
        """A step has ended; the line in logs says how long it took and what remains."""
        took = time.monotonic() - self._started
        self._left.pop(step, None)
        self._step = None
        self._show()
        if self._bar is None and self._left:
            self._say(f"{STEPS.get(step, step)} took {took:.1f} s; {self.left()}")

    def epoch(self, epoch: "Epoch") -> None:
        """An epoch of the running step has ended: its time replaces the plan's."""
        if self._step is not None:
            self._left[self._step], self._updated = epoch.seconds_left, time.monotonic()
        self._what = (
            f"{STEPS.get(self._step or '', epoch.phase)}, after epoch {epoch.number} of {epoch.total}"
        )
        self._show()

    def logger(self) -> dg.LoggerDefinition:
        """A Dagster logger that follows the runs which log to it."""
        handler = _Follower(self)

        @dg.logger
        def progress(_: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("loan_default_progress")
            logger.addHandler(handler)
            return logger

        return progress

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the remaining time in place, where standard error is a terminal."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), _left_column(self)
        console = Console(stderr=True)
        with Progress(
            *columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()
        ) as progress:
            self._bar = progress, progress.add_task("starting", total=None)
            try:
                yield
            finally:
                self._bar = None

    def _show(self) -> None:
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, description=self._what)


class _Follower(logging.Handler):
    """Passes Dagster's step events and the epochs of a training on."""

    def __init__(self, progress: RunProgress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        epoch, event = getattr(record, "epoch", None), getattr(record, "dagster_event", None)
        if epoch is not None:
            self._progress.epoch(epoch)
        elif event is not None and event.step_key:
            step = event.step_key.rpartition("__")[2]
            if event.event_type is dg.DagsterEventType.STEP_START:
                self._progress.started(step)
            elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
                self._progress.ended(step)


def _left_column(progress: RunProgress) -> Any:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Left(ProgressColumn):
        """The remaining time, between two epochs too."""

        def render(self, _: Task) -> Text:
            return Text(progress.left())

    return Left()
