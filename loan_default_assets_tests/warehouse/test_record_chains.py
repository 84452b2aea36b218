"""The database links every record that is not a prediction, whoever writes it: erasures, scores, alerts and others."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from loan_default_assets.pipeline.verify_batch_scores import BatchScoreCounts, verify_batch_scores
from loan_default_assets.warehouse import erasures, migrations
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.pruned_models import changing_models, mark_pruned
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.sealed_features import seal
from loan_default_assets_tests.databases import LOCK_WAITS
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.samples import classifier, portfolio
from loan_default_assets_tests.warehouse.verified_chains import verified

# Settings on which the text of times, numbers and bytes depends.
ODD_SESSION = (
    "SET LOCAL timezone TO 'Asia/Seoul'; SET LOCAL extra_float_digits TO -5; SET LOCAL bytea_output TO 'escape'; "
    "SET LOCAL datestyle TO 'German'; SET LOCAL intervalstyle TO 'iso_8601'"
)


@pytest.fixture
def database(sample_database: Database) -> Database:
    """A champion and a shadow."""
    registry = Registry(sample_database)
    for version in ("c1", "c2"):
        registry.register(classifier(version))
    return sample_database


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def scores_sha256(*rows: tuple[str, bytes]) -> str:
    """What `scored_partitions` records of loans, with PD and decision as bytes."""
    ids = hashlib.sha256(b"".join(f"{loan}\0".encode() for loan, _ in rows)).digest()
    return hashlib.sha256(ids + hashlib.sha256(b"".join(scores for _, scores in rows)).digest()).hexdigest()


# 0.25 and 0.75 as eight bytes, the least significant first, and the decision.
LOW, HIGH = bytes(6) + b"\xd0\x3f\x00", bytes(6) + b"\xe8\x3f\x01"


def insert_rows(database: Database, number: int = 0, session: str = "") -> None:
    """Two predictions with shadow scores, an erasure, two refused records and two scored partitions, in plain SQL."""
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO shadow_models (model_version, links) VALUES ('c2', array_fill(0, ARRAY[16])) "
            "ON CONFLICT DO NOTHING; SELECT create_prediction_month('2024-03-01')"
        )
        cursor.execute(session or "SELECT")
        for position in range(2):
            name = str(uuid.UUID(int=number * 10 + position))
            sealed = seal(b"{}", name, 0)
            cursor.execute(
                "INSERT INTO prediction_keys VALUES (%s, 0, %s)", (name, psycopg2.Binary(sealed.key))
            )
            cursor.execute(
                "INSERT INTO predictions VALUES (%s, 0, NULL, 'c1', jsonb_build_object('sealed', %s::text), 0.1, 0, "
                "0.4, NULL, 'http', 1, '2024-03-05')",
                (name, sealed.text),
            )
            cursor.execute(
                "INSERT INTO shadow_predictions VALUES (%s, 0, 'c2', 1 / 3.0, 0, 0.4, '2024-03-05 10:00:00.5+00')",
                (name,),
            )
            cursor.execute(
                "INSERT INTO refused_predictions VALUES (sha256(%s), %s, E'because of \\\\ and ü', now())",
                (record := f'{{"number": {number}{position}}}'.encode(), record),
            )
        for key, rows in (
            (f"2024-01-0{number + 1}", (("a", LOW), ("대출", HIGH))),
            (f"2024-02-0{number + 1}", ()),
        ):
            year = "CREATE TABLE IF NOT EXISTS scored_loans_2024 PARTITION OF scored_loans FOR VALUES FROM ('2024') "
            cursor.execute(
                f"{year} TO ('2025'); COMMENT ON TABLE scored_loans_2024 IS 'Partitions of one year'"
            )
            for loan, scores in rows:
                values = (key, loan, 0.25 if scores == LOW else 0.75, scores[-1])
                cursor.execute("INSERT INTO scored_loans VALUES (%s, %s, 'c1', %s, %s)", values)
            cursor.execute(
                "INSERT INTO scored_partitions VALUES (%s, 'c1', 'f', 'x', %s, 1 / 3.0, %s)",
                (key, len(rows), scores_sha256(*rows)),
            )
        cursor.execute(
            "INSERT INTO erasures VALUES (sha256(%s), now(), 1, 2, 3)", (f"loan other{number}".encode(),)
        )


def assert_unbroken(database: Database) -> BatchScoreCounts:
    deviations, _, _ = verified(database)
    with stored_chains(database) as stored:
        counts = verify_batch_scores(stored, deviations)
    assert not deviations, deviations.first
    return counts


def test_every_row_is_linked_whatever_the_session(database: Database) -> None:
    insert_rows(database)
    insert_rows(database, 1, ODD_SESSION)
    assert assert_unbroken(database).recorded == 4
    counts = "SELECT split_part(chain, '/', 1), count(*)::integer FROM record_links GROUP BY 1"
    linked = dict(query(database, counts))
    assert {name: linked[name] for name in ("erasures", "scored_partitions", "refused_predictions")} == {
        "erasures": 2,
        "scored_partitions": 4,
        "refused_predictions": 4,
    }
    assert query(database, "SELECT count(*) FROM shadow_links") == [(4,)]


def test_a_decision_anchors_the_chains(database: Database) -> None:
    insert_rows(database)
    promote(one_person(database, "ada"), "c1", expected=None)
    ((anchors,),) = query(database, "SELECT anchors FROM champion_decisions")
    heads = query(
        database,
        "SELECT 'shadow_predictions/' || chain, max(link) FROM shadow_links GROUP BY chain "
        "UNION ALL SELECT chain, max(link) FROM record_links GROUP BY chain",
    )
    assert {name: link for name, (link, _) in anchors.items() if not name.startswith("predictions/")} == dict(
        heads
    )
    assert {name.partition("/")[0] for name in anchors} >= {
        "predictions",
        "model_metadata",
        "erasures",
        "scored_partitions",
        "refused_predictions",
        "shadow_predictions",
    }
    assert_unbroken(database)


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("shadow_links", "hash"),
        ("erased_records", "erased_at"),
        ("erased_scores", "rows"),
        ("chain_starts", "chain"),
    ],
)
def test_the_tables_are_append_only(database: Database, table: str, column: str, statement: str) -> None:
    with pytest.raises(WarehouseError, match=f"{table} is append-only"), database.transaction() as cursor:
        cursor.execute(statement.format(table, column, column))


def test_a_record_that_is_refused_again_has_one_link(database: Database) -> None:
    log = PredictionLog(database)
    assert [log.keep_refused(b"{}", "no such model") for _ in range(2)] == [True, False]
    links = "SELECT count(*) FROM record_links WHERE chain LIKE 'refused_predictions/%'"
    assert query(database, links) == [(1,)]
    assert_unbroken(database)


INSERT_REFUSED = "INSERT INTO refused_predictions VALUES (sha256(%s), %s, 'no such model', now())"
INSERT_SHADOW = (
    "INSERT INTO shadow_predictions SELECT %s, position, model_version, probability, decision, threshold, scored_at "
    "FROM shadow_predictions LIMIT 1"
)


@pytest.fixture
def open_writers(database: Database) -> Iterator[list[Any]]:
    """Sixteen transactions that have appended a refused record and a shadow score, and not ended."""
    insert_rows(database)
    with ExitStack() as stack:
        connections = []
        for number in range(16):
            connection = psycopg2.connect(dsn(database.url))
            stack.callback(connection.close)
            with connection.cursor() as cursor:
                # None waits for another one.
                cursor.execute("SET search_path TO sample; SET lock_timeout TO '20s'")
                cursor.execute(INSERT_REFUSED, (name := str(number).encode(), name))
                cursor.execute(INSERT_SHADOW, (str(uuid.UUID(int=500 + number)),))
            connections.append(connection)
        yield connections


def test_no_writer_waits_while_a_chain_is_free_and_the_seventeenth_goes_on(
    database: Database, open_writers: list[Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(PredictionLog(database).keep_refused, b"{}", "no such model")
        while query(database, LOCK_WAITS) != [(1,)]:
            assert not waiting.done()
        for connection in open_writers:
            connection.commit()
        assert waiting.result(timeout=30)
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO prediction_keys SELECT request_id, position FROM shadow_predictions "
            "ON CONFLICT DO NOTHING"
        )
    chains = "SELECT count(DISTINCT chain) FROM record_links WHERE chain LIKE 'refused_predictions/%'"
    assert (
        query(database, chains)
        == query(database, "SELECT count(DISTINCT chain) FROM shadow_links")
        == [(16,)]
    )
    assert_unbroken(database)


def test_an_erasure_that_waits_holds_no_chain(database: Database) -> None:
    """Retention holds the keys when it links what it deletes: each would wait for the other."""
    insert_rows(database)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as cursor:
            cursor.execute("LOCK TABLE prediction_keys IN ROW EXCLUSIVE MODE")
            waiting = pool.submit(erasures.erase, database, ErasedSubject.of("loan", "a"))
            while query(database, LOCK_WAITS) != [(1,)]:
                assert not waiting.done()
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema || '.record_links', 0))"
            )
            free = cursor.fetchall()
        assert free == [(True,)]
        assert waiting.result(timeout=30).batch_scores == 1
    assert assert_unbroken(database).erased == 1


def test_transactions_that_are_undone_leave_no_gap(database: Database) -> None:
    log = PredictionLog(database)
    log.keep_refused(b"1", "no such model")
    with pytest.raises(WarehouseError), database.transaction() as cursor:
        cursor.execute(f"{INSERT_REFUSED}; SELECT 1 / 0", (b"2", b"2"))
    log.keep_refused(b"3", "no such model")
    assert_unbroken(database)


def migrated_before(number: str, url: str, folder: Path) -> Database:
    """A schema with the migrations before a number, a champion and another model."""
    (scripts := folder / "sql").mkdir()
    for path in sorted(path for path in migrations.FOLDER.glob("*.sql") if path.name < number):
        shutil.copy(path, scripts)
    database = Database(url, "sample")
    with database.transaction() as cursor:
        migrations.apply(cursor, "sample", portfolio(), scripts)
    for version in ("c1", "c2"):
        Registry(database).register(classifier(version))
    promote(one_person(database, "ada"), "c1", expected=None)
    return database


@pytest.fixture
def unchained(database_url: str, tmp_path: Path) -> Database:
    """A schema of before the chains of migration 16, with rows in every table."""
    database = migrated_before("016", database_url, tmp_path)
    insert_rows(database)
    return database


def test_what_was_recorded_before_is_linked_by_the_migration(unchained: Database) -> None:
    with unchained.transaction() as cursor:
        # An erasure has changed a refused record, and taken a loan from a partition of scores.
        cursor.execute("INSERT INTO erasures VALUES (sha256('loan b'), now() - interval '1 day', 1, 2, 3)")
        cursor.execute("UPDATE refused_predictions SET record = '' WHERE record = '{\"number\": 00}'")
        cursor.execute("DELETE FROM scored_loans WHERE loan_id = 'a'")
        # A scoring was killed before it was recorded.
        cursor.execute("INSERT INTO scored_loans VALUES ('2024-01-31', 'c', 'c1', 0.25, 0)")
    unchained.migrate(portfolio())
    counts = assert_unbroken(unchained)
    assert (counts.partitions, counts.recorded, counts.erased) == (3, 1, 2)
    left = "SELECT partition_key, rows, sha256 FROM erased_scores ORDER BY 1"
    assert query(unchained, left) == [
        ("2024-01-01", 1, scores_sha256(("대출", HIGH))),
        ("2024-01-31", 1, scores_sha256(("c", LOW))),
    ]
    assert query(unchained, "SELECT chain, earlier_rows FROM chain_starts ORDER BY 1") == [
        ("erasures", 2),
        ("refused_predictions", 2),
        ("scored_partitions", 2),
        ("shadow_predictions", 2),
    ]
    insert_rows(unchained, 1)
    erasures.erase(unchained, ErasedSubject.of("loan", "대출"))
    promote(one_person(unchained, "ada"), "c2", expected="c1")
    assert assert_unbroken(unchained).erased == 3
    with unchained.transaction() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE refused_predictions SET reason = 'x' WHERE record = ''")
    deviations, _, _ = verified(unchained)
    assert deviations.counts == {"row": 1}


def test_alerts_and_prunings_of_before_are_linked_by_the_migration(database_url: str, tmp_path: Path) -> None:
    database = migrated_before("019", database_url, tmp_path)
    log = AlertLog(database)
    for number in range(5):
        log.record(f"run:{number}", "run_failed", "subject", "title", "text")
        log.record_delivery(f"run:{number}", "log")
    raised = [moment for (moment,) in query(database, "SELECT raised_at FROM alerts ORDER BY id")]
    # Deleted before there were links.
    assert log.prune(raised[2]) == 2
    with changing_models(database) as cursor:
        mark_pruned(cursor, "c2", 1)
    database.migrate(portfolio())
    assert query(database, "SELECT chain, earlier_rows FROM chain_starts ORDER BY 1") == [
        ("alert_deliveries", 3),
        ("alerts", 3),
        ("pruned_alerts", 1),
        ("pruned_models", 1),
    ]
    assert_unbroken(database)
    assert log.prune(raised[3]) == 1
    log.record("run:5", "run_failed", "subject", "title", "text")
    assert_unbroken(database)
    with database.transaction() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; UPDATE alerts SET title = 'x' WHERE key = 'run:4'"
        )
    deviations, _, _ = verified(database)
    assert deviations.counts == {"row": 1}


@pytest.mark.parametrize("statement", ["UPDATE pruned_models SET bytes = 2", "TRUNCATE pruned_models"])
def test_what_is_recorded_of_pruned_models_does_not_change(database: Database, statement: str) -> None:
    with changing_models(database) as cursor:
        mark_pruned(cursor, "c2", 1)
    with (
        pytest.raises(WarehouseError, match="pruned_models is append-only"),
        database.transaction() as cursor,
    ):
        cursor.execute(statement)


def test_a_database_without_such_rows_has_no_starts(database: Database) -> None:
    assert query(database, "SELECT * FROM chain_starts") == []
    assert_unbroken(database)
