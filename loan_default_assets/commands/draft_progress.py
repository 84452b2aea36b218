"""What `init` is doing, as lines on standard error: none for a file that is drafted within seconds."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from loan_default_assets.portfolio.profiling.undecided import UndecidedError

SECONDS = 5.0
LARGE_BYTES = 8 << 20

Progress = Callable[[str, int, int], None]


def silent(what: str, done: int = 0, total: int = 0) -> None:
    """Report to nobody."""


class DraftProgress:
    """Says every few seconds what is being done, by a thread of its own, so also within a step that is long.

    Args:
        say: Prints a line.
        seconds: Seconds from one line to the next, and until the first one.
    """

    def __init__(self, say: Callable[[str], None], seconds: float = SECONDS) -> None:
        self._say, self._seconds = say, seconds
        self._started = time.monotonic()
        self._state: tuple[str, int, int] | None = None
        self._stopped, self._asking = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="draft progress", daemon=True)

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        """Keep what is being done, `done` of `total` parts of it; without a total, `done` alone counts."""
        self._state = what, done, total

    def announce(self, file: Path | str) -> None:
        """Say at once that a large file is read: the thread cannot, while a workbook is read as a whole."""
        path = Path(file)
        if path.stat().st_size >= LARGE_BYTES:
            self(f"reading {path}, {path.stat().st_size / 1e6:,.0f} MB")
            self.tick()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def pausing(self, ask: Callable[[UndecidedError], str]) -> Callable[[UndecidedError], str]:
        """The function that asks the user, without lines between its question and the answer."""

        def asked(question: UndecidedError) -> str:
            with self._asking:
                return ask(question)

        return asked

    def tick(self) -> None:
        """Say what is being done, unless a question is open."""
        if self._state is None or not self._asking.acquire(blocking=False):
            return
        try:
            what, done, total = self._state
            count = f" {done:,} of {total:,}" if total else f" {done:,}" if done else ""
            self._say(f"{time.monotonic() - self._started:.0f} s: {what}{count}")
        finally:
            self._asking.release()

    def _follow(self) -> None:
        while not self._stopped.wait(self._seconds):
            self.tick()
