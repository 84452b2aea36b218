"""The part of a restore that is not in the database: staged before the commit, put in its place after it, or dropped.

The database says which: the commit of a restore sets a mark with the name of the staging folder. So a restore that was
killed at any moment is either completed by the next command, or has changed nothing.
"""

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loan_default_assets.commands import backup_archive, erasure_file
from loan_default_assets.commands.backup import spooled_files
from loan_default_assets.commands.dagster_home import instance_of
from loan_default_assets.commands.home_lock import home_lock
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.private_files import make_private_folders
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import dump, erasures
from loan_default_assets.warehouse.database import Database

_PREFIX = "restore-"
# In a staging folder: predictions were spooled in the home before the restore.
_SPOOLED_BEFORE = "spooled-before"


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """One restore of a home at a time.

    Raises:
        CommandError: Another process restores, or completes a restore.
    """
    refusal = f"loan-default restore runs in {home}\nNext: wait for its end, then the same command"
    with home_lock(home / "restore.lock", lambda: refusal):
        yield


def mark_of(staged: Path) -> str:
    """What the database holds once the restore of this staging folder is committed."""
    return f"loan-default {staged.name}"


def stage(home: Path, source: Path, details: Mapping[str, Any]) -> Path:
    """Copy the files of a backup that belong into the home, and its later erasures, into a folder of the home.

    Args:
        home: LOAN_DEFAULT_HOME.
        source: A verified backup.
        details: Its `backup.json`.
    """
    staged = home / f"{_PREFIX}{secrets.token_hex(8)}"
    staged.mkdir(mode=0o700)
    parts = (backup_archive.SPOOL, backup_archive.PORTFOLIO, backup_archive.ERASURES)
    for file in (path for part in parts for path in (source / part).rglob("*") if path.is_file()):
        backup_archive.write(staged / file.relative_to(source), file.read_bytes())
    if any(path.stat().st_size for path in spooled_files(home / backup_archive.SPOOL)):
        (staged / _SPOOLED_BEFORE).touch()
    return staged


def stage_erasures(home: Path, staged: Path, url: str) -> None:
    """Add what is erased in the database that the restore replaces, and what a restore before has yet to erase."""
    for schema in dump.portfolios(url):
        file = erasure_file.path(staged, schema)
        erasure_file.add(file, erasures.recorded(Database(url, schema)))
    for pending in (home / backup_archive.ERASURES).glob("*"):
        erasure_file.add(staged / pending.relative_to(home), erasure_file.read(pending))


def replay_erasures(home: Path, database: Database) -> None:
    """Erase in a restored and migrated database what was erased after its backup; the first act of every command."""
    file = erasure_file.path(home, database.schema)
    if file.exists():
        erasures.replay(database, erasure_file.read(file))
        file.unlink(missing_ok=True)


def settle(settings: Settings, url: str) -> Path | None:
    """Complete the restores that the database has committed, and drop the others; repeated, it changes nothing.

    Returns:
        The folder in which predictions were put aside that were spooled before; None where there were none.
    """
    aside = None
    for staged in sorted(settings.home.glob(f"{_PREFIX}*/")):
        if dump.restored_mark(url) == mark_of(staged):
            with instance_of(settings, url) as instance:
                run_tracking.fail_restored(instance)
            aside = _put_in_place(settings.home, staged) or aside
        shutil.rmtree(staged)
    return aside


def settle_killed(settings: Settings, url: str) -> None:
    """What every command does first: settle a restore that was killed.

    Raises:
        CommandError: A restore is running.
    """
    if any(settings.home.glob(f"{_PREFIX}*/")):
        with exclusive(settings.home):
            settle(settings, url)


def _put_in_place(home: Path, staged: Path) -> Path | None:
    service, aside = home / backup_archive.SPOOL, home / staged.name.replace(_PREFIX, "replaced-")
    if (staged / _SPOOLED_BEFORE).exists() and not aside.exists():
        service.rename(aside)
    for file in sorted(path for path in staged.rglob("*") if path.is_file() and path.name != _SPOOLED_BEFORE):
        target = home / file.relative_to(staged)
        make_private_folders(target.parent)
        file.replace(target)
    return aside if aside.exists() else None
