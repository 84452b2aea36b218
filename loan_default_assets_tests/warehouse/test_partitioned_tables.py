"""Tables divided by time: rows of earlier releases stay, periods are created on demand, a request is stored once."""

import json
import shutil
import uuid
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg2
import pytest
from psycopg2 import extensions

from loan_default_assets.warehouse import key_files, migrations
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.prediction_pruning import prune_months
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog, RefusedPredictions
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.sealed_features import seal
from loan_default_assets.warehouse.table_sizes import table_sizes
from loan_default_assets_tests.warehouse.one_partition import replace_raw
from loan_default_assets_tests.warehouse.samples import classifier, ids, portfolio, raw, scored
from loan_default_assets_tests.warehouse.verified_chains import verified

MARCH, APRIL = date(2024, 3, 1), date(2024, 4, 1)
IN_MARCH = datetime(2024, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
IN_APRIL = datetime(2024, 4, 1, tzinfo=UTC)
DIVIDED = ("raw_data", "processed_data", "predictions")
LOAN = (
    "INSERT INTO raw_data (partition_key, loan_id, as_of, label, note) "
    "SELECT key, 'L' || n, date '2020-01-01', n %% 2, 'ünread' FROM unnest(%s::text[]) AS key, generate_series(1, 5) n"
)
FEATURES = (
    "INSERT INTO processed_data (partition_key, loan_id, as_of, numbers, categories, label, feature_hash) "
    "SELECT partition_key, loan_id, as_of, '{1,NaN}', '{1}', label, 'h' FROM raw_data"
)
PREDICTION = (
    "INSERT INTO predictions (request_id, loan_id, model_version, features, probability, decision, threshold, "
    "reasons, channel, created_at) VALUES (%s, %s, 'c1', %s, 0.1, 0, 0.4, NULL, 'http', %s)"
)


def execute(database: Database, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def partitions(database: Database, table: str) -> list[str]:
    statement = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    return [name for (name,) in execute(database, statement, (table,))]


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: execute(database, f"SELECT t::text FROM {table} t ORDER BY 1") for table in DIVIDED}


def prediction(created_at: datetime, loan: str | None = "L000000", **changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "loan_id": loan,
        "channel": "file",
        "latency_ms": None,
        "created_at": created_at,
    }
    return scored(**(values | changes))


def line(created_at: datetime, request_id: str | None = None) -> bytes:
    request_id = request_id or str(uuid.uuid4())
    sealed = seal(b'{"amount": 0.1}', request_id, 0)
    loan = {"loan_id": "L1", "sealed": sealed.text, "key": b64encode(sealed.key).decode(), "probability": 0.1}
    request = {"request_id": request_id, "model_version": "c1", "threshold": 0.4, "channel": "http"}
    return json.dumps(
        request | {"created_at": created_at.isoformat(), "loans": [loan | {"decision": 0}]}
    ).encode()


@pytest.fixture
def database(sample_database: Database) -> Database:
    Registry(sample_database).register(classifier("c1"))
    return sample_database


@pytest.fixture
def undivided(database_url: str, tmp_path: Path) -> Database:
    """A schema of the release before this one, with a model."""
    folder = tmp_path / "sql"
    folder.mkdir()
    for path in sorted(path for path in migrations.FOLDER.glob("*.sql") if path.name < "011"):
        shutil.copy(path, folder)
    database = Database(database_url, "sample")
    with database.transaction() as cursor:
        migrations.apply(cursor, "sample", portfolio(), folder)
    Registry(database).register(classifier("c1"))
    return database


def record(database: Database, times: list[datetime]) -> None:
    """Predictions as the release before this one records them; the last one is erased."""
    with database.transaction() as cursor:
        for number, time in enumerate(times):
            name = str(uuid.UUID(int=number))
            sealed = seal(b"{}", name, 0)
            cursor.execute(PREDICTION, (name, f"L{number}", json.dumps({"sealed": sealed.text}), time))
            if number < len(times) - 1:
                values = (name, psycopg2.Binary(sealed.key))
                cursor.execute("INSERT INTO prediction_keys VALUES (%s, 0, %s)", values)
            else:
                subject = "INSERT INTO erasures VALUES (erasure_subject('request', %s), now(), 1, 0, 0)"
                cursor.execute(subject, (name,))


EARLIER = {
    "dates": (
        ["2023-12-31", "2024-01-01"],
        [IN_MARCH, IN_APRIL],
        (["_before_2025", "_undated"], ["predictions_before_2024_05"]),
    ),
    "no dates": (["snapshot"], [IN_MARCH], (["_undated"], ["predictions_before_2024_04"])),
    "dates since a portfolio had none": (
        ["2023-12-31", "snapshot"],
        [datetime.fromisoformat("2024-04-01T01:00:00+09:00")],
        (["_before_2024", "_undated"], ["predictions_before_2024_04"]),
    ),
    "no rows": ([], [], (["_undated"], [])),
}


@pytest.mark.parametrize(("keys", "times", "expected"), EARLIER.values(), ids=EARLIER)
def test_rows_of_the_release_before_become_a_partition(
    undivided: Database,
    keys: list[str],
    times: list[datetime],
    expected: tuple[list[str], list[str]],
) -> None:
    with undivided.transaction() as cursor:
        cursor.execute(LOAN, (keys,))
        cursor.execute(FEATURES)
    record(undivided, times)
    before, links = contents(undivided), execute(undivided, "SELECT count(*) FROM prediction_links")
    assert [len(rows) for rows in before.values()] == [5 * len(keys), 5 * len(keys), len(times)]
    assert undivided.migrate(portfolio())[0] == "011_growth.sql"
    assert undivided.migrate(portfolio()) == []
    assert contents(undivided) == before
    for table in DIVIDED[:2]:
        assert partitions(undivided, table) == [f"{table}{suffix}" for suffix in expected[0]]
    assert partitions(undivided, "predictions") == expected[1]
    deviations, *counted = verified(undivided)
    assert not deviations, deviations.first
    assert [tuple(counted)] == [links[0] + (len(times),)]
    keyless = "SELECT count(*), count(*) FILTER (WHERE key IS NULL) FROM prediction_keys"
    assert execute(undivided, keyless) == [(len(times), min(1, len(times)))]


def test_grants_views_and_new_rows_of_a_migrated_table(undivided: Database) -> None:
    with undivided.transaction() as cursor:
        cursor.execute(LOAN, (["2024-01-01"],))
        cursor.execute("CREATE VIEW of_a_user WITH (security_barrier) AS SELECT loan_id FROM raw_data")
        cursor.execute("GRANT SELECT ON raw_data, of_a_user TO PUBLIC")
        cursor.execute("GRANT SELECT (loan_id) ON predictions TO PUBLIC")
    record(undivided, [IN_MARCH])
    undivided.migrate(portfolio())
    loans, log = Loans(undivided, portfolio()), PredictionLog(undivided)
    for key in ("2024-01-02", "2025-01-01"):
        replace_raw(loans, key, raw(ids(3), key=key))
    log.append([prediction(IN_MARCH), prediction(IN_APRIL)])
    assert partitions(undivided, "raw_data") == ["raw_data_2025", "raw_data_before_2025", "raw_data_undated"]
    assert partitions(undivided, "predictions") == ["predictions_2024_04", "predictions_before_2024_04"]
    assert execute(undivided, "SELECT count(*) FROM of_a_user") == [(5 + 2 * 3,)]
    rights = (
        "SELECT has_table_privilege('pg_monitor', 'raw_data', 'SELECT'), "
        "has_table_privilege('pg_monitor', 'of_a_user', 'SELECT'), "
        "has_table_privilege('pg_monitor', 'predictions', 'SELECT'), "
        "has_column_privilege('pg_monitor', 'predictions', 'loan_id', 'SELECT'), "
        "(SELECT reloptions FROM pg_class WHERE oid = 'of_a_user'::regclass)"
    )
    assert execute(undivided, rights) == [(True, True, False, True, ["security_barrier=true"])]
    assert set(table_sizes(undivided)["sample"]) >= set(DIVIDED)
    assert not [name for name in table_sizes(undivided)["sample"] if "_before_" in name]


def test_a_migration_that_is_cut_off_changes_nothing_and_is_repeated(undivided: Database) -> None:
    with undivided.transaction() as cursor:
        cursor.execute(LOAN, (["2024-01-01"],))
    record(undivided, [IN_MARCH, IN_APRIL])
    before = contents(undivided)

    def cut_off() -> None:
        with undivided.transaction() as cursor:
            migrations.apply(cursor, "sample", portfolio())
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(WarehouseError, match="lost"):
        cut_off()
    assert contents(undivided) == before
    assert execute(undivided, "SELECT to_regclass('raw_data_undated')") == [(None,)]
    later = [path.name for path in sorted(migrations.FOLDER.glob("*.sql")) if path.name >= "011_growth.sql"]
    assert undivided.migrate(portfolio()) == later
    assert contents(undivided) == before


def test_a_request_is_stored_once_in_whichever_month_it_arrives(database: Database) -> None:
    log, first = PredictionLog(database), prediction(IN_MARCH)
    assert log.append([first]) == 1
    assert log.append([first, replace(first, created_at=IN_APRIL)]) == 0
    log.append_lines([line(IN_APRIL, first.request_id)])
    shipped = line(IN_APRIL)
    for _ in range(2):
        log.append_lines([shipped, shipped])
    rows = "SELECT created_at FROM predictions ORDER BY created_at"
    assert execute(database, rows) == [(IN_MARCH,), (IN_APRIL,)]
    assert not verified(database)[0]


def test_deliveries_of_one_request_with_different_times_at_once(database: Database) -> None:
    name = str(uuid.uuid4())
    times = [IN_MARCH + timedelta(days=10 * number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda time: PredictionLog(database).append_lines([line(time, name)]), times))
    assert execute(database, "SELECT count(*) FROM predictions") == [(1,)]
    assert not verified(database)[0]


def test_periods_are_created_by_the_first_writer_of_several(database: Database) -> None:
    def write(number: int) -> None:
        key = f"{2020 + number % 3}-12-31"
        replace_raw(Loans(database, portfolio()), key, raw(ids(3), key=key))
        PredictionLog(database).append_lines([line(IN_MARCH), line(IN_APRIL), line(IN_MARCH)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(12)))
    years = [f"raw_data_{year}" for year in (2020, 2021, 2022)]
    assert partitions(database, "raw_data") == [*years, "raw_data_undated"]
    assert partitions(database, "predictions") == ["predictions_2024_03", "predictions_2024_04"]
    assert execute(database, "SELECT count(*) FROM predictions") == [(36,)]
    assert execute(database, "SELECT count(*) FROM raw_data_2020") == [(3,)]


def test_partitions_without_a_date(database: Database) -> None:
    replace_raw(Loans(database, portfolio()), "snapshot", raw(ids(3)))
    assert execute(database, "SELECT count(*) FROM raw_data_undated") == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} SELECT * FROM predictions",
        "UPDATE {} SET decision = 1",
        "DELETE FROM {}",
        "TRUNCATE {}",
    ],
)
@pytest.mark.parametrize("migrated", [False, True])
def test_a_partition_of_the_log_is_not_changed_past_its_triggers(
    database_url: str, undivided: Database, statement: str, migrated: bool
) -> None:
    if migrated:
        record(undivided, [IN_MARCH])
    undivided.migrate(portfolio())
    PredictionLog(undivided).append([prediction(IN_MARCH)])
    (name,) = partitions(undivided, "predictions")
    with pytest.raises(WarehouseError, match="append-only"):
        execute(undivided, statement.format(name))


