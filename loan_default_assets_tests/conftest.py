"""One embedded PostgreSQL server per run (per worker under pytest-xdist), and an empty database per test."""

import os
from collections.abc import Iterator

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import good_bank, open_bank
from loan_default_assets_tests.two_champions import two_champions
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

__all__ = ["database_url", "good_bank", "open_bank", "postgres", "two_champions"]

# Tests need no durability.
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    """The running server; tests that stop or kill a server start another one."""
    with accessible_folder() as home:
        server = LocalPostgres(home, options=_NOT_DURABLE)
        server.start()
        try:
            yield server
        finally:
            server.remove()


# As this process was started with it; pytest has no home open yet.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


@pytest.fixture(autouse=True)
def umask_of_the_tests() -> Iterator[None]:
    """What tests and shared fixtures do to the umask of this process, by opening a home for example, ends here."""
    os.umask(_UMASK)
    yield
    os.umask(_UMASK)


@pytest.fixture
def database_url(postgres: LocalPostgres) -> Iterator[str]:
    """URL of an empty database for this test only."""
    with fresh_database(postgres) as url:
        yield url
