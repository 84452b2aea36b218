"""URLs, errors and migrations."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import create_engine, text

from loan_default_assets.warehouse import migrations
from loan_default_assets.warehouse.database import (
    Database,
    WarehouseError,
    dagster_url,
    dsn,
    normalise,
    redact,
    to_json,
)
from loan_default_assets_tests.warehouse.samples import COLUMNS, portfolio

NUMBERED = sorted(path.name for path in migrations.FOLDER.glob("*.sql"))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("postgres://u:p@h:5/d", "postgresql+psycopg2://u:p@h:5/d"),
        ("postgresql://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql+psycopg://u@h/d?sslmode=require", "postgresql+psycopg2://u@h/d?sslmode=require"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql://u:a%40b%2Fc@h/d", "postgresql+psycopg2://u:a%40b%2Fc@h/d"),
        ("postgresql://u@/d?host=/a b/c&port=5", "postgresql+psycopg2://u@/d?host=%2Fa%20b%2Fc&port=5"),
        (" postgresql://u@h/d\n", "postgresql+psycopg2://u@h/d"),
    ],
)
def test_one_spelling_of_every_url(url: str, normal: str) -> None:
    assert normalise(url) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u@h/d", "mysql:// is not PostgreSQL"),
        ("sqlite:///x", "sqlite:// is not PostgreSQL"),
        ("h:5432/d", "DATABASE_URL is not a URL"),
        ("", "DATABASE_URL is not a URL"),
        ("postgresql://u@h:port/d", "DATABASE_URL is not a URL"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    with pytest.raises(WarehouseError, match=said):
        normalise(url)


def test_dsn_and_redaction() -> None:
    url = "postgresql://us:se cr@t@h:5/d?sslpassword=secret&application_name=x"
    url = url.replace("se cr@t", "se%20cr%40t")
    parts = psycopg2.extensions.parse_dsn(dsn(url))
    assert parts | {"password": "se cr@t", "host": "h", "port": "5", "dbname": "d"} == parts
    assert redact(url) == "postgresql+psycopg2://us:***@h:5/d?application_name=x"
    assert psycopg2.extensions.parse_dsn(dsn("postgresql://u@/d?host=/a b"))["host"] == "/a b"


def test_json_that_postgresql_takes() -> None:
    import numpy as np

    value: dict[str, Any] = {
        "a": float("nan"),
        "b": [np.float32(0.5), np.int64(2), (1, np.inf)],
        "c": np.arange(2),
    }
    assert to_json(value) == '{"a": null, "b": [0.5, 2, [1, null]], "c": [0, 1]}'


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:1/d", "postgresql://u:secret@/d?host=/nowhere"]
)
def test_an_unreachable_server(url: str) -> None:
    with pytest.raises(WarehouseError) as raised, Database(url, "sample").transaction():
        pass
    said = str(raised.value)
    assert "127.0.0.1:1/d cannot be reached" in said or "/nowhere:5432/d cannot be reached" in said
    assert "DATABASE_URL" in said
    assert "loan-default doctor" in said
    assert "secret" not in said


@pytest.mark.parametrize("name", ["public", "loan_default", "dagster", "pg_x", "information_schema"])
def test_reserved_schemas(name: str) -> None:
    with pytest.raises(WarehouseError, match="reserved"):
        Database("postgresql://u@h/d", name)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT * FROM no_such_table", "no_such_table.* loan-default run"),
        ("SELECT 'private'::integer", r"refused a value: invalid input syntax for type integer: \"...\""),
        ("INSERT INTO t VALUES (1), (1)", "refused a row: duplicate key value"),
        ("INSERT INTO t VALUES (-1234)", "refused a row: .*violates check"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "connection .* broke.*run the same command again"),
        ("SET statement_timeout = 1; SELECT pg_sleep(1)", "57014"),
    ],
)
def test_errors_say_what_and_where_without_values(statement: str, said: str, database_url: str) -> None:
    database = Database(database_url, "sample")
    with database.transaction() as cursor:
        cursor.execute("CREATE SCHEMA sample; CREATE TABLE t (id integer PRIMARY KEY CHECK (id > 0))")
    with pytest.raises(WarehouseError, match=said) as raised, database.transaction() as cursor:
        cursor.execute(f"INSERT INTO t VALUES (7); {statement}")
    assert "private" not in str(raised.value)
    assert "1234" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchall() == [(0,)]


def test_other_exceptions_roll_back_and_pass(database_url: str) -> None:
    database = Database(database_url, "sample")

    def create_and_fail() -> None:
        with database.transaction() as cursor:
            cursor.execute("CREATE SCHEMA sample")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_fail()
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regnamespace('sample')")
        assert cursor.fetchall() == [(None,)]


def test_a_user_without_rights(database_url: str) -> None:
    owner = Database(database_url, "sample")
    with owner.transaction() as cursor:
        cursor.execute("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN")
    clerk = Database(database_url.replace("postgres@", "clerk@"), "sample")
    try:
        with pytest.raises(WarehouseError, match=r"lacks a right .*CREATE on the database"):
            clerk.migrate(portfolio())
        owner.migrate(portfolio())
        with owner.transaction() as cursor:
            cursor.execute(
                "GRANT USAGE ON SCHEMA loan_default, sample TO clerk; GRANT SELECT ON raw_data TO clerk"
            )
        with clerk.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM raw_data")
    finally:
        with owner.transaction() as cursor:
            cursor.execute("DROP OWNED BY clerk; DROP ROLE clerk")


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
    starters = 8
    gate = threading.Barrier(starters)

    def start(_: int) -> list[str]:
        gate.wait()
        return Database(database_url, "sample").migrate(portfolio())

    with ThreadPoolExecutor(starters) as pool:
        done = list(pool.map(start, range(starters)))
    assert sorted(map(len, done)) == [0] * (starters - 1) + [len(NUMBERED) + len(COLUMNS)]


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
        pytest.param({"income": {"kind": "number"}}, ["raw_data.income double precision"], id="one more"),
        pytest.param({"note": None}, [], id="one less"),
        pytest.param({"inquiries": {"kind": "number"}}, ["raw_data.inquiries double precision"], id="wider"),
        pytest.param({"amount": {"kind": "number", "integer": True}}, [], id="narrower"),
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
    said = r"columns.amount: is text now, but the table holds it as double precision; give .* another name"
    with pytest.raises(WarehouseError, match=said):
        database.migrate(portfolio(columns=COLUMNS | {"amount": {"kind": "text"}}))


def test_dagsters_tables_have_a_schema_of_their_own(database_url: str) -> None:
    url = dagster_url(f"{database_url}&options=-cwork_mem%3D8MB")
    assert dagster_url(database_url) == dagster_url(database_url)
    with create_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE runs (id integer)"))
        assert connection.execute(text("SELECT current_schema(), current_setting('work_mem')")).one() == (
            "dagster",
            "8MB",
        )
    with Database(database_url, "sample").transaction() as cursor:
        cursor.execute("SELECT to_regclass('dagster.runs')::text, to_regclass('public.runs')::text")
        assert cursor.fetchall() == [("dagster.runs", None)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dagster_finds_its_tables_there(database_url: str) -> None:
    from dagster_postgres import DagsterPostgresStorage

    for _ in range(2):
        storage = DagsterPostgresStorage(dagster_url(database_url))
        assert storage.run_storage.get_runs_count() == 0
        assert storage.schedule_storage.all_instigator_state() == []
    with Database(database_url, "sample").transaction() as cursor:
        cursor.execute(
            "SELECT array_agg(DISTINCT schemaname::text), count(*) > 20 FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert cursor.fetchall() == [(["dagster"], True)]
