"""The small bank after two promotions, with predictions before, between and after them, and copies of it to alter."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.commands.verify import text, verify
from loan_default_assets.pipeline.verify_records import Verification
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.two_champions import TwoChampions


@dataclass(frozen=True)
class RecordedBank:
    """A folder and a database that one test may alter."""

    folder: Path
    url: str

    @property
    def models(self) -> Path:
        return self.folder / "home" / "models"

    @contextmanager
    def session(self) -> Iterator[Session]:
        with open_session(small_bank.settings(self.folder, self.url)) as session:
            yield session

    def verify(self, request_id: str | None = None) -> Verification:
        with self.session() as session:
            return verify(session, request_id)

    def report(self, request_id: str | None = None) -> str:
        return text(self.verify(request_id))

    def alter(self, *statements: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run statements as the superuser with all triggers disabled; the rows of the last one, if it has any."""
        with psycopg2.connect(dsn(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica; SET search_path TO small_bank")
            for statement in statements:
                cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def copied(bank: TwoChampions, postgres: LocalPostgres, folder: Path) -> Iterator[RecordedBank]:
    """A copy of the bank that may be altered."""
    shutil.copytree(bank.folder, folder)
    with fresh_database(postgres, bank.url) as url:
        yield RecordedBank(folder, url)


@pytest.fixture
def recorded_bank(
    two_champions: TwoChampions, postgres: LocalPostgres, tmp_path: Path
) -> Iterator[RecordedBank]:
    """A copy of the bank for this test alone."""
    with copied(two_champions, postgres, tmp_path / "bank") as bank:
        yield bank
