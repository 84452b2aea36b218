"""A bank with a champion, and one shared service of it; tests that change the state start their own."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
import yaml
from psycopg2 import sql

from bento.access import rate_limit
from loan_default_assets.model.training import FittedModel
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO
from loan_default_assets_tests.bento.tiny_models import ServedBank, train

_numbers = itertools.count()


@pytest.fixture
def no_time_for_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests of a test arrive at the same moment, however long the machine takes for them."""
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture(scope="session")
def portfolio_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portfolio") / "corner_bank.yaml"
    path.write_text(yaml.safe_dump(PORTFOLIO, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def fitted(portfolio_file: Path) -> FittedModel:
    return train(load(str(portfolio_file)))


@pytest.fixture(scope="session")
def make_bank(
    postgres: LocalPostgres,
    portfolio_file: Path,
    fitted: FittedModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., ServedBank]:
    """A bank with empty tables in its own database: of the small portfolio, or of one in the library with its model."""

    def make(source: str = str(portfolio_file), model: FittedModel = fitted) -> ServedBank:
        name, server = f"bank_{next(_numbers)}", postgres.start()
        connection = psycopg2.connect(dsn(server))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.close()
        url = server.replace(f"/{quote(postgres.database)}?", f"/{name}?")
        portfolio = load(source, source="loans.csv")
        bank = ServedBank(portfolio, Path(source), url, tmp_path_factory.mktemp("models"), model)
        bank.database.migrate(portfolio)
        return bank

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    """`with serve(bank, ...) as served`: a service of the bank."""

    def start(bank: ServedBank, **settings: Any) -> Any:
        return service(tmp_path, portfolio=bank.portfolio_file, database_url=bank.url, **settings)

    return start


@pytest.fixture(scope="session")
def bank(make_bank: Callable[[], ServedBank]) -> ServedBank:
    """The shared bank; its champion is version number 0."""
    shared = make_bank()
    shared.promote(shared.register(0))
    return shared


@pytest.fixture(scope="session")
def served(bank: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shared service, without keys."""
    home = tmp_path_factory.mktemp("home")
    with service(home, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url) as started:
        yield started
