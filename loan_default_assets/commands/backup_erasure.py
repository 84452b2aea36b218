"""Erasure in an existing backup: its keys and undelivered predictions are rewritten, its restore erases the rest."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bento.prediction_log.spool_erasure import FILES, rewrite_lines
from loan_default_assets.commands import backup_archive, erasure_file
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.warehouse import key_files
from loan_default_assets.warehouse.erasures import Erasure
from loan_default_assets.warehouse.record_lines import ErasedSubject, erased_line


@dataclass(frozen=True)
class BackupErasure:
    """What an erasure finds in a backup, or has erased.

    Attributes:
        keys: Keys of predictions.
        undelivered_files: Files with undelivered predictions.
        sealed: Whether the features of the predictions in its database are encrypted.
        recorded: Whether its restore repeats an erasure of the subject already.
    """

    folder: Path
    keys: int
    undelivered_files: int
    sealed: bool
    recorded: bool


def find_in_backup(folder: Path, portfolio: str, subject: ErasedSubject) -> BackupErasure:
    """What `erase_in_backup` would erase.

    Raises:
        CommandError: The folder is no complete backup, is damaged, or holds no such portfolio.
    """
    _require_portfolio(folder, portfolio, backup_archive.verify(folder))
    return _rewrite(folder, None, portfolio, subject)


def erase_in_backup(
    folder: Path, portfolio: str, subject: ErasedSubject, erased_at: datetime
) -> BackupErasure:
    """Destroy the keys of a loan or request in a backup, and let its restore erase what its dump still holds.

    Raises:
        CommandError: As `find_in_backup`, or it cannot be written. It is as before.
    """
    with backup_archive.changing(folder) as staged:
        found = _rewrite(folder, staged, portfolio, subject)
        later = erasure_file.path(staged, portfolio)
        erasure_file.add(later, erasure_file.read(erasure_file.path(folder, portfolio)))
        erasure_file.add(later, [Erasure(subject.sha256, erased_at)])
        return found


def _rewrite(folder: Path, staged: Path | None, portfolio: str, subject: ErasedSubject) -> BackupErasure:
    """Write the changed files to `staged`; None: they are only counted."""
    keys, file = 0, Path(backup_archive.KEYS) / f"{portfolio}.csv"
    sealed = (folder / file).exists()
    if sealed and (keys := key_files.without(folder / file, None, subject)) and staged:
        (staged / file).parent.mkdir(mode=0o700)
        key_files.without(folder / file, staged / file, subject)
    spool, files = folder / backup_archive.SPOOL / portfolio, 0
    for path in sorted(path for pattern in FILES for path in spool.glob(pattern)):
        content = path.read_bytes()
        changed = rewrite_lines(content, lambda line: erased_line(line, subject))
        if changed != content:
            files += 1
            if staged:
                backup_archive.write(staged / path.relative_to(folder), changed)
    later = erasure_file.read(erasure_file.path(folder, portfolio))
    recorded = subject.sha256 in {erasure.subject_sha256 for erasure in later}
    return BackupErasure(folder, keys, files, sealed, recorded)


def _require_portfolio(folder: Path, portfolio: str, details: dict[str, object]) -> None:
    database = details["database"]
    if not isinstance(database, dict) or portfolio not in database["migrations"]:
        raise CommandError(
            f"{folder} is no backup of portfolio {portfolio}\nNext: the same command with another --backup"
        )
