"""The warehouse behind PgBouncer in transaction mode: nothing outlasts a transaction, and the rows are the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg2
import pytest

from loan_default_assets.warehouse import erasures
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.part_rule import PartRule
from loan_default_assets.warehouse.prediction_pruning import prune_months
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.warehouse.connection_pooler import pooled, program
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import (
    classifier,
    ids,
    performance,
    portfolio,
    processed,
    raw,
)
from loan_default_assets_tests.warehouse.test_partitioned_tables import IN_APRIL, IN_MARCH, line
from loan_default_assets_tests.warehouse.verified_chains import verified

pytestmark = pytest.mark.skipif(program() is None, reason="needs PgBouncer (Debian: pgbouncer)")

CLIENTS, SESSIONS = 8, 3
# Of sessions that transactions have used.
LEFT = {
    "settings": "SELECT name, setting FROM pg_settings WHERE source = 'session' "
    "AND name NOT IN ('application_name', 'transaction_isolation')",
    "prepared statements": "SELECT name FROM pg_prepared_statements",
    "temporary tables": "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
    "channels": "SELECT pg_listening_channels()",
    "advisory locks": "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())",
}


@pytest.fixture
def pooler(database_url: str) -> Iterator[str]:
    with pooled(database_url, sessions=SESSIONS) as url:
        yield url


def work(database: Database) -> list[object]:
    """What clients do at the same time, and what they read."""
    database.migrate(portfolio())
    loans, log = Loans(database, portfolio()), PredictionLog(database)
    Registry(database).register(classifier("c1"))
    EvaluationLog(database).record(performance("c1", 0.8))

    def client(number: int) -> object:
        key = f"2024-01-0{number + 1}"
        with database.connected() as connected:
            own = Loans(connected, portfolio())
            replace_raw(own, key, raw(ids(50), key=key))
            replace_processed(own, key, processed(ids(50), key=key))
            PredictionLog(connected).append_lines([line(IN_MARCH), line(IN_APRIL)])
            return [len(frame) for frame in own.read_raw_batches([key])]

    with ThreadPoolExecutor(CLIENTS) as pool:
        found = list(pool.map(client, range(CLIENTS)))
    with loans.snapshot_rows() as rows:
        counted = rows.day_counts(PartRule(None, (64, 80)))
    erasures.erase(database, ErasedSubject.of("loan", "L000001"))
    prune_months(database, [date(2024, 3, 1)], unmatured=True)
    hashes = [loans.table_hash(table) for table in ("raw_data", "processed_data", "predictions")]
    performances = [row["rows"] for row in log.live_performance()]
    deviations, *counts = verified(database)
    assert not deviations, deviations.first
    return [found, [part.tolist() for part in counted[1:]], hashes, performances, counts]


def test_clients_that_share_sessions_do_what_clients_of_the_server_do(
    pooler: str, postgres: LocalPostgres
) -> None:
    with fresh_database(postgres) as url:
        assert work(Database(pooler, "sample")) == work(Database(url, "sample"))


def test_transactions_leave_nothing_in_their_sessions(pooler: str) -> None:
    work(Database(pooler, "sample"))
    found, sessions = {}, set()
    connections = [psycopg2.connect(dsn(pooler)) for _ in range(SESSIONS)]
    # Open transactions, so that every session is seen.
    for connection in connections:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            sessions.add(cursor.fetchall()[0][0])
            for kind, statement in LEFT.items():
                cursor.execute(statement)
                if rows := cursor.fetchall():
                    found[kind] = rows
    for connection in connections:
        connection.close()
    assert len(sessions) == SESSIONS
    assert not found
