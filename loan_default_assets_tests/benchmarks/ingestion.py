"""From a source file to validated rows of a partition in PostgreSQL, compared with a bare COPY of the same file.

The bare COPY sends the file as it is to a new table of the same typed columns and primary key; PostgreSQL parses it.
Each side runs in its own process, so that peak memory is measured per side. Processor time is that of the process and
of PostgreSQL together: unlike the seconds, it hardly depends on what else the machine does.
"""

import contextlib
import json
import logging
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import psutil
import psycopg2
import pyarrow as pa
import pyarrow.csv

from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, serve
from loan_default_assets.warehouse.loans import Loans

_NUMBERS, _CATEGORIES = 19, 8
_DAY, _TODAY = date(2025, 1, 1), date(2025, 6, 1)


def _portfolio(folder: Path, csv: Path) -> Portfolio:
    columns = {f"amount_{i}": {"kind": "number", "min": -1e9, "max": 1e9} for i in range(_NUMBERS)}
    columns |= {
        f"code_{i}": {"kind": "category", "values": ["a", "bb", "ccc", "dddd"]} for i in range(_CATEGORIES)
    }
    description = {
        "name": "benchmark",
        "source": {"kind": "csv", "path": str(csv)},
        "key": "loan",
        "as_of": "day",
        "start": str(_DAY),
        "label": {"column": "defaulted", "horizon_days": 30},
        "columns": columns,
    }
    file = folder / "benchmark.yaml"
    file.write_text(json.dumps(description))
    return load(str(file))


def _write(csv: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    table: dict[str, pa.Array] = {
        "loan": pa.array(np.char.add("L", np.arange(rows).astype(str))),
        "day": pa.array([str(_DAY)] * rows),
        "defaulted": pa.array(rng.integers(0, 2, rows)),
    }
    for i in range(_NUMBERS):
        table[f"amount_{i}"] = pa.array(np.round(rng.normal(size=rows) * 1e4, 2))
    codes = np.array(["a", "bb", "ccc", "dddd"])
    for i in range(_CATEGORIES):
        table[f"code_{i}"] = pa.array(codes[rng.integers(0, 4, rows)])
    pyarrow.csv.write_csv(pa.table(table), csv)


def _bare(url: str, csv: str, _: Portfolio) -> None:
    columns = "loan text, day date, defaulted smallint, "
    columns += ", ".join(f"amount_{i} double precision" for i in range(_NUMBERS)) + ", "
    columns += ", ".join(f"code_{i} text" for i in range(_CATEGORIES))
    with psycopg2.connect(dsn(url)) as connection, connection.cursor() as cursor, Path(csv).open() as file:
        cursor.execute(f"CREATE TABLE bare ({columns}, PRIMARY KEY (day, loan))")
        cursor.copy_expert("COPY bare FROM STDIN (FORMAT csv, HEADER)", file, size=1 << 20)


def _validated(url: str, _: str, portfolio: Portfolio) -> None:
    loans = Loans(Database(url, portfolio.name), portfolio)
    log = logging.getLogger(__name__)
    stored = load_partitions(portfolio, loans, [str(_DAY)], today=_TODAY, log=log)
    assert stored.check.passed


@dataclass(frozen=True)
class _Cost:
    """What one side took: wall-clock seconds, seconds of processor time, and GB of peak resident memory."""

    seconds: float
    processor: float
    peak: float


def _measured(
    side: Callable[[str, str, Portfolio], None],
    url: str,
    csv: str,
    portfolio: Portfolio,
    server: psutil.Process,
) -> _Cost:
    """The cost of one side in a new process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        before, start = server_seconds(server), time.perf_counter()
        side(url, csv, portfolio)
        seconds, own = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        processor = own.ru_utime + own.ru_stime + server_seconds(server) - before
        sender.send(_Cost(seconds, processor, own.ru_maxrss / 1e6))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{side.__name__} ended with {process.exitcode}")
    return receiver.recv()


@contextlib.contextmanager
def temporary_server(home: Path) -> Iterator[str]:
    """The URL of a server whose files are deleted in the end, also where they do not lie in its home."""
    try:
        with serve(home, None) as url:
            yield url
    finally:
        LocalPostgres(home).remove()


def server_process(url: str) -> psutil.Process:
    """The main process of the PostgreSQL server on this machine."""
    with psycopg2.connect(dsn(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        parent = psutil.Process(cursor.fetchall()[0][0]).parent()
    if parent is None:
        raise RuntimeError("PostgreSQL does not run on this machine")
    return parent


def server_seconds(server: psutil.Process) -> float:
    """Seconds of processor time of a server, its running and its ended processes."""
    while True:
        own = server.cpu_times()[:4]
        total = sum(own)
        for process in server.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:2])
        # A process that ended meanwhile is counted twice, or not at all.
        if server.cpu_times()[2:4] == own[2:]:
            return total


def main(rows: int = 1_000_000, rounds: int = 3) -> None:
    """Print one line per round and the medians."""
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "loans.csv"
        writer = multiprocessing.get_context("fork").Process(target=_write, args=(csv, rows))
        writer.start()
        writer.join()
        portfolio = _portfolio(Path(folder), csv)
        with temporary_server(Path(folder) / "home") as url:
            database, server = Database(url, portfolio.name), server_process(url)
            database.migrate(portfolio)
            print(f"ingestion of {rows:,} rows x 30 columns, {csv.stat().st_size / 1e6:.0f} MB")
            print(
                f"{'round':>8}{'bare COPY s':>14}{'ingestion s':>12}{'ratio':>8}"
                f"{'bare CPU s':>14}{'ingestion':>12}{'ratio':>8}{'peak GB':>10}"
            )
            pairs = []
            for number in range(rounds):
                with database.transaction() as cursor:
                    cursor.execute("DROP TABLE IF EXISTS public.bare")
                    cursor.execute("TRUNCATE raw_data")
                a = _measured(_bare, url, str(csv), portfolio, server)
                b = _measured(_validated, url, str(csv), portfolio, server)
                pairs.append((a, b))
                print(
                    f"{number + 1:>8}{a.seconds:>14.1f}{b.seconds:>12.1f}{b.seconds / a.seconds:>8.2f}"
                    f"{a.processor:>14.1f}{b.processor:>12.1f}{b.processor / a.processor:>8.2f}{b.peak:>10.2f}"
                )
            wall = statistics.median(b.seconds / a.seconds for a, b in pairs)
            processor = statistics.median(b.processor / a.processor for a, b in pairs)
            print(
                f"{'median':>8}{'':>26}{wall:>8.2f}{'':>26}{processor:>8.2f}{max(b.peak for _, b in pairs):>10.2f}"
            )


if __name__ == "__main__":
    main()
