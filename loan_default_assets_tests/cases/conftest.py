"""One database for all cases; each has a schema of its own."""

from collections.abc import Iterator

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database


@pytest.fixture(scope="module")
def cases_url(postgres: LocalPostgres) -> Iterator[str]:
    """URL of an empty database for the cases of one module."""
    with fresh_database(postgres) as url:
        yield url