def test_retention_drops_a_month_and_a_late_delivery_brings_it_back(database: Database) -> None:
    log = PredictionLog(database)
    log.append([prediction(IN_MARCH, None), prediction(IN_APRIL, None)])
    assert prune_months(database, [MARCH]) == 1
    assert partitions(database, "predictions") == ["predictions_2024_04"]
    assert execute(database, "SELECT count(*) FROM prediction_keys") == [(1,)]
    assert execute(
        database, "SELECT sum(upper(r) - lower(r))::integer FROM pruned_links, unnest(links) r"
    ) == [(1,)]
    log.append_lines([line(IN_MARCH)])
    assert partitions(database, "predictions") == ["predictions_2024_03", "predictions_2024_04"]
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert (links, rows) == (3, 2)


class _Retention:
    """A database whose empty months of predictions are dropped after a transaction, the first few times."""

    def __init__(self, database: Database, drops: int) -> None:
        self.database, self.drops, self.dropped = database, drops, 0

    @contextmanager
    def transaction(self) -> Iterator[extensions.cursor]:
        with self.database.transaction() as cursor:
            yield cursor
        for month in partitions(self.database, "predictions"):
            if self.dropped < self.drops and execute(self.database, f"SELECT count(*) FROM {month}") == [
                (0,)
            ]:
                execute(self.database, f"DROP TABLE {month}")
                self.dropped += 1


