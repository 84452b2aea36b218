"""One embedded PostgreSQL server for the whole run (one a worker under pytest-xdist), a fresh database a test."""

from collections.abc import Iterator

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import good_bank, open_bank
from loan_default_assets_tests.warehouse.embedded.homes import open_folder

__all__ = ["database_url", "good_bank", "open_bank", "postgres"]

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


@pytest.fixture
def database_url(postgres: LocalPostgres) -> Iterator[str]:
    """URL of an empty database that exists for this test alone."""
    with fresh_database(postgres) as url:
        yield url
