"""The worker registry lists living workers only."""

import multiprocessing
import signal
import threading
from pathlib import Path

from bento.operations.worker_registry import WorkerRegistry, WorkerReport


def report(worker: str, handled: int = 0) -> WorkerReport:
    return WorkerReport(worker, desired="c1", loaded="c1", error=None, handled=handled, loaded_at=None)


def test_reports_are_the_last_of_living_workers(tmp_path: Path) -> None:
    first, second = WorkerRegistry(tmp_path), WorkerRegistry(tmp_path)
    assert first.reports() == []
    first.report(report(first.worker))
    second.report(report(second.worker))
    second.report(report(second.worker, handled=7))
    assert {r.worker: r.handled for r in first.reports()} == {first.worker: 0, second.worker: 7}
    second.leave()
    assert [r.worker for r in first.reports()] == [first.worker]


def _join(folder: str, ready: threading.Event) -> None:
    worker_registry = WorkerRegistry(Path(folder))
    worker_registry.report(report(worker_registry.worker))
    ready.set()
    signal.pause()


def test_the_files_of_a_killed_worker_are_removed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_join, args=(str(tmp_path), ready))
    process.start()
    assert ready.wait(30)
    worker_registry = WorkerRegistry(tmp_path)
    assert len(worker_registry.reports()) == 1
    process.kill()
    process.join()
    assert worker_registry.reports() == []
    assert [path.stem for path in tmp_path.glob("*.lock")] == [worker_registry.worker]
