"""A backfill of one year of daily partitions by Dagster's daemon, compared with a plain script."""

import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import yaml

from loan_default_assets.portfolio import features
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import LoanRows, Loans
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.orchestration.platform import Platform

_DAYS, _ROWS = 365, 1000


def main(days: int = _DAYS, rows: int = _ROWS) -> None:
    """Print runs, seconds of both sides, their ratio, and whether every order gave the same rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
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
        with platform.up("--no-service"), platform.session() as (session, instance):
            keys = session.portfolio.partition_keys(small_bank.START, end - timedelta(days=2))
            print(f"backfill of {days} days x {rows:,} rows")
            hashes = set()
            for label, selected in (("forwards", keys), ("backwards", keys[::-1]), ("again", keys)):
                start = time.perf_counter()
                identifier = platform.backfill(["raw_loans", "processed_features"], selected)
                while not _ended(instance.get_backfill(identifier)):
                    time.sleep(1)
                seconds = time.perf_counter() - start
                runs = instance.get_runs_count(dg.RunsFilter(tags={"dagster/backfill": identifier}))
                hashes.add(tuple(session.loans.table_hash(t) for t in ("raw_data", "processed_data")))
                print(f"{label:>12}{seconds:>10.1f} s{runs:>5} runs")
                if label == "forwards":
                    first = seconds
            start = time.perf_counter()
            _plain(session.portfolio.model_copy(update={"name": "plain"}), session.url, keys)
            plain = time.perf_counter() - start
            print(f"{'script':>12}{plain:>10.1f} s   ratio {first / plain:.2f}")
            print(f"rows identical: {len(hashes) == 1}")


def _ended(backfill: object) -> bool:
    status = getattr(backfill, "status", None)
    if status is None or status.value in ("FAILED", "COMPLETED_FAILED", "CANCELED"):
        raise RuntimeError(f"the backfill ended as {status}")
    return str(status.value) == "COMPLETED_SUCCESS"


def _plain(portfolio: Portfolio, url: str, keys: Sequence[str]) -> None:
    """The same reading, checks, features and tables in a plain loop, without Dagster."""
    database = Database(url, portfolio.name)
    database.migrate(portfolio)
    loans = Loans(database, portfolio)
    for part, violations in pandera_schema.validate_partitions(
        portfolio, sources.read_partitions(portfolio, keys, today=date.today()), date.today()
    ):
        assert not violations
        loans.replace_raw(part.key, part.frame)
        frame = part.frame
        matrix = features.transform(portfolio, frame, frame["as_of"].to_numpy())
        rows = LoanRows(
            partition_key=np.full(len(frame), part.key),
            loan_id=frame["loan_id"].to_numpy().astype(str),
            as_of=frame["as_of"].to_numpy().astype("datetime64[D]"),
            numbers=matrix.numerical,
            categories=matrix.categorical,
            label=frame["label"].fillna(-1).to_numpy().astype(np.int8),
            label_observed_at=frame["label_observed_at"].to_numpy().astype("datetime64[D]"),
        )
        loans.replace_processed(part.key, rows)
