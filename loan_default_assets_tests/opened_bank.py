"""The small bank's asset graph on an empty database, with a Dagster instance in memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from loan_default_assets.commands.run import Outcome, run
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database


class Bank:
    """The small bank with its graph: a test may change its file, run it again and read the session."""

    def __init__(self, session: Session, instance: dg.DagsterInstance, folder: Path) -> None:
        self.session = session
        self.instance = instance
        self.folder = folder
        self.first: Outcome | None = None

    def run(self, **arguments: object) -> Outcome:
        return run(self.session, self.instance, today=small_bank.TODAY, **arguments)  # type: ignore[arg-type]


OpenBank = Callable[..., Bank]


@contextmanager
def opening(url: str, folder: Path) -> Iterator[OpenBank]:
    """Opens banks on one database, with these loans (None for all) and changes of the portfolio file."""
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("DATABASE_URL", url)
        instance = stack.enter_context(dg.DagsterInstance.ephemeral())

        def opened(frame: pd.DataFrame | None = None, **changes: object) -> Bank:
            small_bank.bank(folder, frame, **changes)
            session = stack.enter_context(open_session(small_bank.settings(folder, url)))
            return Bank(session, instance, folder)

        yield opened


@pytest.fixture
def open_bank(database_url: str, tmp_path: Path) -> Iterator[OpenBank]:
    """Banks on a database that exists for this test alone."""
    with opening(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def good_bank(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A bank whose graph has run once; tests restore its loans and tables."""
    folder = tmp_path_factory.mktemp("good_bank")
    with fresh_database(postgres) as url, opening(url, folder) as opened:
        bank = opened()
        bank.first = bank.run()
        yield bank
