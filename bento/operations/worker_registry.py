"""Which workers live, and which model each has loaded: a small file a worker, beside the lock it holds.

Nothing here is state of the platform: the registry says which model is wanted, the files only tell one worker
what the others have done about it, and a file without a holder is swept away.
"""

import json
import os
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from bento.prediction_log import file_locks


@dataclass(frozen=True)
class WorkerReport:
    """One worker's word. `handled` is the newest request to reload that it has dealt with."""

    worker: str
    desired: str | None
    loaded: str | None
    error: str | None
    handled: int
    loaded_at: str | None


class WorkerRegistry:
    """A worker's place among the workers of one service."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.worker = f"{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._lock = file_locks.create(folder / f"{self.worker}.lock")
        self._said: WorkerReport | None = None
        self.reports()

    def report(self, report: WorkerReport) -> None:
        """Tells the others, when there is something new to tell."""
        if report != self._said:
            _replace(self._folder / f"{self.worker}.json", json.dumps(asdict(report)))
            self._said = report

    def reports(self) -> list[WorkerReport]:
        """The last word of every living worker; the files of the others are removed."""
        found = []
        for lock in sorted(self._folder.glob("*.lock")):
            word = lock.with_suffix(".json")
            if lock.stem != self.worker and (descriptor := file_locks.take(lock)) is not None:
                word.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
                os.close(descriptor)
                continue
            try:
                found.append(WorkerReport(**json.loads(word.read_text())))
            except FileNotFoundError:
                continue
        return found

    def ask(self) -> int:
        """Asks every worker to look at the registry now; the number of the request."""
        number = max(time.time_ns(), self.asked() + 1)
        _replace(self._folder / "asked", str(number))
        return number

    def asked(self) -> int:
        """The number of the newest request to reload; 0 when there was none."""
        try:
            return int((self._folder / "asked").read_text())
        except FileNotFoundError:
            return 0

    def leave(self) -> None:
        """This worker is gone."""
        (self._folder / f"{self.worker}.json").unlink(missing_ok=True)
        (self._folder / f"{self.worker}.lock").unlink(missing_ok=True)
        os.close(self._lock)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    new.write_text(text)
    new.replace(path)