@pytest.mark.parametrize(
    ("drops", "stored"), [(1, True), (2, True), (9, False)], ids=["once", "twice", "always"]
)
def test_a_month_that_retention_drops_before_its_rows_arrive_is_created_again(
    database: Database, drops: int, stored: bool
) -> None:
    retention = _Retention(database, drops)
    log = PredictionLog(cast(Database, retention))
    if stored:
        log.append_lines([line(IN_MARCH)])
        assert execute(database, "SELECT count(*) FROM predictions") == [(1,)]
    else:
        # The record is good: it is sent again later, and not put aside as one that PostgreSQL refuses.
        with pytest.raises(WarehouseError) as failed:
            log.append_lines([line(IN_MARCH)])
        assert not isinstance(failed.value, RefusedPredictions)
    assert retention.dropped >= min(drops, 3)


def test_a_month_with_an_unmatured_outcome_keeps_its_partition(database: Database) -> None:
    log = PredictionLog(database)
    log.append([prediction(IN_MARCH, None), prediction(IN_MARCH, "never delivered")])
    assert prune_months(database, [MARCH]) == 1
    assert partitions(database, "predictions") == ["predictions_2024_03"]
    assert prune_months(database, [MARCH], unmatured=True) == 1
    assert partitions(database, "predictions") == []
    assert not verified(database)[0]


