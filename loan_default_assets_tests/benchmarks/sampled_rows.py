"""Peak memory and time from stored features to the training matrix, as the rows of a portfolio grow.

`python -m loan_default_assets_tests.benchmarks.sampled_rows 10`: up to 10 million rows. Features are drawn at random
and stored by COPY, without a source file. Every size is read in a process of its own; its memory is the largest
resident memory of that process, interpreter and libraries included.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import psutil

from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.benchmarks.ingestion import server_process, server_seconds, temporary_server

_NUMBERS, _CODES = 19, 7
_FIRST, _MONTHS = np.datetime64("2016-01", "M"), 100
_ROWS_PER_BLOCK = 50_000
_DEFAULT_RATE = 0.05
_SHARES = (0.2, 0.5, 1.0)


def described() -> Portfolio:
    """Monthly loans with 19 numerical and 7 categorical features."""
    columns = {f"amount_{i}": {"kind": "number"} for i in range(_NUMBERS)}
    columns |= {f"code_{i}": {"kind": "category", "values": ["a", "b", "c", "d"]} for i in range(_CODES)}
    return Portfolio.model_validate(
        {
            "name": "sampled_rows",
            "source": {"kind": "synthetic"},
            "key": "loan",
            "as_of": "day",
            "cadence": "monthly",
            "start": date(2016, 1, 1),
            "label": {"column": "defaulted", "horizon_days": 90},
            "columns": columns,
        }
    )


def blocks(months: list[int], rows: int) -> Iterator[LoanRows]:
    """Loans of some of the months, `rows` in each, in order."""
    for month in months:
        days = (_FIRST + month).astype("datetime64[D]") + np.arange(rows) * 28 // rows
        for first in range(0, rows, _ROWS_PER_BLOCK):
            day = days[first : first + _ROWS_PER_BLOCK]
            count = len(day)
            rng = np.random.default_rng([month, first])
            numerical = rng.lognormal(size=(count, _NUMBERS)).astype(np.float32)
            default = rng.random(count) < _DEFAULT_RATE * numerical[:, 0] / np.exp(0.5)
            yield LoanRows(
                partition_key=np.full(count, str((_FIRST + month).astype("datetime64[D]"))),
                loan_id=np.char.add(
                    "A", np.char.zfill((month * rows + first + np.arange(count)).astype(str), 9)
                ),
                as_of=day,
                numerical=numerical,
                categorical=rng.integers(2, 6, (count, _CODES)).astype(np.int16),
                label=default.astype(np.int8),
                label_observed_at=day + np.timedelta64(90, "D"),
            )


@dataclass(frozen=True)
class _Reading:
    """What reading and encoding took: seconds, GB of peak resident memory, and rows read."""

    read: float
    encoded: float
    peak: float
    rows: int
    training: int


def _reading(url: str, max_rows: int, results: "multiprocessing.Queue[_Reading]") -> None:
    from loan_default_assets.model.config import ModelConfig
    from loan_default_assets.model.encoding import Encoding
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.pipeline.training_snapshot import read_snapshot

    portfolio = described()
    started = time.perf_counter()
    snapshot = read_snapshot(Loans(Database(url, portfolio.name), portfolio), SplitLimits(max_rows=max_rows))
    read = time.perf_counter()
    train = snapshot.select(snapshot.split.train)
    encoding = Encoding.fit(train, portfolio.features.cardinalities, ModelConfig())
    encoded = encoding.transform(train.numerical, train.categorical)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    results.put(_Reading(read - started, time.perf_counter() - read, peak, len(snapshot.rows), len(encoded)))


def measure(url: str, max_rows: int) -> _Reading:
    """Read and encode in a new process."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[_Reading] = context.Queue()
    process = context.Process(target=_reading, args=(url, max_rows, results))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"reading ended with {process.exitcode}")
    return results.get()


def main(millions: float = 1, max_rows: float = 2e6) -> None:
    """Print one line per number of rows."""
    per_month = round(millions * 1e6 / _MONTHS)
    portfolio = described()
    print(f"{_NUMBERS + _CODES} features, at most {max_rows:,.0f} rows read")
    heads = ("rows", "rows read", "training", "read s", "server CPU s", "encoded s", "peak GB")
    print("".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory() as name, temporary_server(Path(name) / "home") as url:
        server: psutil.Process = server_process(url)
        database = Database(url, portfolio.name)
        database.migrate(portfolio)
        stored = 0
        for share in _SHARES:
            months = list(range(stored, round(share * _MONTHS)))
            stored += len(months)
            keys = [str((_FIRST + month).astype("datetime64[D]")) for month in months]
            Loans(database, portfolio).replace_processed_partitions(keys, blocks(months, per_month))
            before = server_seconds(server)
            found = measure(url, int(max_rows))
            processor = server_seconds(server) - before
            print(
                f"{stored * per_month:>14,}{found.rows:>14,}{found.training:>14,}{found.read:>14.1f}"
                f"{processor:>14.1f}{found.encoded:>14.1f}{found.peak:>14.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
