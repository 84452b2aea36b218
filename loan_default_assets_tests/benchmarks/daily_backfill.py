"""A backfill of one year of daily partitions by Dagster's daemon and in one process, compared with a plain script."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import yaml

from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.session import Session, definitions
from loan_default_assets.orchestration import jobs
from loan_default_assets.portfolio import features
from loan_default_assets.portfolio.checks.pandera_schema import row_violations
from loan_default_assets.portfolio.ingest.sources import RawRows, read_rows
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.loans import LoanRows, Loans
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.orchestration.platform import Platform
from loan_default_assets_tests.portfolio.partition_rows import gathered
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw

_DAYS, _ROWS = 365, 1000
_ASSETS = ["raw_loans", "processed_features"]
_TABLES = ("raw_data", "processed_data")


def main(days: int = _DAYS, rows: int = _ROWS) -> None:
    """Print seconds and runs of each side, their ratios to the script, and whether every order gave the same rows."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.callback(LocalPostgres(folder / "home").remove)
        end = small_bank.START + timedelta(days=days + 1)
        small_bank.loans(days, rows).to_csv(folder / "loans.csv", index=False)
        description = small_bank.DESCRIPTION | {"end": end.isoformat()}
        (folder / "small_bank.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
        platform = Platform(
            folder / "home",
            str(folder / "small_bank.yaml"),
            LOAN_SOURCE=str(folder / "loans.csv"),
            # Otherwise the sensor would train the first model during the measurement.
            RETRAIN_SENSOR_SECONDS="100000",
        )
        print(f"backfill of {days} days x {rows:,} rows")
        with platform.session() as (session, instance):
            keys = session.portfolio.partition_keys(small_bank.START, end - timedelta(days=2))
            script = _script(session, keys)
            start = time.perf_counter()
            materialize(session, instance, definitions(session), jobs.INGEST, partitions=keys)
            _report("in process", time.perf_counter() - start, script)
            hashes = {_content(session)}
            with session.database.transaction() as cursor:
                cursor.execute("TRUNCATE raw_data, processed_data")
        with platform.up("--no-service"), platform.session() as (session, instance):
            for label, selected in (("forwards", keys), ("backwards", keys[::-1]), ("again", keys)):
                start = time.perf_counter()
                identifier = platform.backfill(_ASSETS, selected)
                while not _ended(instance.get_backfill(identifier)):
                    time.sleep(1)
                seconds = time.perf_counter() - start
                records = instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": identifier}))
                working = sum((record.end_time or 0) - (record.start_time or 0) for record in records)
                _report(f"daemon, {label}", seconds, script, f"{len(records)} run of {working:.1f} s")
                hashes.add(_content(session))
            print(f"rows identical: {len(hashes) == 1}")


def _report(label: str, seconds: float, script: float, note: str = "") -> None:
    print(f"{label:>20}{seconds:>8.1f} s   ratio {seconds / script:.2f}   {note}", flush=True)


def _content(session: Session) -> tuple[str, ...]:
    return tuple(session.loans.table_hash(table) for table in _TABLES)


def _script(session: Session, keys: Sequence[str]) -> float:
    """Seconds of the plain loop, with one connection for all partitions."""
    portfolio = session.portfolio.model_copy(update={"name": "plain"})
    start = time.perf_counter()
    database = Database(session.url, portfolio.name)
    database.migrate(portfolio)
    with database.connected() as connected:
        _plain(portfolio, Loans(connected, portfolio), keys)
    seconds = time.perf_counter() - start
    _report("script", seconds, seconds)
    return seconds


def _ended(backfill: object) -> bool:
    status = getattr(backfill, "status", None)
    if status is None or status.value in ("FAILED", "COMPLETED_FAILED", "CANCELED"):
        raise RuntimeError(f"the backfill ended as {status}")
    return str(status.value) == "COMPLETED_SUCCESS"


def _checked(portfolio: Portfolio, keys: Sequence[str]) -> Iterator[RawRows]:
    for rows in read_rows(portfolio, keys, today=date.today()):
        assert not row_violations(portfolio, rows.keys, rows.frame, date.today())
        yield rows


def _plain(portfolio: Portfolio, loans: Loans, keys: Sequence[str]) -> None:
    """The same reading, checks, features and tables in a plain loop, without Dagster."""
    for part in gathered(keys, _checked(portfolio, keys)):
        replace_raw(loans, part.key, part.frame)
        frame = part.frame
        matrix = features.transform(portfolio, frame, frame["as_of"].to_numpy())
        rows = LoanRows(
            partition_key=np.full(len(frame), part.key),
            loan_id=frame["loan_id"].to_numpy().astype(str),
            as_of=frame["as_of"].to_numpy().astype("datetime64[D]"),
            numerical=matrix.numerical,
            categorical=matrix.categorical,
            label=frame["label"].fillna(-1).to_numpy().astype(np.int8),
            label_observed_at=frame["label_observed_at"].to_numpy().astype("datetime64[D]"),
        )
        replace_processed(loans, part.key, rows)
