"""Banks for the tests of the steps: an empty one, one with features, and one with a pending challenger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.reported_bank import reported_bank

__all__ = ["bank_with_features", "reported_bank", "steps"]


@pytest.fixture
def steps(database_url: str, tmp_path: Path) -> BankSteps:
    """A bank without any stored rows."""
    return BankSteps.open(tmp_path, database_url)


@pytest.fixture(scope="module")
def bank_with_features(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BankSteps]:
    """A bank with loans and features; tests add models, and change no rows."""
    with fresh_database(postgres) as url:
        bank = BankSteps.open(tmp_path_factory.mktemp("bank_with_features"), url)
        bank.load()
        bank.features()
        yield bank
