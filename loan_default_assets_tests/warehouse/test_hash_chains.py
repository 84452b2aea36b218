"""Every append is linked by the database: whoever writes, in any number of transactions at once, and once each."""

import shutil
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.extras import execute_values

from loan_default_assets.warehouse import migrations
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.sealed_features import seal
from loan_default_assets_tests.databases import LOCK_WAITS
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.samples import classifier, performance, portfolio, scored
from loan_default_assets_tests.warehouse.verified_chains import verified

WRITERS, STATEMENTS, ROWS = 8, 12, 25
# Without any part of this release.
FORMER_INSERT = """
INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, threshold,
    reasons, channel, latency_ms, created_at)
SELECT request_id::uuid, number, 'L' || number, 'c1', jsonb_build_object('sealed', sealed), 0.1 + number / 1e3, 0,
    0.4, CASE WHEN number %% 2 = 0 THEN '[{"feature": "원화"}]'::jsonb END, 'http', 1.5 / (number + 1),
    timestamptz '2024-03-31 23:59:59.5+00' + number * interval '1 day'
FROM (VALUES %s) made (request_id, number, sealed)
"""
FORMER_KEYS = "INSERT INTO prediction_keys (request_id, position, key) VALUES %s"


def insert_former(cursor: extensions.cursor) -> None:
    """Forty predictions as the release that seals features and knows no chains inserts them."""
    places = [(str(uuid.uuid4()), number) for number in range(40)]
    sealed = {place: seal(b'{"note": "\\"x\\"\\n"}', *place) for place in places}
    execute_values(cursor, FORMER_INSERT, [(*place, made.text) for place, made in sealed.items()])
    execute_values(
        cursor,
        FORMER_KEYS,
        [(*place, psycopg2.Binary(made.key)) for place, made in sealed.items()],
        "(%s::uuid, %s, %s)",
    )


@pytest.fixture
def database(sample_database: Database) -> Database:
    Registry(sample_database).register(classifier("c1"))
    with sample_database.transaction() as cursor:
        cursor.execute(
            "SELECT create_prediction_month(make_date(2024, n, 1)) FROM generate_series(3, 5) AS n"
        )
    return sample_database


def predictions(count: int, **changes: Any) -> list[Prediction]:
    values: dict[str, Any] = {
        "loan_id": 'quoted "id" \\ \t\x01\x7f é',
        "features": {"amount": 0.1, "none": None, "note": "원화\u2028"},
        "probability": 1 / 3,
        "reasons": [{"feature": "amount", "effect": 1e-7}],
        "latency_ms": 12.125,
        "created_at": datetime(2024, 3, 1, 12, tzinfo=UTC),
    }
    request = str(uuid.uuid4())
    return [scored(**(values | {"request_id": request, "position": n} | changes)) for n in range(count)]


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_every_inserted_row_has_one_link_and_a_refused_one_none(database: Database) -> None:
    log, first = PredictionLog(database), predictions(5)
    log.append(first)
    log.append([*predictions(3), *first])
    log.append(first)
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == 8


def test_the_digest_does_not_depend_on_the_session(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "SET LOCAL timezone TO 'Asia/Seoul'; SET LOCAL extra_float_digits TO -5; "
            "SET LOCAL bytea_output TO 'escape'; SET LOCAL datestyle TO 'German'"
        )
        insert_former(cursor)
        cursor.execute(
            "INSERT INTO model_metadata (version, kind, portfolio_hash, snapshot_hash, attempt, hyper_parameters, "
            "threshold, metrics, artifact_uri, artifact_sha256) "
            "SELECT 'c2', kind, portfolio_hash, 'other', attempt, hyper_parameters, 1 / 3.0, metrics, artifact_uri, "
            "artifact_sha256 FROM model_metadata"
        )
        cursor.execute(
            "UPDATE model_metadata SET status = 'rejected', reason = 'a test' WHERE version = 'c2'"
        )
    deviations, links, _ = verified(database)
    assert not deviations, deviations.first
    assert links == 40


@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["prediction_links", "record_links", "champion_decisions"])
def test_links_and_decisions_are_append_only(database: Database, table: str, statement: str) -> None:
    PredictionLog(database).append(predictions(1))
    Registry(database).reject("c1", "a test")
    with pytest.raises(WarehouseError, match=f"{table} is append-only"), database.transaction() as cursor:
        cursor.execute(statement.format(table))


def test_a_signature_is_added_once(database: Database) -> None:
    Registry(database).reject("c1", "a test")
    signed = "UPDATE champion_decisions SET key_id = 'k', signature = 's'"
    with database.transaction() as cursor:
        cursor.execute(signed)
    with pytest.raises(WarehouseError, match="append-only"), database.transaction() as cursor:
        cursor.execute(signed)


def test_rows_of_the_release_before_are_linked(database: Database) -> None:
    with database.transaction() as cursor:
        insert_former(cursor)
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == 40


