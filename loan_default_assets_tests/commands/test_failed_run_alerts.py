"""A command whose run fails alerts ALERT_TO once, also where the daemon sees the same run."""

import json
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.commands import materialize as materializing
from loan_default_assets.commands.backfill import backfill
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import definitions
from loan_default_assets.orchestration.failure_alerts import FAILURE_SENSOR
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank, open_bank

__all__ = ["open_bank"]

LAST = small_bank.START + timedelta(days=3)


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALERT_TO", f"tee -a {tmp_path / 'received'}")
    return tmp_path / "received"


def refused(open_bank: OpenBank) -> Bank:
    """A bank whose second day has a category that the portfolio forbids."""
    frame = small_bank.loans(days=4)
    frame.loc[frame["issued"] == (small_bank.START + timedelta(days=1)).isoformat(), "purpose"] = "yacht"
    return open_bank(frame)


def a_command_fails(bank: Bank) -> None:
    with pytest.raises(CommandError, match="purpose"):
        backfill(bank.session, bank.instance, first=small_bank.START, last=LAST, today=small_bank.TODAY)


def the_daemon_sees(bank: Bank, run: dg.DagsterRun) -> None:
    [entry] = bank.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert entry.dagster_event
    context = dg.build_run_status_sensor_context(
        FAILURE_SENSOR, entry.dagster_event, bank.instance, run
    ).for_run_failure()
    sensor = definitions(bank.session).get_repository_def().get_sensor_def(FAILURE_SENSOR)
    sensor(context, warehouse=Warehouse(url=bank.session.url))


def test_a_failed_command_sends_one_alert_whoever_else_sees_its_run(
    open_bank: OpenBank, receiver: Path
) -> None:
    bank = refused(open_bank)
    a_command_fails(bank)
    [run] = bank.instance.get_runs()
    sent = json.loads(receiver.read_text())
    assert (sent["kind"], sent["key"], sent["portfolio"]) == ("run_failed", f"run:{run.run_id}", "small_bank")
    assert f"ingest, partition {small_bank.START} to {LAST}, failed at " in sent["text"]
    assert "raw_loans" in sent["text"]
    assert "yacht" not in receiver.read_text()
    for _ in range(2):
        the_daemon_sees(bank, run)
    assert receiver.read_text().count('"kind": "run_failed"') == 1
    [alert] = AlertLog(bank.session.database).newest(5)
    assert (alert.key, alert.delivered_through) == (sent["key"], "command")
    # The same partitions again: one alert per occasion, as for the daemon's runs.
    a_command_fails(bank)
    assert receiver.read_text().count('"kind": "run_failed"') == 1


def test_without_a_receiver_nothing_is_recorded(open_bank: OpenBank) -> None:
    bank = refused(open_bank)
    a_command_fails(bank)
    assert AlertLog(bank.session.database).newest(5) == []


def test_an_alert_that_cannot_be_recorded_does_not_hide_why_the_command_failed(
    open_bank: OpenBank, receiver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise WarehouseError("PostgreSQL cannot be reached")

    bank = refused(open_bank)
    monkeypatch.setattr(AlertLog, "record_delivery", unreachable)
    a_command_fails(bank)
    assert json.loads(receiver.read_text())["kind"] == "run_failed"


def test_an_interrupted_command_sends_none(
    open_bank: OpenBank, receiver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = refused(open_bank)
    monkeypatch.setattr(materializing, "_is_interrupted", lambda _: True)
    with pytest.raises(KeyboardInterrupt):
        backfill(bank.session, bank.instance, first=small_bank.START, last=LAST, today=small_bank.TODAY)
    assert not receiver.exists()
