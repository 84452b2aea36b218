"""Bytes that an installation grows by: per promotion, and per 1,000,000 predictions; without retention and with it.

`python -m loan_default_assets_tests.benchmarks.growth 3 1000000`: three promotions, a million predictions. A promotion
is a run that loads a day more, trains, evaluates, promotes and packages. Sizes of tables are those after VACUUM, which
gives the space of deleted rows to later rows and, from the end of a table, back to the disk.
"""

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg2

from loan_default_assets.commands import promote
from loan_default_assets.commands.prune import prune
from loan_default_assets.commands.run import run
from loan_default_assets.commands.session import Session, dagster_instance, open_session
from loan_default_assets.commands.sizes import sizes
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.predictions import Prediction
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.benchmarks.ingestion import temporary_server

_FIRST_DAYS, _PER_APPEND = 30, 2000
_LATER = timedelta(days=800)
# The network has its usual size, which the files depend on; its training is short.
QUICK = {"pretrain_epochs": 1, "max_epochs": 1, "min_steps": 1, "batch_size": 256}
RETENTION = {
    "retention_dagster_days": 1,
    "retention_candidate_days": 1,
    "retention_champions": 2,
    "retention_bentos": 2,
    "retention_prediction_days": 31,
}
Bytes = Mapping[str, int]


def main(promotions: int, predictions: int) -> None:
    """Print the two tables."""
    with tempfile.TemporaryDirectory() as name, temporary_server(Path(name) / "home") as url:
        folder = Path(name)
        os.environ["DATABASE_URL"] = url
        with opened(folder, url, _FIRST_DAYS) as (session, instance):
            run(session, instance, today=small_bank.TODAY, package=True)
            first = measured(session)
        for number in range(1, promotions + 1):
            with opened(folder, url, _FIRST_DAYS + number) as (session, instance):
                run(session, instance, today=small_bank.TODAY, package=True)
                newest = next(each for each in session.registry.history() if each.kind == "classifier")
                promote.promote(session, newest.version, "growth")
                run(session, instance, today=small_bank.TODAY, package=True)
                grown = measured(session)
        with opened(folder, url, _FIRST_DAYS + promotions) as (session, instance):
            pruned(session, instance, promotions=True)
            kept = measured(session)
            print(f"\n| {promotions} promotions | bytes each, without retention | with it |")
            print("| --- | ---: | ---: |")
            for kind in first:
                print(
                    f"| {kind} | {(grown[kind] - first[kind]) // promotions:,} "
                    f"| {(kept[kind] - first[kind]) // promotions:,} |"
                )
            empty = prediction_bytes(session)
            predict(session, predictions)
            full = prediction_bytes(session)
            pruned(session, instance, promotions=False)
            left = prediction_bytes(session)
            print("\n| per 1,000,000 predictions | bytes, without retention | with it, once all have left |")
            print("| --- | ---: | ---: |")
            for kind in empty:
                scale = 1_000_000 / predictions
                without, remaining = full[kind] - empty[kind], left[kind] - empty[kind]
                print(f"| {kind} | {without * scale:,.0f} | {remaining * scale:,.0f} |")


@contextmanager
def opened(folder: Path, url: str, days: int) -> Iterator[tuple[Session, dg.DagsterInstance]]:
    """The small bank with a network of the usual size, and loans of so many days."""
    small_bank.bank(folder, small_bank.loans(days=days), training=QUICK)
    with open_session(small_bank.settings(folder, url)) as session, dagster_instance(session) as instance:
        yield session, instance


def measured(session: Session) -> Bytes:
    """Bytes by kind, without rows of loans."""
    execute(session, "VACUUM ANALYZE")
    found = sizes(session)
    own, history = found["tables"][session.database.schema], found["tables"]["dagster"]
    events = sum(size for table, size in history.items() if table == "event_logs")
    return {
        "artifacts": found["artifacts"],
        "Bentos and BentoML models": found["bentos"],
        "rows of the registry and evaluations": own["model_metadata"] + own["model_performance"],
        "events of Dagster, rows": event_rows(session),
        "events of Dagster, table and indexes": events,
        "other tables of Dagster": sum(history.values()) - events,
        "logs and files of Dagster": found["logs"],
    }


def event_rows(session: Session) -> int:
    """Bytes of the rows of Dagster's events, which a deletion frees at once."""
    with session.database.transaction() as cursor:
        cursor.execute("SELECT coalesce(sum(pg_column_size(e.*)), 0) FROM dagster.event_logs e")
        return int(cursor.fetchall()[0][0])


def pruned(session: Session, instance: dg.DagsterInstance, *, promotions: bool) -> None:
    """Apply retention so much later that everything is old enough."""
    chosen = {name: value for name, value in RETENTION.items() if promotions != ("prediction" in name)}
    limited = replace(session, settings=session.settings.model_copy(update=chosen))
    prune(limited, instance, apply=True, unmatured=True, now=datetime.now(UTC) + _LATER)


def predict(session: Session, count: int) -> None:
    """Store predictions of the champion, spread over twelve months."""
    champion = session.registry.champion()
    if champion is None:
        raise RuntimeError("there is no champion")
    start = datetime(2025, 1, 1, tzinfo=UTC)
    features = {
        "income": 30123.45,
        "amount": 9100.5,
        "months_employed": 31,
        "purpose": "car",
        "branch": "north",
    }
    reasons = [
        {"feature": "amount", "effect": 0.0731, "en": "amount", "ko": "amount"},
        {"feature": "income", "effect": 0.0412, "en": "income", "ko": "income"},
    ]
    for first in range(0, count, _PER_APPEND):
        session.predictions.append(
            [
                Prediction(
                    request_id=str(uuid.uuid4()),
                    loan_id=f"{number:012d}",
                    model_version=champion.version,
                    features=features,
                    probability=number % 997 / 1000,
                    decision=number % 2,
                    threshold=0.4,
                    reasons=reasons if number % 2 else None,
                    channel="http",
                    latency_ms=4.2,
                    created_at=start + timedelta(seconds=number * 31_000_000 / count),
                )
                for number in range(first, min(first + _PER_APPEND, count))
            ]
        )


def prediction_bytes(session: Session) -> Bytes:
    """Bytes of the table of predictions, of its indexes, and of the tombstones."""
    execute(session, "VACUUM ANALYZE predictions")
    with session.database.transaction() as cursor:
        cursor.execute(
            "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)), "
            "pg_total_relation_size('pruned_predictions') FROM pg_partition_tree('predictions')"
        )
        table, indexes, tombstones = cursor.fetchall()[0]
    return {"table": int(table), "indexes": int(indexes), "tombstones": int(tombstones)}


def execute(session: Session, statement: str) -> None:
    """Execute a statement outside of a transaction."""
    connection = psycopg2.connect(dsn(session.url), options=f"-csearch_path={session.database.schema}")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
