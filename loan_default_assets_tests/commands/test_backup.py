"""What a backup holds, of one moment, and where none is made."""

import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.commands import backup_archive
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.session import open_session
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import client_programs, dump, service_workers
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.pruned_models import mark_pruned
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests.commands.backed_up_release import CHAMPION, SPOOLED, flip, settings_of, tree
from loan_default_assets_tests.releases.former_release import FILES, Restored

pytestmark = pytest.mark.usefixtures("plain_environment")


def test_everything_is_for_this_user_only_and_checked_by_a_standard_program(archive: Path) -> None:
    for path in (archive, *archive.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    check = ["sha256sum", "--check", "--strict", "--quiet", backup_archive.SUMS]
    subprocess.run(check, cwd=archive, check=True)
    assert set(tree(archive)) >= {
        "backup.json",
        "database.dump",
        "portfolio/small_bank.yaml",
        f"service/{SPOOLED}",
    }


def test_no_password_and_no_key_is_in_a_backup(former: Restored, tmp_path: Path) -> None:
    portfolio = tmp_path / "small_bank.yaml"
    text = Path(former.settings.portfolio).read_text()
    text = text.replace("kind: csv", "kind: sql").replace(
        "path: ${LOAN_SOURCE}", "url: postgresql://reader:hunter2@host/loans\n  query: SELECT 1"
    )
    assert "hunter2" in text
    portfolio.write_text(text)
    changed = {
        "portfolio": str(portfolio),
        "loan_source": None,
        "database_url": former.url.replace("postgres@", "postgres:hunter2@"),
        "service_api_keys": "hunter2-hunter2-hunter2",
        "service_admin_keys": "hunter2-hunter2-hunter3",
    }
    said = backup(Settings(**(settings_of(former) | changed)), tmp_path / "backup")
    assert "the password in its source was not stored" in said
    assert "hunter2" not in said
    script = tmp_path / "script.sql"
    programs, _ = client_programs.find_programs(0)
    command = [programs / "pg_restore", f"--file={script}", tmp_path / "backup" / "database.dump"]
    subprocess.run(command, check=True)
    for path in (script, *(p for p in (tmp_path / "backup").rglob("*") if p.is_file())):
        assert b"hunter2" not in path.read_bytes(), path
    assert "postgresql://reader:***@host/loans" in (tmp_path / "backup/portfolio/small_bank.yaml").read_text()


def test_a_backup_is_not_written_over_anything(former: Restored, archive: Path, tmp_path: Path) -> None:
    before = tree(archive)
    with pytest.raises(
        CommandError, match="exists and is not empty\nNext: the same command with another folder"
    ):
        backup(former.settings, archive)
    assert tree(archive) == before
    (tmp_path / "empty").mkdir()
    backup(former.settings, tmp_path / "empty")
    backup_archive.verify(tmp_path / "empty")


def test_a_backup_is_one_moment(
    occupied: Restored, empty: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prediction is delivered, and a model registered, while the backup runs."""
    spooled = occupied.settings.home / "service" / SPOOLED
    shutil.copy(FILES / "undelivered.jsonl", spooled)
    run, dumped = dump.run_program, dump.dump

    def deliver_then_dump(*arguments: Any, **options: Any) -> dump.DumpContents:
        with open_session(occupied.settings) as session:
            session.predictions.append_lines(spooled.read_bytes().splitlines())
        spooled.unlink()
        return dumped(*arguments, **options)

    def register_then_run(command: list[Any], environment: dict[str, str]) -> None:
        if Path(command[0]).name == "pg_dump":
            with open_session(occupied.settings) as session:
                record = session.registry.get(CHAMPION)
                session.registry.register(replace(record, version="c00000000000", attempt=77))
        run(command, environment)

    monkeypatch.setattr(dump, "dump", deliver_then_dump)
    monkeypatch.setattr(dump, "run_program", register_then_run)
    backup(occupied.settings, tmp_path / "backup")
    restore(empty.settings, tmp_path / "backup")
    versions = "SELECT count(*) FROM small_bank.model_metadata WHERE version = 'c00000000000'"
    assert (occupied.rows(versions), empty.rows(versions)) == ([(1,)], [(0,)])
    assert empty.rows("SELECT count(*) FROM small_bank.predictions WHERE loan_id = 'undelivered-1'") == [(1,)]
    assert (empty.settings.home / "service" / SPOOLED).exists(), "delivered again, it changes nothing"


def test_a_backup_has_no_workers_of_the_service(occupied: Restored, empty: Restored, tmp_path: Path) -> None:
    with open_session(occupied.settings) as session, session.database.transaction() as cursor:
        worker = ServiceWorker(worker="7-a", replica="pod-0:8000", pid=7, lost_after_seconds=5)
        service_workers.write(cursor, worker)
    backup(occupied.settings, tmp_path / "backup")
    restore(empty.settings, tmp_path / "backup")
    count = "SELECT count(*) FROM small_bank.service_workers"
    assert (occupied.rows(count), empty.rows(count)) == ([(1,)], [(0,)])


def test_a_backup_without_the_files_of_a_model_needs_to_be_asked_for(
    occupied: Restored, empty: Restored, tmp_path: Path
) -> None:
    flip(occupied.settings.home / "models" / CHAMPION / "weights.safetensors")
    with pytest.raises(
        CommandError,
        match=rf"files of 1 of \d+ models are lost\n  {CHAMPION} \(champion classifier\): damaged",
    ):
        backup(occupied.settings, tmp_path / "backup")
    assert not list(tmp_path.glob("*backup*")), "neither a backup nor a part of one"
    backup(occupied.settings, tmp_path / "backup", allow_missing=True)
    assert backup_archive.verify(tmp_path / "backup")["missing_models"] == [CHAMPION]
    assert f"cannot be loaded: the files of model {CHAMPION} are " in restore(
        empty.settings, tmp_path / "backup"
    )


def test_a_backup_does_not_ask_for_files_that_retention_deleted(occupied: Restored, tmp_path: Path) -> None:
    folder = occupied.settings.home / "models" / CHAMPION
    shutil.rmtree(folder)
    with open_session(occupied.settings) as session, session.database.transaction() as cursor:
        mark_pruned(cursor, CHAMPION, 1)
    backup(occupied.settings, tmp_path / "backup")
    assert backup_archive.verify(tmp_path / "backup")["missing_models"] == []


def test_a_server_that_no_program_fits_is_named(
    former: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "_major", lambda cursor: 99)
    with pytest.raises(
        WarehouseError, match=r"is PostgreSQL 99, and pg_dump here is 18\..*install the client programs"
    ):
        backup(former.settings, tmp_path / "backup")
    assert not list(tmp_path.iterdir())
