"""The small bank's asset graph on an empty database, with a Dagster instance in memory."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from loan_default_assets.commands.run import Outcome, run
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database


@dataclass(frozen=True)
class Pristine:
    """The database and the folder of a bank whose graph has run once. No test alters them."""

    url: str
    folder: Path


class Bank:
    """The small bank with its graph: a test may change its file, run it again and read the session."""

    def __init__(self, session: Session, instance: dg.DagsterInstance, folder: Path) -> None:
        self.session = session
        self.instance = instance
        self.folder = folder
        self.first: Outcome | None = None
        self.pristine: Pristine | None = None

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


@contextmanager
def copied(bank: Bank, postgres: LocalPostgres, folder: Path) -> Iterator[OpenBank]:
    """Opens banks on a copy of the good bank as it was after its first run."""
    assert bank.pristine is not None
    shutil.copytree(bank.pristine.folder, folder, dirs_exist_ok=True)
    with fresh_database(postgres, bank.pristine.url) as url, opening(url, folder) as opened:
        yield opened


@pytest.fixture
def open_bank(database_url: str, tmp_path: Path) -> Iterator[OpenBank]:
    """Banks on a database that exists for this test alone."""
    with opening(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def good_bank(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A bank whose graph has run once; tests restore its loans and tables, and `copied` has no need to."""
    folder = tmp_path_factory.mktemp("good_bank")
    with fresh_database(postgres) as url, opening(url, folder) as opened:
        bank = opened()
        bank.first = bank.run()
        copy = Path(shutil.copytree(folder, folder.with_name(f"{folder.name}_pristine")))
        with fresh_database(postgres, url) as pristine:
            bank.pristine = Pristine(pristine, copy)
            yield bank
