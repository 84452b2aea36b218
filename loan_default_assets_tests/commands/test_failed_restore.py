"""Backups that are damaged or of a newer release, and restores that fail: what was there stays."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psycopg2
import pytest

from loan_default_assets.commands import backup_archive
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.restore import restore
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import client_programs, dump
from loan_default_assets.warehouse.client_programs import DumpError
from loan_default_assets.warehouse.database import dsn
from loan_default_assets_tests.commands.backed_up_release import (
    CHAMPION,
    SPOOLED,
    flip,
    tree,
)
from loan_default_assets_tests.releases.former_release import Restored

pytestmark = pytest.mark.usefixtures("plain_environment")

MEMBERS = (
    "backup.json",
    "database.dump",
    "SHA256SUMS",
    f"models/{CHAMPION}/weights.safetensors",
    f"service/{SPOOLED}",
)
SPOILED: dict[str, Callable[[Path], object]] = {
    **{f"{name} flipped": lambda folder, name=name: flip(folder / name) for name in MEMBERS},  # type: ignore[misc]
    **{f"{name} missing": lambda folder, name=name: (folder / name).unlink() for name in MEMBERS},  # type: ignore[misc]
    **{f"{name} empty": lambda folder, name=name: os.truncate(folder / name, 0) for name in MEMBERS},  # type: ignore[misc]
    "a file added": lambda folder: (folder / "models" / "more").write_text("x"),
    "a file replaced by a link": lambda folder: (
        (folder / "backup.json").rename(folder.parent / "kept"),
        (folder / "backup.json").symlink_to(folder.parent / "kept"),
    ),
    "no folder": shutil.rmtree,
}


def test_a_spoiled_backup_is_refused_and_nothing_is_changed(
    archive: Path, empty: Restored, tmp_path: Path
) -> None:
    for name, spoil in SPOILED.items():
        copy = tmp_path / "copy"
        shutil.copytree(archive, copy)
        spoil(copy)
        with pytest.raises(CommandError) as refused:
            restore(empty.settings, copy)
        for part in ("nothing was changed", "\nNext: "):
            assert part in str(refused.value), name
        shutil.rmtree(copy, ignore_errors=True)
        (tmp_path / "kept").unlink(missing_ok=True)
    assert not empty.settings.home.exists()
    assert empty.rows(
        "SELECT count(*) FROM pg_namespace WHERE nspname IN ('loan_default', 'small_bank')"
    ) == [(0,)]


def _resummed(archive: Path, folder: Path, change: Callable[[dict[str, object]], object]) -> Path:
    """A copy with other details and matching sums."""
    shutil.copytree(archive, folder)
    details = json.loads((folder / "backup.json").read_text())
    change(details)
    (folder / "backup.json").write_text(json.dumps(details))
    sums = [line for line in (folder / "SHA256SUMS").read_text().splitlines() if "backup.json" not in line]
    sums.append(f"{backup_archive.digest_of_file(folder / 'backup.json')}  backup.json")
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return folder


def test_a_backup_of_a_newer_release_format_or_server_is_refused(
    archive: Path, empty: Restored, tmp_path: Path
) -> None:
    changes: dict[str, tuple[str, Callable[[dict], object]]] = {  # type: ignore[type-arg]
        "release": ("newer than this one", lambda d: d["database"]["migrations"].update(small_bank=999)),
        "format": ("is a backup of format 2", lambda d: d.update(format=2)),
        "server": ("restore it into PostgreSQL 99 or newer", lambda d: d["database"].update(server=99)),
    }
    for name, (message, change) in changes.items():
        with pytest.raises((CommandError, DumpError), match=message):
            restore(empty.settings, _resummed(archive, tmp_path / name, change))
    assert empty.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'small_bank'") == [(0,)]


def test_a_restore_that_fails_leaves_the_former_state(
    archive: Path, occupied: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = occupied.contents(), tree(occupied.settings.home)
    monkeypatch.setattr(dump, "_LOCK_TIMEOUT", "300ms")
    user = psycopg2.connect(dsn(occupied.url))
    user.cursor().execute("SELECT count(*) FROM small_bank.predictions")
    with pytest.raises(DumpError, match=r"the database was not restored and is unchanged: .*lock timeout"):
        restore(occupied.settings, archive, replace=True)
    user.close()
    copied = dump._copy

    def cut_off(source: IO[bytes], target: IO[bytes], server: int) -> None:
        copied(source, target, server)
        target.write(b"SELECT 1 / 0;\n")

    monkeypatch.setattr(dump, "_copy", cut_off)
    with pytest.raises(DumpError, match=r"is unchanged: .*division by zero"):
        restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == before
    after = tree(occupied.settings.home)
    assert {
        n: c for n, c in after.items() if not n.startswith("dagster") and not n.endswith(".lock")
    } == files


def test_a_dump_that_ends_early_is_not_committed(
    archive: Path, occupied: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where what was sent until then is complete statements."""
    before = occupied.contents()
    programs, version = client_programs.find_programs(0)
    (tmp_path / "psql").symlink_to(programs / "psql")
    failing = tmp_path / "pg_restore"
    failing.write_text(
        "#!/bin/sh\necho 'CREATE SCHEMA loan_default;'\necho 'error: ended early' >&2\nexit 1\n"
    )
    failing.chmod(0o755)
    monkeypatch.setattr(dump, "find_programs", lambda server: (tmp_path, version))
    with pytest.raises(DumpError, match="was not restored and is unchanged: error: ended early"):
        restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == before


def test_files_that_cannot_be_written_end_a_backup_and_a_restore(
    archive: Path, occupied: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    cases: dict[str, Settings] = {
        "home": occupied.settings.model_copy(update={"loan_default_home": file / "home"}),
        "models": occupied.settings.model_copy(update={"artifact_root": str(file / "models")}),
    }
    for settings in cases.values():
        with pytest.raises(
            CommandError, match=r"file.*: Not a directory; the restore did not finish\nNext: "
        ):
            restore(settings, archive, replace=True)
    with pytest.raises(CommandError, match=r"Not a directory; no backup was made\nNext: "):
        backup(occupied.settings, file / "backup")

    def no_space(*_: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    for name in ("_copy", "restored_mark"):
        with monkeypatch.context() as patch:
            patch.setattr(dump, name, no_space)
            with pytest.raises(
                CommandError, match="a file: No space left on device; the restore did not finish"
            ):
                restore(occupied.settings, archive, replace=True)
    with monkeypatch.context() as patch:
        patch.setattr(dump, "dump", no_space)
        with pytest.raises(CommandError, match="a file: No space left on device; no backup was made"):
            backup(occupied.settings, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["occupied"]
