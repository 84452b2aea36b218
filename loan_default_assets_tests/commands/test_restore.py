"""A backup restored elsewhere, over an installation, and by the commands."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.score import score_file
from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.commands.status import status
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import service_workers
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests.commands.backed_up_release import (
    CHAMPION,
    SPOOLED,
    portfolio_of,
    settings_of,
    tree,
)
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.releases.former_release import FILES, Restored

pytestmark = pytest.mark.usefixtures("plain_environment")


def _scores(installed: Restored) -> str:
    with open_session(installed.settings) as session:
        output = installed.folder / "scores.csv"
        score_file(session, str(FILES / "applications.csv"), str(output))
        return output.read_text()


def test_a_restored_backup_is_the_installation_again(
    former: Restored, archive: Path, empty: Restored, postgres: LocalPostgres, tmp_path: Path
) -> None:
    said = restore(empty.settings, archive)
    assert CHAMPION in said
    # The next commands name the home, which may have been given to this one alone.
    *_, doctor, run, up = said.splitlines()
    home = f"LOAN_DEFAULT_HOME={empty.settings.home} loan-default"
    for line, verb in ((doctor, "doctor"), (run, "run"), (up, "up")):
        assert line.strip().startswith(f"{home} {verb} --portfolio ")
    assert empty.contents() == former.contents()
    service = empty.settings.home / "service"
    assert (service / SPOOLED).read_bytes() == (FILES / "undelivered.jsonl").read_bytes()
    assert tree(former.settings.home / "models") == tree(empty.settings.home / "models")
    assert not list(empty.settings.home.glob("restore-*/"))
    after = portfolio_of(empty)
    # The former installation is migrated by its first command, so a copy of it is asked.
    with fresh_database(postgres, former.url) as url:
        original = replace(
            former, settings=Settings(**(settings_of(former) | {"database_url": url})), folder=tmp_path
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


def test_runs_in_progress_at_the_time_of_the_backup_are_reported_as_failed(
    occupied: Restored, empty: Restored, tmp_path: Path
) -> None:
    """Nothing executes them after a restore, and the retraining rule would wait for them."""
    with open_session(occupied.settings) as session, dagster_instance(session) as instance:
        before = {run.run_id: run.status for run in instance.get_runs()}
        started = instance.add_run(dg.DagsterRun(job_name="train", status=dg.DagsterRunStatus.STARTED))
    backup(occupied.settings, tmp_path / "backup")
    restore(empty.settings, tmp_path / "backup")
    with open_session(portfolio_of(empty).settings) as session, dagster_instance(session) as instance:
        after = {run.run_id: run.status for run in instance.get_runs()}
    assert after == before | {started.run_id: dg.DagsterRunStatus.FAILURE}


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


def test_the_commands_end_with_their_code_and_say_what_is_next(
    occupied: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(occupied.settings.home))
    monkeypatch.setenv("DATABASE_URL", occupied.url)
    target, portfolio = str(tmp_path / "my backup"), occupied.settings.portfolio
    cases: list[tuple[list[str], int, str]] = [
        (
            ["backup", target, "--portfolio", portfolio],
            0,
            f"restore     LOAN_DEFAULT_HOME=NEW_HOME loan-default restore '{target}'",
        ),
        (["backup", target, "--portfolio", portfolio], 1, "exists and is not empty\nNext: "),
        (["backup"], 2, "Missing argument 'DIR'"),
        (["restore", target], 1, "Next: set LOAN_DEFAULT_HOME to an empty folder"),
        (["restore", target, "--replace"], 0, " loan-default run --portfolio "),
        (["restore", str(tmp_path / "nowhere"), "--replace"], 1, "SHA256SUMS: No such file or directory"),
    ]
    for arguments, code, named in cases:
        result = CliRunner().invoke(loan_default, arguments)
        assert result.exit_code == code, result.output
        assert named in result.output
        assert "Traceback" not in result.output