def test_the_partition_of_the_release_before_goes_with_its_last_month(undivided: Database) -> None:
    record(undivided, [IN_MARCH, IN_APRIL])
    undivided.migrate(portfolio())
    assert prune_months(undivided, [MARCH], unmatured=True) == 1
    assert partitions(undivided, "predictions") == ["predictions_before_2024_05"]
    assert prune_months(undivided, [APRIL], unmatured=True) == 1
    assert partitions(undivided, "predictions") == []
    assert not verified(undivided)[0]


def test_a_restore_makes_requests_unique_whose_keys_the_backup_lacks(
    database: Database, tmp_path: Path
) -> None:
    """A backup holds no keys of erased predictions; a file that is scored again has the same request."""
    log, first = PredictionLog(database), prediction(IN_MARCH)
    log.append([first])
    (tmp_path / "sample.csv").write_text("")
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM prediction_keys")
        cursor.execute("CREATE TEMPORARY TABLE restored_keys (LIKE prediction_keys)")
        for statements in key_files.insertions(tmp_path, cursor).values():
            cursor.execute(statements)
    assert log.append([replace(first, created_at=IN_APRIL)]) == 0
    assert execute(database, "SELECT key FROM prediction_keys") == [(None,)]


def test_a_destroyed_key_does_not_come_back(database: Database) -> None:
    PredictionLog(database).append([prediction(IN_MARCH)])
    execute(database, "UPDATE prediction_keys SET key = NULL")
    with pytest.raises(WarehouseError, match="append-only"):
        execute(database, "UPDATE prediction_keys SET key = sha256('another')")
