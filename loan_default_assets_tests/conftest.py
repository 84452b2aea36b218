"""One embedded PostgreSQL server per run (per worker under pytest-xdist), and an empty database per test."""

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import torch

from loan_default_assets.numeric_threads import one_thread_by_default
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import good_bank, open_bank
from loan_default_assets_tests.scheduling import SharedBankScheduling, workers
from loan_default_assets_tests.smoke_runs import smoke_in_fresh_process, smoke_in_this_process
from loan_default_assets_tests.two_champions import two_champions
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder
from loan_default_assets_tests.warehouse.samples import portfolio

__all__ = [
    "database_url",
    "good_bank",
    "open_bank",
    "postgres",
    "smoke_in_fresh_process",
    "smoke_in_this_process",
    "two_champions",
]

# Tests need no durability.
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}

# Collecting the tests makes a million objects that stay: no garbage is searched among them.
gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Afterwards garbage is collected again."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The processes of `-n auto`."""
    return workers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedBankScheduling | None:
    """Which worker runs which test, of `--dist loadfile`."""
    return SharedBankScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """As commands and `make test` do: scores differ in their last bits with the number of threads."""
    one_thread_by_default(os.environ)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


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


@pytest.fixture(scope="session")
def migrated_url(postgres: LocalPostgres) -> Iterator[str]:
    """URL of a database with the empty tables of the sample portfolio, which tests copy: a third of a migration."""
    with fresh_database(postgres) as url:
        Database(url, "sample").migrate(portfolio())
        yield url


@pytest.fixture
def sample_database(postgres: LocalPostgres, migrated_url: str) -> Iterator[Database]:
    """The empty tables of the sample portfolio, for this test only."""
    with fresh_database(postgres, migrated_url) as url:
        yield Database(url, "sample")
