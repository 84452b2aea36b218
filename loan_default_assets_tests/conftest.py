"""One embedded PostgreSQL server for the whole run (one a worker under pytest-xdist), a fresh database a test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2 import sql

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.server import LocalPostgres
from loan_default_assets_tests.warehouse.homes import open_folder

# What survives a crash of the machine is of no interest here.
_HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    """The running server; tests that stop or kill one start their own."""
    with open_folder() as home:
        server = LocalPostgres(home, options=_HASTY)
        server.start()
        try:
            yield server
        finally:
            server.remove()


@contextmanager
def fresh_database(postgres: LocalPostgres) -> Iterator[str]:
    """URL of an empty database that exists for the block alone."""
    name = f"test_{os.getpid()}_{next(_number)}"
    server = postgres.start()
    _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield server.replace(f"/{quote(postgres.database)}?", f"/{name}?")
    _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(postgres: LocalPostgres) -> Iterator[str]:
    """URL of an empty database that exists for this test alone."""
    with fresh_database(postgres) as url:
        yield url


_number = itertools.count()


def _execute(url: str, statement: sql.Composed) -> None:
    connection = psycopg2.connect(dsn(url))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
