"""From a source file to validated rows of a partition in PostgreSQL, compared with a bare COPY of the same file.

Each side runs in its own process, so that peak memory is measured per side.
"""

import json
import logging
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.csv

from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.embedded.local_postgres import serve
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


def _timed(
    side: Callable[[str, str, Portfolio], None], url: str, csv: str, portfolio: Portfolio
) -> tuple[float, float]:
    """Seconds and peak resident memory in GB of one side in a new process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        start = time.perf_counter()
        side(url, csv, portfolio)
        sender.send((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{side.__name__} ended with {process.exitcode}")
    return receiver.recv()


def main(rows: int = 1_000_000, rounds: int = 3) -> None:
    """Print one line per round and the medians."""
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "loans.csv"
        writer = multiprocessing.get_context("fork").Process(target=_write, args=(csv, rows))
        writer.start()
        writer.join()
        portfolio = _portfolio(Path(folder), csv)
        with serve(Path(folder) / "postgres", None) as url:
            database = Database(url, portfolio.name)
            database.migrate(portfolio)
            print(f"ingestion of {rows:,} rows x 30 columns, {csv.stat().st_size / 1e6:.0f} MB")
            print(f"{'round':>8}{'bare COPY s':>14}{'ingestion s':>12}{'ratio':>8}{'peak GB':>10}")
            ratios, peaks = [], []
            for number in range(rounds):
                with database.transaction() as cursor:
                    cursor.execute("DROP TABLE IF EXISTS public.bare")
                    cursor.execute("TRUNCATE raw_data")
                bare, _ = _timed(_bare, url, str(csv), portfolio)
                validated, peak = _timed(_validated, url, str(csv), portfolio)
                ratios.append(validated / bare)
                peaks.append(peak)
                print(f"{number + 1:>8}{bare:>14.1f}{validated:>12.1f}{validated / bare:>8.2f}{peak:>10.2f}")
            print(f"{'median':>8}{'':>26}{statistics.median(ratios):>8.2f}{max(peaks):>10.2f}")


if __name__ == "__main__":
    main()
