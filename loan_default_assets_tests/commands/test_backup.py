"""Backups of what release 0.1.0 left: restored elsewhere, damaged, interrupted, and refused."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import dagster as dg
import psycopg2
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands import backup_archive, pending_restore
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.score import score_file
from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.commands.status import status
from loan_default_assets.model import artifact_files
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import client_programs, dump, service_workers
from loan_default_assets.warehouse.client_programs import DumpError
from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.pruned_models import mark_pruned
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.releases.former_release import FILES, Restored, lay_out

CHAMPION = "ce59aee2d2b6c"
SPOOLED = "small_bank/spool/0123456789abcdef0123456789abcdef.jsonl"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORTFOLIO", "LOAN_SOURCE", "LOAN_DEFAULT_HOME", "DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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
        yield Restored(Settings(**(_settings(former) | changed)), tmp_path)


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


def _settings(installed: Restored) -> dict[str, object]:
    return installed.settings.model_dump(exclude_unset=True) | {"database_url": installed.url}


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _scores(installed: Restored) -> str:
    with open_session(installed.settings) as session:
        output = installed.folder / "scores.csv"
        score_file(session, str(FILES / "applications.csv"), str(output))
        return output.read_text()


def _portfolio_of(installed: Restored) -> Restored:
    """The installation with the portfolio file that the restore wrote."""
    file = str(installed.settings.home / "portfolio" / "small_bank.yaml")
    return replace(installed, settings=installed.settings.model_copy(update={"portfolio": file}))


def test_a_restored_backup_is_the_installation_again(
    former: Restored, archive: Path, empty: Restored, postgres: LocalPostgres, tmp_path: Path
) -> None:
    said = restore(empty.settings, archive)
    assert CHAMPION in said
    assert empty.contents() == former.contents()
    service = empty.settings.home / "service"
    assert (service / SPOOLED).read_bytes() == (FILES / "undelivered.jsonl").read_bytes()
    assert _tree(former.settings.home / "models") == _tree(empty.settings.home / "models")
    assert not list(empty.settings.home.glob("restore-*/"))
    after = _portfolio_of(empty)
    # The former installation is migrated by its first command, so a copy of it is asked.
    with fresh_database(postgres, former.url) as url:
        original = replace(
            former, settings=Settings(**(_settings(former) | {"database_url": url})), folder=tmp_path
        )
        assert _scores(after) == _scores(original)
        found = {}
        for installed in (original, after):
            with open_session(installed.settings) as session, dagster_instance(session) as instance:
                events = instance.fetch_materializations(dg.AssetKey(["small_bank", "champion"]), limit=50)
                runs = sorted((run.run_id, run.status.value) for run in instance.get_runs())
                state = status(session, instance)
                del state["database"], state["champion"]["files"]["folder"], state["sizes"]
                found[installed] = (len(events.records), runs, state)
    assert len(found[after][1]) > 3
    assert found[after] == found[original]


def test_everything_is_for_this_user_only_and_checked_by_a_standard_program(archive: Path) -> None:
    for path in (archive, *archive.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    check = ["sha256sum", "--check", "--strict", "--quiet", backup_archive.SUMS]
    subprocess.run(check, cwd=archive, check=True)
    assert set(_tree(archive)) >= {
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
    said = backup(Settings(**(_settings(former) | changed)), tmp_path / "backup")
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
    before = _tree(archive)
    with pytest.raises(
        CommandError, match="exists and is not empty\nNext: the same command with another folder"
    ):
        backup(former.settings, archive)
    assert _tree(archive) == before
    (tmp_path / "empty").mkdir()
    backup(former.settings, tmp_path / "empty")
    backup_archive.verify(tmp_path / "empty")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


MEMBERS = (
    "backup.json",
    "database.dump",
    "SHA256SUMS",
    f"models/{CHAMPION}/weights.safetensors",
    f"service/{SPOOLED}",
)
SPOILED: dict[str, Callable[[Path], object]] = {
    **{f"{name} flipped": lambda folder, name=name: _flip(folder / name) for name in MEMBERS},  # type: ignore[misc]
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


def test_an_occupied_home_is_replaced_only_where_that_is_said(
    former: Restored, archive: Path, occupied: Restored
) -> None:
    before = occupied.contents()
    with pytest.raises(
        CommandError, match=r"is not empty: the database has rows in small_bank\.raw_data(.|\n)*--replace"
    ):
        restore(occupied.settings, archive)
    assert occupied.contents() == before != former.contents()
    said = restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == former.contents()
    service = occupied.settings.home / "service"
    assert [str(path.relative_to(service)) for path in service.rglob("*.jsonl")] == [SPOOLED]
    [aside] = occupied.settings.home.glob("replaced-*")
    assert (aside / "small_bank/spool/other.jsonl").read_text() == "of this installation\n"
    assert str(aside) in said


def test_a_restore_that_fails_leaves_the_former_state(
    archive: Path, occupied: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = occupied.contents(), _tree(occupied.settings.home)
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
    after = _tree(occupied.settings.home)
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


def test_runs_in_progress_at_the_time_of_the_backup_are_reported_as_failed(
    occupied: Restored, empty: Restored, tmp_path: Path
) -> None:
    """Nothing executes them after a restore, and the retraining rule would wait for them."""
    with open_session(occupied.settings) as session, dagster_instance(session) as instance:
        before = {run.run_id: run.status for run in instance.get_runs()}
        started = instance.add_run(dg.DagsterRun(job_name="train", status=dg.DagsterRunStatus.STARTED))
    backup(occupied.settings, tmp_path / "backup")
    restore(empty.settings, tmp_path / "backup")
    with open_session(_portfolio_of(empty).settings) as session, dagster_instance(session) as instance:
        after = {run.run_id: run.status for run in instance.get_runs()}
    assert after == before | {started.run_id: dg.DagsterRunStatus.FAILURE}


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


def test_the_commands_end_with_their_code_and_say_what_is_next(
    occupied: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(occupied.settings.home))
    monkeypatch.setenv("DATABASE_URL", occupied.url)
    target, portfolio = str(tmp_path / "my backup"), occupied.settings.portfolio
    cases: list[tuple[list[str], int, str]] = [
        (["backup", target, "--portfolio", portfolio], 0, f"restore     loan-default restore '{target}'"),
        (["backup", target, "--portfolio", portfolio], 1, "exists and is not empty\nNext: "),
        (["backup"], 2, "Missing argument 'DIR'"),
        (["restore", target], 1, "Next: set LOAN_DEFAULT_HOME to an empty folder"),
        (["restore", target, "--replace"], 0, "            loan-default run --portfolio "),
        (["restore", str(tmp_path / "nowhere"), "--replace"], 1, "SHA256SUMS: No such file or directory"),
    ]
    for arguments, code, named in cases:
        result = CliRunner().invoke(loan_default, arguments)
        assert result.exit_code == code, result.output
        assert named in result.output
        assert "Traceback" not in result.output


def test_a_home_in_use_is_refused(archive: Path, occupied: Restored) -> None:
    from bento.operations.worker_registry import WorkerRegistry
    from loan_default_assets.commands.up import _exclusive

    with _exclusive(occupied.settings), pytest.raises(CommandError, match="loan-default up runs in"):
        restore(occupied.settings, archive, replace=True)
    worker = WorkerRegistry(occupied.settings.home / "service" / "small_bank" / "workers")
    with pytest.raises(CommandError, match="the service runs in"):
        restore(occupied.settings, archive, replace=True)
    worker.leave()
    restore(occupied.settings, archive, replace=True)


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


def test_nothing_is_restored_under_a_replica_of_another_home(archive: Path, occupied: Restored) -> None:
    before = occupied.contents()
    with open_session(occupied.settings) as session, session.database.transaction() as cursor:
        for name, lost_after in (("pod-0:8000", 1e-6), ("pod-1:8000", 3600.0)):
            worker = ServiceWorker(worker=name, replica=name, pid=7, lost_after_seconds=lost_after)
            service_workers.write(cursor, worker)
    with pytest.raises(
        CommandError, match="the service runs on this database: pod-1:8000; nothing was changed"
    ):
        restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == before


def test_a_backup_without_the_files_of_a_model_needs_to_be_asked_for(
    occupied: Restored, empty: Restored, tmp_path: Path
) -> None:
    _flip(occupied.settings.home / "models" / CHAMPION / "weights.safetensors")
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


def _killed_at(module: Any, name: str, work: Callable[[], object], *, after: bool) -> None:
    """Run `work` in a process that is killed when it calls this function, or when the function has returned."""

    def child() -> None:
        called = getattr(module, name)

        def killing(*arguments: Any, **options: Any) -> None:
            if after:
                called(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, killing)
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        (backup_archive, "new_archive", True),
        (dump, "dump", False),
        (dump, "dump", True),
        (backup_archive, "_close", False),
        (backup_archive, "verify", False),
        (backup_archive, "verify", True),
    ],
)
def test_a_killed_backup_is_none(
    former: Restored, tmp_path: Path, module: Any, name: str, after: bool
) -> None:
    target = tmp_path / "backup"
    _killed_at(module, name, lambda: backup(former.settings, target), after=after)
    assert not target.exists()
    for partial in tmp_path.iterdir():
        with (
            pytest.raises(CommandError, match="no complete, undamaged backup")
            if name != "verify"
            else nullcontext()
        ):
            backup_archive.verify(partial)
    backup(former.settings, target)
    backup_archive.verify(target)
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


@pytest.mark.parametrize(
    ("module", "name", "after", "committed"),
    [
        (artifact_files, "write", True, False),
        (pending_restore, "stage", False, False),
        (pending_restore, "stage", True, False),
        (dump, "_copy", True, False),
        (dump, "restore", True, True),
        (run_tracking, "fail_restored", True, True),
        (pending_restore, "_put_in_place", False, True),
        (pending_restore, "_put_in_place", True, True),
    ],
)
def test_a_killed_restore_is_completed_or_has_changed_nothing(
    former: Restored, archive: Path, occupied: Restored, module: Any, name: str, after: bool, committed: bool
) -> None:
    shutil.rmtree(occupied.settings.home / "models")
    before, spooled = occupied.contents(), _tree(occupied.settings.home / "service")
    _killed_at(module, name, lambda: restore(occupied.settings, archive, replace=True), after=after)
    # This waits for the locks of a transaction that the kill has cut off.
    assert occupied.contents() == (former.contents() if committed else before)
    # The next command of any kind settles it.
    with open_session(occupied.settings):
        pass
    assert not list(occupied.settings.home.glob("restore-*/"))
    service = occupied.settings.home / "service"
    if committed:
        assert [str(path.relative_to(service)) for path in service.rglob("*.jsonl")] == [SPOOLED]
        assert (occupied.settings.home / "portfolio" / "small_bank.yaml").exists()
        assert len(list(occupied.settings.home.glob("replaced-*/small_bank/spool/other.jsonl"))) == 1
    else:
        assert _tree(service) == spooled
    restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == former.contents()
