"""Measures the stages that have no measurement yet: a bank per number of rows, a process per worker."""

import contextlib
import datetime
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from loan_default_assets.warehouse.database import dsn
from loan_default_assets_tests.benchmarks.ingestion import server_process, server_seconds
from loan_default_assets_tests.benchmarks.quality_cache import source_digest
from loan_default_assets_tests.benchmarks.scaling.measurement_file import Measurement, MeasurementFile
from loan_default_assets_tests.benchmarks.scaling.scaled_bank import ScaledBank, fitted_champion
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES, work_in_child

Job = tuple[str, int, int]
# Libraries are loaded once, in a process that does nothing else; every child begins as a copy of it.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["loan_default_assets_tests.benchmarks.scaling.stages"])
_SECONDS_BETWEEN_SAMPLES = 0.5
# Of a year: 27,000 rows a day are the 10 million of the largest size.
_DAYS, _ROWS_PER_DAY_OF_LARGEST, _LARGEST = 365, 27_000, 10_000_000
# File, raw and processed rows, scores, the bare copy, the prediction log and PostgreSQL's own log.
_DISK_BYTES_PER_ROW, _DISK_BYTES = 3_500, 4 << 30


def versions() -> dict[str, str]:
    """The version of the code of every stage."""
    return {name: source_digest(stage.source) for name, stage in STAGES.items()}


