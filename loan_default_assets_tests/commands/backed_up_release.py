"""What release 0.1.0 left, a backup of it, and the installations into which that is restored."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loan_default_assets.commands.backup import backup
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.releases.former_release import FILES, Restored, lay_out

CHAMPION = "ce59aee2d2b6c"
SPOOLED = "small_bank/spool/0123456789abcdef0123456789abcdef.jsonl"


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the shell that runs the tests."""
    for name in ("PORTFOLIO", "LOAN_SOURCE", "LOAN_DEFAULT_HOME", "DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")


@pytest.fixture(scope="session")
def former(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """The installation of the former release, with an undelivered prediction; only read."""
    folder = tmp_path_factory.mktemp("former")
    with fresh_database(postgres) as url:
        installed = lay_out(folder, url)
        spooled = installed.settings.home / "service" / SPOOLED
        spooled.parent.mkdir(parents=True)
        # The last line was cut off and never acknowledged.
        spooled.write_bytes((FILES / "undelivered.jsonl").read_bytes() + b'{"request_id": ')
        yield installed


@pytest.fixture(scope="session")
def archive(former: Restored, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it; only read."""
    target = tmp_path_factory.mktemp("backups") / "monday"
    before = former.contents()
    backup(former.settings, target)
    assert former.contents() == before
    return target


@pytest.fixture
def empty(postgres: LocalPostgres, former: Restored, tmp_path: Path) -> Iterator[Restored]:
    """Another machine: an empty home and an empty database."""
    with fresh_database(postgres) as url:
        changed = {"loan_default_home": tmp_path / "home", "database_url": url}
        yield Restored(Settings(**(settings_of(former) | changed)), tmp_path)


@pytest.fixture
def occupied(postgres: LocalPostgres, tmp_path: Path) -> Iterator[Restored]:
    """An installation with rows of its own, which differ from the backup's."""
    folder = tmp_path / "occupied"
    folder.mkdir()
    with fresh_database(postgres) as url:
        installed = lay_out(folder, url)
        installed.rows("ALTER TABLE small_bank.predictions ADD COLUMN note text; SELECT 1")
        spooled = installed.settings.home / "service" / "small_bank" / "spool" / "other.jsonl"
        spooled.parent.mkdir(parents=True)
        spooled.write_text("of this installation\n")
        yield installed


def settings_of(installed: Restored) -> dict[str, object]:
    return installed.settings.model_dump(exclude_unset=True) | {"database_url": installed.url}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def portfolio_of(installed: Restored) -> Restored:
    """The installation with the portfolio file that the restore wrote."""
    file = str(installed.settings.home / "portfolio" / "small_bank.yaml")
    return replace(installed, settings=installed.settings.model_copy(update={"portfolio": file}))
