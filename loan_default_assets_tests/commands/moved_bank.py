"""A copy of the bank of two champions whose home was moved: what the tests of lost models start from."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.score import score
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.damages import DAMAGES
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.two_champions import TwoChampions


@dataclass(frozen=True)
class MovedBank:
    """A copy of that bank in another folder and database."""

    folder: Path
    session: Session
    pristine: Path
    former: str
    champion: str

    @property
    def encoder(self) -> str:
        """The encoder of the former champion."""
        return str(self.session.registry.get(self.former).hyper_parameters["encoder"])

    @property
    def models(self) -> Path:
        return self.folder / "home" / "models"

    def damage(self, name: str, version: str) -> None:
        other = self.former if version == self.encoder else self.encoder
        DAMAGES[name].do(self.models / version, self.pristine / other)

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(loan_default, list(arguments))

    def scores(self) -> str:
        output = io.StringIO()
        score(self.session, str(self.folder / "loans.csv"), output)
        return output.getvalue()


@pytest.fixture
def bank(
    two_champions: TwoChampions, postgres: LocalPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MovedBank]:
    small_bank.bank(tmp_path)
    for part in ("models", "keys"):
        shutil.copytree(two_champions.home / part, tmp_path / "home" / part)
    with fresh_database(postgres, two_champions.url) as url:
        settings = small_bank.settings(tmp_path, url)
        for name, value in small_bank.environment(tmp_path, url).items():
            monkeypatch.setenv(name, value)
        with open_session(settings) as session:
            yield MovedBank(
                tmp_path, session, two_champions.home / "models", two_champions.former, two_champions.champion
            )
