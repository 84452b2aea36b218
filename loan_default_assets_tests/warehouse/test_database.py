"""URLs, transactions, errors, and Dagster's schema."""

import math
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from urllib.parse import quote

import numpy as np
import psycopg2
import pytest
from sqlalchemy import create_engine, text

from loan_default_assets.warehouse.database import (
    Database,
    dagster_url,
    dsn,
    normalise,
    redact,
    to_json,
)
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests.warehouse.samples import portfolio


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
        ("postgresql://u@server:p@h/d", "postgresql+psycopg2://u%40server:p@h/d"),
        ("postgresql://u@h/d?user=a@b", "postgresql+psycopg2://u@h/d?user=a%40b"),
    ],
)
def test_every_url_is_normalised(url: str, normal: str) -> None:
    assert normalise(url) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u@h/d", "mysql:// is not PostgreSQL"),
        ("sqlite:///x", "sqlite:// is not PostgreSQL"),
        ("h:5432/d", "DATABASE_URL is not a URL"),
        ("", "DATABASE_URL is not a URL"),
        ("postgresql://u@h:port/d", "DATABASE_URL is not a URL"),
        ("postgresql://u:p@h/d?sslmod=require", "no connection option 'sslmod'"),
    ],
)
def test_other_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(WarehouseError, match=message):
        normalise(url)


@pytest.mark.parametrize(
    "between", ["@", "@x/w#", "/", "@s?", "@s?w=", "?", "@x:", ":", "#", "@@", "@x&w=", "@x:1/", "%"]
)
@pytest.mark.parametrize("options", ["", "?sslmode=disable"])
def test_no_part_of_a_password_is_shown_and_encoded_it_works(between: str, options: str) -> None:
    password = f"sesame{between}secret"
    url = f"postgresql://u:{password}@127.0.0.1:1/x{options}"
    with pytest.raises(WarehouseError) as refused, Database(url, "sample").transaction():
        pass
    shown = str(refused.value)
    # Either understood as it is, or explained.
    assert "127.0.0.1:1/x cannot be reached" in shown or "@ as %40" in shown
    assert "sesame" not in shown
    assert "secret" not in shown
    encoded = normalise(f"postgresql://u:{quote(password, safe='')}@127.0.0.1:1/x")
    assert psycopg2.extensions.parse_dsn(dsn(encoded))["password"] == password
    assert redact(encoded) == "postgresql+psycopg2://u:***@127.0.0.1:1/x"


def test_dsn_and_redaction() -> None:
    url = "postgresql://us:se cr@t@h:5/d?sslpassword=secret&application_name=x"
    url = url.replace("se cr@t", "se%20cr%40t")
    parts = psycopg2.extensions.parse_dsn(dsn(url))
    assert parts | {"password": "se cr@t", "host": "h", "port": "5", "dbname": "d"} == parts
    assert redact(url) == "postgresql+psycopg2://us:***@h:5/d?application_name=x"
    assert psycopg2.extensions.parse_dsn(dsn("postgresql://u@/d?host=/a b"))["host"] == "/a b"


@dataclass(frozen=True)
class _Pair:
    code: str
    share: float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": float("nan"), "b": [np.float32(0.5), np.int64(2), (1, np.inf)]}, '{"a":null,"b":[0.5,2,[1,null]]}'),
        (np.array([0.5, np.nan]), "[0.5,null]"),
        (np.bool_(True), "true"),
        ({"day": date(2024, 2, 29), 3: np.float64(0.1)}, '{"day":"2024-02-29","3":0.1}'),
        (MappingProxyType({"a": _Pair("ä", -math.inf)}), '{"a":{"code":"ä","share":null}}'),
    ],
    ids=["numbers that are none", "array", "truth", "date and key", "dataclass in a mapping"],
)  # fmt: skip
def test_json_that_postgresql_accepts(value: object, text: str) -> None:
    assert to_json(value) == text


def test_what_has_no_form_in_json_is_named_without_its_value() -> None:
    with pytest.raises(ValueError, match="_Opaque has no form in JSON") as refused:
        to_json({"a": _Opaque()})
    assert "secret" not in str(refused.value)


class _Opaque:
    def __repr__(self) -> str:
        return "secret"


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:1/d", "postgresql://u:secret@/d?host=/nowhere"]
)
def test_an_unreachable_server(url: str) -> None:
    with pytest.raises(WarehouseError) as raised, Database(url, "sample").transaction():
        pass
    message = str(raised.value)
    assert "127.0.0.1:1/d cannot be reached" in message or "/nowhere:5432/d cannot be reached" in message
    assert "DATABASE_URL" in message
    assert "loan-default doctor" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "name", ["public", "loan_default", "dagster", "optuna", "pg_x", "information_schema"]
)
def test_reserved_schemas(name: str) -> None:
    with pytest.raises(WarehouseError, match="reserved"):
        Database("postgresql://u@h/d", name)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM no_such_table", "no_such_table.* loan-default run"),
        ("SELECT 'private'::integer", r"refused a value: invalid input syntax for type integer: \"...\""),
        ("INSERT INTO t VALUES (1), (1)", "refused a row: duplicate key value"),
        ("INSERT INTO t VALUES (-1234)", "refused a row: .*violates check"),
        (
            "SELECT pg_terminate_backend(pg_backend_pid())",
            "connection .* was lost.*run the same command again",
        ),
        ("SET statement_timeout = 1; SELECT pg_sleep(1)", "57014"),
    ],
)
def test_errors_name_what_and_where_without_values(statement: str, message: str, database_url: str) -> None:
    database = Database(database_url, "sample")
    with database.transaction() as cursor:
        cursor.execute("CREATE SCHEMA sample; CREATE TABLE t (id integer PRIMARY KEY CHECK (id > 0))")
    with pytest.raises(WarehouseError, match=message) as raised, database.transaction() as cursor:
        cursor.execute(f"INSERT INTO t VALUES (7); {statement}")
    assert "private" not in str(raised.value)
    assert "1234" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchall() == [(0,)]


def test_other_exceptions_roll_back_and_propagate(database_url: str) -> None:
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


def test_a_user_without_privileges(database_url: str) -> None:
    owner = Database(database_url, "sample")
    with owner.transaction() as cursor:
        cursor.execute("DROP ROLE IF EXISTS analyst; CREATE ROLE analyst LOGIN")
    analyst = Database(database_url.replace("postgres@", "analyst@"), "sample")
    try:
        with pytest.raises(WarehouseError, match=r"lacks a privilege .*CREATE on the database"):
            analyst.migrate(portfolio())
        owner.migrate(portfolio())
        with owner.transaction() as cursor:
            cursor.execute(
                "GRANT USAGE ON SCHEMA loan_default, sample TO analyst; GRANT SELECT ON raw_data TO analyst"
            )
        with analyst.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM raw_data")
    finally:
        with owner.transaction() as cursor:
            cursor.execute("DROP OWNED BY analyst; DROP ROLE analyst")


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
def test_dagster_creates_its_tables_there(database_url: str) -> None:
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
