"""No applicant's value leaves the tables, whatever is wrong with an input and wherever it arrives."""

from collections.abc import Callable

import pytest

from loan_default_assets.orchestration import retry_policy
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.bento.served_process import service
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.privacy import canary_values, kept_outside_tables
from loan_default_assets_tests.privacy.bad_requests import NAMES
from loan_default_assets_tests.privacy.canary_drive import SOURCE_SCHEMA, Drive

# Sources in which a fault of one reader is none of another.
HARMLESS = {
    "csv: an over-long cell",
}


@pytest.fixture(scope="module")
def drive(make_bank: Callable[[], ServedBank], tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """All bad inputs have passed through one home and one database."""
    bank = make_bank()
    bank.promote(bank.register(0))
    drive = Drive(bank, tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("inputs"))
    drive.write_sources()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", bank.url)
        environment.setenv("LOAN_DEFAULT_HOME", str(drive.home))
        environment.setenv("DAGSTER_HOME", str(drive.home / "dagster"))
        environment.setenv("LOAN_SOURCE", "")
        environment.setenv("PORTFOLIO", str(bank.portfolio_file))
        # The delays before retries would take most of the time.
        environment.setattr(retry_policy, "_MAX_RETRIES", 0)
        drive.dagster_run()
        drive.commands()
    drive.fill_spool()
    with service(drive.home, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url) as served:
        drive.requests(served)
        drive.wait_for_spool()
    return drive


def refuse(leaks: list[str]) -> None:
    """Fail with all of the leaks."""
    assert not leaks, "\n".join([f"{len(leaks)} leaks:", *leaks])


def test_no_command_and_no_response_tells_a_value(drive: Drive) -> None:
    assert len(drive.printed) > 250
    refuse(canary_values.leaks(drive.printed, NAMES))


def test_no_table_of_dagster_or_of_models_holds_a_value(drive: Drive) -> None:
    tables = dict(kept_outside_tables.in_database(drive.bank.url, drive.bank.portfolio.name, SOURCE_SCHEMA))
    assert len(tables["table dagster.event_logs"]) > 100_000
    refuse(canary_values.leaks(tables.items(), NAMES))


def test_no_file_of_the_home_holds_a_value(drive: Drive) -> None:
    files = dict(kept_outside_tables.in_files(drive.home))
    assert [name for name in files if name.endswith(".err")]
    assert [name for name in files if "service-" in name]
    refuse(canary_values.leaks(files.items(), NAMES))


def test_no_log_of_postgresql_holds_a_value(drive: Drive, postgres: LocalPostgres) -> None:
    log = (postgres.folder / "server.log").read_text(errors="replace")
    refuse(canary_values.leaks([("server.log", log)], NAMES))


def test_refused_records_are_kept_in_their_table(drive: Drive) -> None:
    kept = drive.bank.rows("SELECT record, reason FROM refused_predictions")
    assert {bytes(record) for record, _ in kept} == set(drive.records())
    refuse(canary_values.leaks([("reason", reason) for _, reason in kept], NAMES))


def test_the_inputs_were_refused_where_they_are_bad(drive: Drive) -> None:
    def accepted(way: str) -> set[str]:
        prefix = f"{way}, "
        return {
            n.removeprefix(prefix)
            for n, refused in drive.refused.items()
            if n.startswith(prefix) and not refused
        }

    kinds = ("csv", "jsonl", "parquet", "excel", "sql")
    assert accepted("run") - HARMLESS == {f"{kind}: no fault" for kind in kinds}
    assert {f"{kind}: no fault" for kind in kinds[:-1]} <= accepted("score")
    assert len(accepted("score")) < 40
    assert {"no fault"} <= accepted("HTTP") <= {"no fault", "a body for a reload", "a name twice"}
    assert accepted("gRPC") == {"no fault"}
    assert len([way for way in drive.refused if way.startswith("init, ")]) > 100
