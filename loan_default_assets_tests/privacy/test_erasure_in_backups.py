"""Erasures in backups: repeated by a restore, and complete or without effect where they are killed or fail."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loan_default_assets.commands import backup_archive
from loan_default_assets.commands import erase as erase_command
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.privacy.erased_installation import (
    ERASED,
    KEPT,
    NAME,
    Installation,
    installation,
    wait_for,
)

__all__ = ["installation"]


def test_a_backup_that_was_not_named_is_erased_again_where_it_replaces_the_database(
    installation: Installation, tmp_path: Path
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    assert installation.erase(ERASED, "--yes").exit_code == 0
    result = installation.command("restore", str(archive), "--replace")
    assert result.exit_code == 0, result.output
    assert installation.bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)]
    assert installation.bank.rows("SELECT loan_id FROM processed_data") == [(KEPT,)]
    assert not (installation.home / "erasures" / f"{NAME}.jsonl").exists()
    # Its spool came back, and gets no key when it is delivered.
    with installation.served():
        wait_for(lambda: len(installation.bank.rows("SELECT FROM predictions")) == 2)
    assert opened(installation.bank.database, f"loan_id = '{ERASED}'").popitem()[1] is None
    assert opened(installation.bank.database, f"loan_id = '{KEPT}'").popitem()[1]


@pytest.mark.parametrize("moment", ["_finish_change", "replaced file"])
def test_an_erasure_in_a_backup_that_is_killed_is_completed_or_has_changed_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

    class Killed(BaseException):
        pass

    replaced, finish = Path.replace, backup_archive._finish_change

    def kill_after_one(path: Path, target: Path) -> None:
        replaced(path, target)
        raise Killed

    def kill(folder: Path) -> None:
        if (folder / ".changed").exists():
            raise Killed
        finish(folder)

    with monkeypatch.context() as patched:
        if moment == "_finish_change":
            patched.setattr(backup_archive, "_finish_change", kill)
        else:
            patched.setattr(Path, "replace", kill_after_one)
        with pytest.raises(Killed):
            erase_command.erase_in_backup(archive, NAME, ErasedSubject.of("loan", ERASED), datetime.now(UTC))
    assert (archive / ".changed").exists()
    backup_archive.verify(archive)
    after = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    changed = {
        str(path.relative_to(archive)).split("/")[0] for path in after if after[path] != before.get(path)
    }
    assert changed == {"service", "erasures", "SHA256SUMS"}


def test_an_erasure_in_a_backup_that_fails_has_changed_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(archive))

    monkeypatch.setattr(backup_archive, "write", full)
    result = installation.erase(ERASED, "--backup", str(archive), "--yes")
    assert (result.exit_code, "No space left on device; the backup" in result.output) == (1, True)
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    assert installation.erase(ERASED, "--backup", str(archive), "--yes").exit_code == 0
