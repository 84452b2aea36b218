"""Peak memory and time of `init` and `run` on a generated file, by phase.

`python -m loan_default_assets_tests.benchmarks.large_file 5 120`: 5 GB, stopped after 120 seconds of training. Resident
memory is that of the command's processes; PostgreSQL's is given apart, its shared memory counted once.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv

from loan_default_assets_tests.benchmarks.ingestion import server_process, temporary_server

# Of 72 months.
MONTHS = np.arange("2018-01", "2024-01", dtype="datetime64[M]").astype("datetime64[D]")
_BYTES_PER_ROW, _ROWS_PER_PART = 258, 200_000
_AMOUNTS, _CODES = 19, 7
_STATES = np.array(["Fully Paid", "Charged Off", "Current"])
_SECONDS_BETWEEN_SAMPLES = 0.1


def write_file(path: Path, gigabytes: float, seed: int = 0) -> int:
    """Write a bank's export of loans, in the order of their months, with 30 columns; returns the number of rows."""
    rows = int(gigabytes * 1e9 / _BYTES_PER_ROW)
    write_rows(path, rows, MONTHS, seed)
    return rows


def write_rows(path: Path, rows: int, dates: np.ndarray, seed: int = 0) -> None:
    """Write so many loans, evenly spread over dates (k,) datetime64[D]; those of the last twelfth have no outcome."""
    writer = None
    for number, first in enumerate(range(0, rows, _ROWS_PER_PART)):
        numbers = np.arange(first, min(first + _ROWS_PER_PART, rows))
        table = _loans(numbers, numbers * len(dates) // rows, dates, np.random.default_rng([seed, number]))
        writer = writer or pa.csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _loans(
    numbers: np.ndarray, position: np.ndarray, dates: np.ndarray, rng: np.random.Generator
) -> pa.Table:
    count = len(numbers)
    risk = rng.normal(size=(count, 4))
    default = rng.random(count) < 1 / (1 + np.exp(2.2 - risk @ [0.7, 0.5, -0.4, 0.3]))
    late = position >= len(dates) - len(dates) // 12
    columns = {
        "loan_number": np.char.add("A", np.char.zfill(numbers.astype(str), 9)),
        "issue_date": dates[position].astype(str),
        "loan_status": _STATES[np.where(late, 2, default.astype(int))],
        "grade": np.array(list("ABCDEFG"))[np.clip(risk[:, 0] + 3, 0, 6).astype(int)],
    }
    for index in range(_AMOUNTS):
        signal = risk[:, index] if index < risk.shape[1] else 0.0
        columns[f"amount_{index}"] = np.round((signal + rng.normal(size=count) + 10) * 1e3, 2)
    for index in range(_CODES):
        columns[f"code_{index}"] = np.array(["rent", "own", "mortgage", "other"])[rng.integers(0, 4, count)]
    return pa.table(columns)


@dataclass
class _Memory:
    """Peak memory of a command and of PostgreSQL in GB, per phase, from samples of another thread."""

    command: psutil.Process
    server: psutil.Process
    phase: str
    peaks: dict[str, tuple[float, float]] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    def sample(self) -> None:
        while not self.done.wait(_SECONDS_BETWEEN_SAMPLES):
            own = sum(_gigabytes(process, "rss") for process in _family(self.command))
            server = sum(_gigabytes(process, "pss") for process in _family(self.server))
            before = self.peaks.get(self.phase, (0.0, 0.0))
            self.peaks[self.phase] = max(before[0], own), max(before[1], server)


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _gigabytes(process: psutil.Process, kind: str) -> float:
    try:
        found = process.memory_full_info() if kind == "pss" else process.memory_info()
    except psutil.Error:
        return 0.0
    return getattr(found, kind) / 1e9


def measure(arguments: list[str], server: psutil.Process, folder: Path, patience: float) -> None:
    """Run a command and print time and peaks per phase, each of which ends with a line of its output.

    Args:
        arguments: Of `loan-default`.
        server: PostgreSQL's main process.
        folder: The working directory.
        patience: Seconds after which training is stopped.
    """
    command = subprocess.Popen(
        [Path(sys.executable).with_name("loan-default"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    )
    memory = _Memory(psutil.Process(command.pid), server, arguments[0])
    sampler = threading.Thread(target=memory.sample)
    sampler.start()
    started = since = time.perf_counter()
    ends = {"raw_loans:": "features", "processed_features:": "default rate", "default = ": "training"}
    if arguments[0] == "run":
        memory.phase = "raw loans"
    stop: threading.Timer | None = None
    last = ""
    for line in command.stdout or ():
        last = line.rstrip() or last
        following = next((name for text, name in ends.items() if text in line), None)
        if arguments[0] != "run" or following is None:
            continue
        now = time.perf_counter()
        _print(memory, now - since)
        memory.phase, since = following, now
        if following == "training":
            stop = threading.Timer(patience, command.terminate)
            stop.start()
    code = command.wait()
    memory.done.set()
    sampler.join()
    _print(memory, time.perf_counter() - since)
    stopped = stop is not None and not stop.is_alive()
    if stop is not None:
        stop.cancel()
    ended = f"stopped after {patience:.0f} s of training" if stopped else f"ended with {code}"
    print(f"{'':>16}{arguments[0]} {ended}, {time.perf_counter() - started:.0f} s in all: {last}")


def _print(memory: _Memory, seconds: float) -> None:
    command, server = memory.peaks.get(memory.phase, (0.0, 0.0))
    print(f"{memory.phase:>16}{seconds:>10.0f}{command:>14.2f}{server:>16.2f}", flush=True)


def main(gigabytes: float = 0.2, patience: float = 120) -> None:
    """Print one line per phase of `init` and `run`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_file(folder / "loans.csv", gigabytes)
        size = (folder / "loans.csv").stat().st_size / 1e9
        print(f"{rows:,} rows x 30 columns, {size:.2f} GB")
        print(f"{'phase':>16}{'seconds':>10}{'command GB':>14}{'PostgreSQL GB':>16}")
        with temporary_server(folder / "home") as url:
            server = server_process(url)
            os.environ |= {"DATABASE_URL": url, "LOAN_DEFAULT_HOME": str(folder / "home")}
            named = ["--label", "loan_status", "--date", "issue_date", "--positive", "Charged Off"]
            measure(["init", "loans.csv", *named, "--output", "loans.yaml"], server, folder, patience)
            measure(["run", "--portfolio", "loans.yaml", "--source", "loans.csv"], server, folder, patience)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