def rows_of(stage: str, rows: int) -> int:
    """Rows that a stage works on: of 365 days, a whole number per day."""
    if STAGES[stage].layout == "monthly":
        return rows
    return _DAYS * max(rows * _ROWS_PER_DAY_OF_LARGEST // _LARGEST, 1)


def run_missing(jobs: Sequence[Job], file: MeasurementFile, scratch: Path) -> None:
    """Measure what is missing and append each measurement to the file; banks are deleted after their last one.

    Raises:
        OSError: The disk has too little space for a number of rows.
        RuntimeError: A stage failed.
    """
    current = versions()
    missing = file.missing(jobs, current)
    print(f"{len(jobs)} measurements, {len(jobs) - len(missing)} of them stored", file=sys.stderr)
    for rows in sorted({rows for _, rows, _ in missing}):
        for layout in ("monthly", "daily"):
            chosen = [job for job in missing if job[1] == rows and STAGES[job[0]].layout == layout]
            if not chosen:
                continue
            # In the order of STAGES, since a stage needs what earlier ones store.
            chosen.sort(key=lambda job: (list(STAGES).index(job[0]), job[2]))
            _measure_bank(chosen, file, scratch, current)


def _measure_bank(
    chosen: Sequence[Job], file: MeasurementFile, scratch: Path, current: Mapping[str, str]
) -> None:
    stage, rows, _ = chosen[0]
    needed = rows * _DISK_BYTES_PER_ROW + _DISK_BYTES
    if shutil.disk_usage(scratch).free < needed:
        raise OSError(f"{rows:,} rows need {needed / 1e9:.0f} GB in {scratch}\nNext: another --scratch")
    with tempfile.TemporaryDirectory(dir=scratch, prefix="scaling-") as name:
        bank = ScaledBank(Path(name) / "bank", STAGES[stage].layout, rows_of(stage, rows))
        bank.write()
        with bank.served() as variables:
            measured = _MeasuredBank(bank, variables, scratch / "champions")
            for job in chosen:
                result = measured.measure(*job, current[job[0]])
                file.append(result)
                print(
                    f"{job[0]}, {job[1]:,} rows, {job[2]} workers: {result.cpu:.1f} CPU s, "
                    f"{result.wall:.1f} s, {result.peak / 1e6:.0f} MB",
                    file=sys.stderr,
                    flush=True,
                )


@dataclass
class _MeasuredBank:
    """A bank while its server runs, and what has been stored in it so far."""

    bank: ScaledBank
    variables: dict[str, str]
    models: Path
    stored: set[str] = field(default_factory=set)

    def measure(self, name: str, rows: int, workers: int, version: str) -> Measurement:
        """Measure a stage; what it needs is stored before."""
        stage = STAGES[name]
        for needed in {"file": (), "raw": ("ingestion",), "features": ("ingestion", "features")}[stage.needs]:
            if needed not in self.stored:
                self._run(needed, 1)
        if stage.champion:
            # Here and not in the child, whose memory is measured.
            fitted_champion(self.models, stage.champion)
        self._clear(stage.tables)
        before = self._size()
        found = self._run(name, workers)
        after = self._size()
        if name == "copy":
            self._execute("DROP TABLE public.bare")
        return Measurement(
            stage=name,
            rows=rows,
            done=self.bank.rows,
            workers=workers,
            version=version,
            stored=after - before,
            cores=os.cpu_count() or 1,
            memory=psutil.virtual_memory().total,
            day=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            **found,
        )

    def _run(self, name: str, workers: int) -> dict[str, Any]:
        with ExitStack() as stack:
            processes = workers if STAGES[name].divided else 1
            children = [
                stack.enter_context(self._child(name, worker, workers)) for worker in range(processes)
            ]
            for child in children:
                child.wait()
            server = server_process(self.variables["DATABASE_URL"])
            sampler = stack.enter_context(_MemorySampler([child.pid for child in children], server).running())
            busy, processor, started = _busy_seconds(), server_seconds(server), time.perf_counter()
            for child in children:
                child.proceed()
            results = [child.wait() for child in children]
            wall = time.perf_counter() - started
            busy, processor = _busy_seconds() - busy, server_seconds(server) - processor
            for child in children:
                child.proceed()
        self.stored.add(name)
        own = sum(result["user"] + result["system"] for result in results)
        return {
            "wall": wall,
            "user": sum(result["user"] for result in results),
            "system": sum(result["system"] for result in results),
            "server": processor,
            "base": sum(result["base"] for result in results),
            "peak": max(sampler.own, *(result["peak"] for result in results)),
            "server_peak": sampler.server_peak,
            "others": max(busy - own - processor, 0.0) / wall,
            "facts": results[0]["facts"],
        }

    @contextlib.contextmanager
    def _child(self, name: str, worker: int, workers: int) -> Iterator["_Child"]:
        task = {
            "stage": name,
            "bank": self.bank,
            "variables": self.variables,
            "worker": worker,
            "workers": workers,
            "models": self.models,
        }
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=work_in_child, args=(task, theirs))
        process.start()
        theirs.close()
        try:
            yield _Child(name, process, ours)
            process.join()
        finally:
            process.kill()
            process.join()

    def _clear(self, tables: Sequence[str]) -> None:
        found = [
            table
            for table in tables
            if self._execute(f"SELECT to_regclass('scaled.{table}')")[0][0] is not None
        ]
        if found:
            self._execute(f"TRUNCATE {', '.join(f'scaled.{table}' for table in found)}")

    def _size(self) -> int:
        return int(self._execute("SELECT pg_database_size(current_database())")[0][0])

    def _execute(self, statement: str) -> list[tuple[Any, ...]]:
        with (
            psycopg2.connect(dsn(self.variables["DATABASE_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class _Child:
    """A process that works on a stage."""

    name: str
    process: ForkServerProcess
    connection: Connection

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    def wait(self) -> Any:
        """What it sends next."""
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(f"{self.name} ended with {self.process.exitcode}") from None

    def proceed(self) -> None:
        self.connection.send(None)


@dataclass
class _MemorySampler:
    """Peak memory in bytes of processes with their descendants, and of PostgreSQL, from samples of a thread."""

    pids: Sequence[int]
    server: psutil.Process
    own: int = 0
    server_peak: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["_MemorySampler"]:
        done = threading.Event()
        thread = threading.Thread(target=self._sample, args=(done,))
        thread.start()
        try:
            yield self
        finally:
            done.set()
            thread.join()

    def _sample(self, done: threading.Event) -> None:
        while not done.wait(_SECONDS_BETWEEN_SAMPLES):
            own = sum(_memory(each, "rss") for pid in self.pids for each in _family(pid))
            self.own = max(self.own, own)
            server = sum(_memory(each, "pss") for each in _family(self.server.pid))
            self.server_peak = max(self.server_peak, server)


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process, kind: str) -> int:
    try:
        found = process.memory_full_info() if kind == "pss" else process.memory_info()
    except psutil.Error:
        return 0
    return int(getattr(found, kind))


def _busy_seconds() -> float:
    """Processor seconds that the machine's cores were used since its start."""
    times = psutil.cpu_times()
    # The seconds of guests are part of those of users.
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
