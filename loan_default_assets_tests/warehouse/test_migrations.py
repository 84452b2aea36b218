"""Migrations: applied once, immutable, complete, and able to upgrade the schema of an earlier release."""

import hashlib
import shutil
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from psycopg2.extras import execute_values

from loan_default_assets.warehouse import migrations, partition_writes
from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.partition_writes import PartitionedTable
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import (
    COLUMNS,
    DAY,
    classifier,
    ids,
    performance,
    portfolio,
    processed,
    raw,
)

NUMBERED = sorted(path.name for path in migrations.FOLDER.glob("*.sql"))
# Of release 0.1.0: users' databases record these hashes, so the files never change.
RELEASED = {
    "001_tables.sql": "47fb26b1fe6b4fc9c20562d48ac5148a697f03caa9a1bab489f29623b3b70ea6",
    "002_views.sql": "bf99e1e9c8c295a8c5c3a329a535fae256146c45f58e77f3b0941cd69fc36dee",
    "003_ranking.sql": "45090d1e9e5bd5ff4da1571b3218af84602d77c787aaa567de5e38f43d0f9056",
}
ADDED = (
    "alert_counts",
    "alert_deliveries",
    "alert_states",
    "alerts",
    "chain_starts",
    "champion_decisions",
    "delivered_files",
    "drift_checks",
    "erased_records",
    "erased_scores",
    "erasures",
    "evaluation_grades",
    "evaluation_inputs",
    "f1_estimates",
    "loaded_partitions",
    "matured_loans",
    "open_proposals",
    "oversight_records",
    "processed_data_undated",
    "prediction_keys",
    "prediction_links",
    "pruned_alerts",
    "pruned_links",
    "pruned_models",
    "pruned_predictions",
    "raw_data_undated",
    "record_links",
    "scored_loans",
    "scored_loans_undated",
    "scored_partitions",
    "service_workers",
    "shadow_links",
    "shadow_models",
    "shadow_predictions",
    "undelivered_alerts",
)
ADDED_VIEWS = ("counted_evaluations", "data_cutoff", "live_performance")
RELEASED_VIEWS = ("labels_by_day", "retraining_models", "retraining_evaluations")
VIEWS = ADDED_VIEWS + RELEASED_VIEWS


def test_migrations_once_twice_and_for_two_portfolios(database_url: str) -> None:
    database = Database(database_url, "sample")
    first = database.migrate(portfolio())
    assert first[: len(NUMBERED)] == NUMBERED
    assert [done.split()[0] for done in first[len(NUMBERED) :]] == [f"raw_data.{name}" for name in COLUMNS]
    assert database.migrate(portfolio()) == []
    assert Database(database_url, "other").migrate(portfolio(name="other")) == first
    with database.transaction() as cursor:
        cursor.execute("SELECT portfolio_schema, number, name FROM loan_default.migrations ORDER BY 1, 2")
        assert [(s, n) for s, _, n in cursor.fetchall()] == [
            (schema, name) for schema in ("other", "sample") for name in NUMBERED
        ]


def test_concurrent_migrations(database_url: str) -> None:
    processes = 8
    barrier = threading.Barrier(processes)

    def start(_: int) -> list[str]:
        barrier.wait()
        return Database(database_url, "sample").migrate(portfolio())

    with ThreadPoolExecutor(processes) as pool:
        done = list(pool.map(start, range(processes)))
    # Two processes may share the work, since rows are sealed between two transactions.
    applied = [name for names in done for name in names]
    assert len(applied) == len(set(applied)) == len(NUMBERED) + len(COLUMNS)


def test_a_changed_missing_or_broken_migration(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, "sample")
    folder = tmp_path / "sql"
    shutil.copytree(migrations.FOLDER, folder)

    def migrate() -> list[str]:
        with database.transaction() as cursor:
            return migrations.apply(cursor, "sample", portfolio(), folder)

    migrate()
    original = (folder / "001_tables.sql").read_bytes()
    (folder / "001_tables.sql").write_bytes(original.replace(b"\n", b"\r\n"))
    assert migrate() == []
    (folder / "001_tables.sql").write_bytes(original + b"-- one more line\n")
    with pytest.raises(WarehouseError, match=r"001_tables.sql was changed .*into a new file"):
        migrate()
    (folder / "001_tables.sql").write_bytes(original)
    broken = folder / f"{len(NUMBERED) + 1:03}_broken.sql"
    broken.write_text("CREATE TABLE half_done (id integer); SELECT nonsense")
    with pytest.raises(WarehouseError, match="nonsense"):
        migrate()
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regclass('half_done'), count(*) FROM loan_default.migrations")
        assert cursor.fetchall() == [(None, len(NUMBERED))]
    broken.rename(folder / f"{len(NUMBERED) + 2:03}_gap.sql")
    with pytest.raises(WarehouseError, match="without a gap"):
        migrate()


@pytest.mark.parametrize(
    ("columns", "done"),
    [
        pytest.param({"income": {"kind": "number"}}, ["raw_data.income double precision"], id="added"),
        pytest.param({"note": None}, [], id="removed"),
        pytest.param(
            {"inquiries": {"kind": "number"}}, ["raw_data.inquiries double precision"], id="integer to float"
        ),
        pytest.param({"amount": {"kind": "number", "integer": True}}, [], id="float to integer"),
    ],
)
def test_a_portfolio_that_changes(columns: dict[str, Any], done: list[str], database_url: str) -> None:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    changed = {name: spec for name, spec in (COLUMNS | columns).items() if spec}
    assert database.migrate(portfolio(columns=changed)) == done
    assert database.migrate(portfolio(columns=changed)) == []
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.columns WHERE table_schema = 'sample' "
                       "AND table_name = 'raw_data'")  # fmt: skip
        assert cursor.fetchall() == [(5 + len(COLUMNS) + ("income" in columns),)]


