"""Databases for single tests, on the server of the run."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres

# How many statements in the database wait for a lock.
LOCK_WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@contextmanager
def fresh_database(postgres: LocalPostgres, template: str | None = None) -> Iterator[str]:
    """URL of an empty database, or of a copy of the one at the URL `template`, dropped at the end of the block."""
    name = f"test_{os.getpid()}_{next(_number)}"
    server = _server(postgres)
    copied = "template1" if template is None else make_url(template).database or ""
    # Copied files cost a server that does not flush them half of what copied pages do, and bring its caches with them.
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _execute(server, statement.format(sql.Identifier(name), sql.Identifier(copied)))
    yield server.replace(f"/{quote(postgres.database)}?", f"/{name}?")
    _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


_number = itertools.count()
# A server that is not stopped during the run, by its folder: to ask whether it still runs takes as long as a query.
_servers: dict[Path, str] = {}


def _server(postgres: LocalPostgres) -> str:
    if postgres.folder not in _servers:
        _servers[postgres.folder] = postgres.start()
    return _servers[postgres.folder]


def _execute(url: str, statement: sql.Composed) -> None:
    connection = psycopg2.connect(dsn(url))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