def test_decisions_of_the_release_before_are_recorded(database: Database) -> None:
    Registry(database).register(classifier("c2"))
    with database.transaction() as cursor:
        for version, status, more in (
            ("c1", "champion", ", promoted_at = now(), verdict = 'approved', reason = 'first'"),
            ("c1", "retired", ""),
            ("c2", "champion", ", promoted_at = now(), verdict = 'approved', reason = 'second'"),
            ("c2", "rejected", ", reason = 'rolled back: bad'"),
            ("c1", "champion", ", promoted_at = now(), reason = 'restored'"),
        ):
            cursor.execute(f"UPDATE model_metadata SET status = '{status}'{more} WHERE version = '{version}'")
    columns = "id, version, previous_champion, action, reason, decided_by"
    assert query(database, f"SELECT {columns} FROM champion_decisions ORDER BY id") == [
        (1, "c1", None, "promoted", "first", "postgres"),
        (2, "c2", "c1", "promoted", "second", "postgres"),
        (3, "c1", "c2", "rolled back", "restored", "postgres"),
    ]
    assert not verified(database)[0]


def test_a_decision_anchors_every_chain(database: Database) -> None:
    PredictionLog(database).append(predictions(7))
    EvaluationLog(database).record(performance("c1", 0.8), {"figure": float("nan")})
    promote(one_person(database, "ada"), "c1", expected=None)
    ((anchors, decided_by),) = query(database, "SELECT anchors, decided_by FROM champion_decisions")
    assert decided_by == "ada"
    heads = query(
        database,
        "SELECT 'predictions/' || chain, max(link) FROM prediction_links GROUP BY chain "
        "UNION ALL SELECT chain, max(link) FROM record_links GROUP BY chain",
    )
    assert {name: link for name, (link, _) in anchors.items()} == dict(heads)
    assert {"model_metadata", "model_performance", "evaluation_inputs"} < set(anchors)
    assert not verified(database)[0]


def test_transactions_that_are_undone_leave_no_gap(database: Database) -> None:
    log = PredictionLog(database)
    log.append(predictions(2))
    with pytest.raises(WarehouseError):
        log.append([*predictions(2), *predictions(1, model_version="unknown")])
    log.append(predictions(2))
    deviations, links, _ = verified(database)
    assert not deviations, deviations.first
    assert links == 4


def test_writers_at_once_leave_unbroken_chains(database: Database) -> None:
    barrier = threading.Barrier(WRITERS)

    def write(_: int) -> None:
        with database.connected() as connected:
            barrier.wait()
            for _ in range(STATEMENTS):
                PredictionLog(connected).append(predictions(ROWS))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == WRITERS * STATEMENTS * ROWS
    assert query(database, "SELECT count(DISTINCT chain) > 1 FROM prediction_links") == [(True,)]


@pytest.fixture
def open_writers(database: Database) -> Iterator[list[Any]]:
    """Sixteen transactions that have appended, and not ended."""
    with ExitStack() as stack:
        connections = []
        for _ in range(16):
            connection = psycopg2.connect(dsn(database.url))
            stack.callback(connection.close)
            with connection.cursor() as cursor:
                cursor.execute("SET search_path TO sample; SET lock_timeout TO '20s'")
                # None waits for another one.
                insert_former(cursor)
            connections.append(connection)
        yield connections


def test_no_writer_waits_while_a_chain_is_free(database: Database, open_writers: list[Any]) -> None:
    for connection in open_writers:
        connection.commit()
    deviations, links, _ = verified(database)
    assert not deviations, deviations.first
    assert links == 16 * 40
    assert query(database, "SELECT count(DISTINCT chain) FROM prediction_links") == [(16,)]


def test_the_seventeenth_writer_waits_for_one_and_goes_on(
    database: Database, open_writers: list[Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(PredictionLog(database).append, predictions(3))
        while query(database, LOCK_WAITS) != [(1,)]:
            assert not waiting.done()
        for connection in open_writers:
            connection.commit()
        assert waiting.result(timeout=30) == 3
    deviations, links, _ = verified(database)
    assert not deviations, deviations.first
    assert links == 16 * 40 + 3


def test_what_was_recorded_before_is_linked_by_the_migration(database_url: str, tmp_path: Path) -> None:
    database, folder = Database(database_url, "sample"), tmp_path / "sql"
    folder.mkdir()
    for path in sorted(migrations.FOLDER.glob("*.sql")):
        if path.name.endswith("_chain.sql"):
            break
        shutil.copy(path, folder)
    versions = {"c1": "retired", "c2": "rejected", "c3": "champion", "c4": "candidate"}
    with database.transaction() as cursor:
        migrations.apply(cursor, "sample", portfolio(), folder)
        for number, (version, status) in enumerate(versions.items()):
            cursor.execute(
                "INSERT INTO model_metadata (version, kind, portfolio_hash, snapshot_hash, attempt, hyper_parameters, "
                "threshold, metrics, artifact_uri, artifact_sha256, status, promoted_at, verdict, reason) "
                "VALUES (%s, 'classifier', '', %s, 1, '{}', 0.4, '{}', '', '', %s, %s, 'approved', 'before')",
                (version, version, status, date(2024, 1, 1 + number)),
            )
        insert_former(cursor)
        cursor.execute("SELECT prune_predictions('2024-03-01', true)")
        assert cursor.fetchall() == [(1,)]
    database.migrate(portfolio())
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == 39
    decided = "SELECT version, action, previous_champion, decided_by FROM champion_decisions ORDER BY id"
    by = "the migration to hash chains"
    assert query(database, decided) == [
        ("c2", "rejected", None, by),
        ("c1", "promoted", None, by),
        ("c3", "promoted", "c1", by),
    ]
    PredictionLog(database).append(predictions(5))
    promote(one_person(database), "c4", expected="c3")
    assert query(database, f"{decided} DESC LIMIT 1")[0][:3] == ("c4", "promoted", "c3")
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == 44
