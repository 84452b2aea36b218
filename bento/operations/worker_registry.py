"""The workers of one home and the model version that each has loaded: a small file per worker beside its lock.

The files hold no state of the platform and decide nothing: they show what each worker of this host has loaded, for its
metrics and for commands that need the home for themselves, also while PostgreSQL is unreachable. A file without a
living owner is removed. All workers of all hosts are in PostgreSQL: `replica_link`.
"""

import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bento.prediction_log import file_locks


@dataclass(frozen=True)
class WorkerReport:
    """What one worker reports of itself. `handled` is the newest reload request that it has processed."""

    worker: str
    desired: str | None
    loaded: str | None
    error: str | None
    handled: int
    loaded_at: str | None


class WorkerRegistry:
    """The entry of one worker, and the reports of all workers of the service.

    Args:
        folder: Shared by all workers of a service.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file_locks.remove_abandoned(folder)
        self._folder = folder
        self.worker = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._lock = file_locks.create(folder / f"{self.worker}.lock")
        self._last_report: WorkerReport | None = None
        self.reports()

    def report(self, report: WorkerReport) -> None:
        """Publish this worker's report when it has changed."""
        if report != self._last_report:
            _replace(self._folder / f"{self.worker}.json", json.dumps(asdict(report)))
            self._last_report = report

    def reports(self) -> list[WorkerReport]:
        """The last report of every living worker; the files of the others are removed."""
        reports = []
        for lock in sorted(self._folder.glob("*.lock")):
            file = lock.with_suffix(".json")
            # What cannot be locked or read is no file of a worker.
            with suppress(OSError, ValueError, TypeError):
                if lock.stem != self.worker and (descriptor := file_locks.acquire(lock)) is not None:
                    file.unlink(missing_ok=True)
                    lock.unlink(missing_ok=True)
                    os.close(descriptor)
                    continue
                reports.append(WorkerReport(**json.loads(file.read_text())))
        return reports

    def leave(self) -> None:
        """Remove this worker's entry."""
        (self._folder / f"{self.worker}.json").unlink(missing_ok=True)
        (self._folder / f"{self.worker}.lock").unlink(missing_ok=True)
        os.close(self._lock)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        new.write_text(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
