"""A session on a fresh database, with an instance that keeps its events in memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from loan_default_assets.commands.run import Outcome, run
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets_tests import small_bank


class Bank:
    """The small bank with its chain: change its file, run again, look at the session."""

    def __init__(self, session: Session, instance: dg.DagsterInstance, folder: Path) -> None:
        self.session = session
        self.instance = instance
        self.folder = folder

    def run(self, **arguments: object) -> Outcome:
        return run(self.session, self.instance, today=small_bank.TODAY, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def open_bank(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bank]]:
    """Opens the bank with these loans (all of them, where left out) and changes of its portfolio file."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.ephemeral())

        def opened(frame: pd.DataFrame | None = None, **changes: object) -> Bank:
            small_bank.bank(tmp_path, frame, **changes)
            session = stack.enter_context(open_session(small_bank.settings(tmp_path, database_url)))
            return Bank(session, instance, tmp_path)

        yield opened