def test_a_column_of_another_kind(database_url: str) -> None:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    message = r"columns.amount: is text now, but the table holds it as double precision; give .* another name"
    with pytest.raises(WarehouseError, match=message):
        database.migrate(portfolio(columns=COLUMNS | {"amount": {"kind": "text"}}))


def test_released_migrations_are_unchanged() -> None:
    hashes = {m.name: m.sha256 for m in migrations.read(migrations.FOLDER)}
    assert {name: hashes[name] for name in RELEASED} == RELEASED
    text = (migrations.FOLDER / "001_tables.sql").read_bytes()
    assert hashlib.sha256(text).hexdigest() == RELEASED["001_tables.sql"]


@pytest.fixture
def released(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A schema of release 0.1.0 with rows in each of its five tables."""
    # It had no erasures and no tables of years.
    monkeypatch.setattr(PartitionedTable, "_delete_erased", lambda *_: Counter())
    monkeypatch.setattr(partition_writes, "missing_years", lambda *_: [])
    folder = tmp_path / "sql"
    folder.mkdir()
    for name in RELEASED:
        shutil.copy(migrations.FOLDER / name, folder)
    database = Database(database_url, "sample")
    with database.transaction() as cursor:
        migrations.apply(cursor, "sample", portfolio(), folder)
    loans, registry = Loans(database, portfolio()), Registry(database)
    names = ids(300)
    replace_raw(loans, DAY, raw(names))
    immature = raw(["immature"], key="2024-01-31").assign(
        label=1.0, label_observed_at=pd.Timestamp("2024-03-01")
    )
    replace_raw(loans, "2024-01-31", immature)
    for key in (DAY, "2024-01-31"):
        replace_processed(loans, key, processed(names, key=key))
    for version in ("c1", "c2"):
        registry.register(classifier(version))
        EvaluationLog(database).record(performance(version, 0.8))
    # Present code reads a table that this release did not have.
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE model_metadata SET status = 'champion', promoted_at = now(), verdict = 'approved', "
            "reason = 'first' WHERE version = 'c1'"
        )
    scores = np.random.default_rng(0).integers(0, 20, (2, len(names) + 1)) / 20
    # As that release stored them, with readable features.
    with database.transaction() as cursor:
        execute_values(
            cursor,
            "INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, "
            "threshold, reasons, channel, latency_ms, created_at) VALUES %s",
            [
                (
                    str(uuid.UUID(int=number)),
                    i,
                    name,
                    version,
                    to_json({"amount": 1.0, "note": f"ünread {i}"}),
                    float(score),
                    int(score >= 0.4),
                    0.4,
                    None,
                    "http",
                    1.0,
                    datetime(2024, 5, 1, tzinfo=UTC),
                )
                for number, version in enumerate(("c1", "c2"))
                for i, (name, score) in enumerate(zip([*names, "immature"], scores[number], strict=True))
            ],
        )
    return database


def _fetch(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _rows(database: Database, view: str) -> list[tuple[Any, ...]]:
    return _fetch(database, f"SELECT r::text FROM {view} r ORDER BY 1")


def test_a_database_of_the_first_release_is_migrated(released: Database) -> None:
    loans, log = Loans(released, portfolio()), PredictionLog(released)
    with released.transaction() as cursor:
        cursor.execute("CREATE VIEW of_a_user AS SELECT clock FROM data_clock")
    hashes = {table: loans.table_hash(table) for table in loans.counts()}
    live = log.live_performance()
    others = {view: _rows(released, view) for view in RELEASED_VIEWS}
    assert [row["rows"] for row in live] == [200, 200]
    assert all(others.values())

    assert released.migrate(portfolio()) == NUMBERED[len(RELEASED) :]
    assert released.migrate(portfolio()) == []
    assert log.live_performance() == live
    assert {view: _rows(released, view) for view in RELEASED_VIEWS} == others
    assert {table: loans.table_hash(table) for table in loans.counts()} == hashes
    assert _fetch(released, "SELECT cutoff FROM data_cutoff") == [(date(2024, 2, 1),)]
    assert _fetch(released, "SELECT to_regclass('data_clock')") == [(None,)]
    assert _fetch(released, "SELECT clock FROM of_a_user") == [(date(2024, 2, 1),)]


def test_every_table_column_and_view_has_a_description(database_url: str) -> None:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    rows = _fetch(
        database,
        "SELECT c.relname, a.attname, obj_description(c.oid), col_description(c.oid, a.attnum) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'sample'::regnamespace AND c.relkind IN ('p', 'r', 'v')",
    )
    described = {table: text for table, _, text, _ in rows}
    assert set(described) == {*Loans(database, portfolio()).counts(), "refused_predictions", *VIEWS, *ADDED}
    assert all(described.values())
    own = {"id", "model_version", *COLUMNS}
    missing = {
        f"{table}.{column}"
        for table, column, _, text in rows
        if not text and table not in (*VIEWS, "matured_loans") and column not in own
    }
    assert not missing
    texts = [text for row in rows for text in row[2:] if text]
    assert not [
        text for text in texts if {"clock", "judged", "unseen", "place", "answered"} & {*text.split()}
    ]
