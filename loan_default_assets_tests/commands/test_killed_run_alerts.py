"""A command that is killed tells nobody; whoever finds its run dead alerts ALERT_TO once."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.commands.session import definitions
from loan_default_assets.commands.status import status
from loan_default_assets.orchestration import jobs, run_tracking
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.sensors import RETRAINING_SENSOR
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests.opened_bank import Bank, OpenBank, open_bank

__all__ = ["open_bank"]

TAGS = """
import json
from loan_default_assets.orchestration import run_tracking
print(json.dumps(run_tracking.process_tags()))
"""


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALERT_TO", f"tee -a {tmp_path / 'received'}")
    return tmp_path / "received"


def killed(bank: Bank) -> dg.DagsterRun:
    """A training whose process has ended in the middle of it."""
    tags = json.loads(subprocess.check_output([sys.executable, "-c", TAGS]))
    job = definitions(bank.session).resolve_job_def(jobs.TRAIN)
    return bank.instance.create_run_for_job(
        job, tags={**job.tags, **tags}, status=dg.DagsterRunStatus.STARTED
    )


def sent(receiver: Path) -> list[str]:
    """The keys of the alerts that arrived."""
    text = receiver.read_text() if receiver.exists() else ""
    decoder, found = json.JSONDecoder(), list[str]()
    while text:
        alert, end = decoder.raw_decode(text)
        found.append(alert["key"])
        text = text[end:].lstrip()
    return found


def the_sensor_ticks(bank: Bank) -> None:
    sensor = definitions(bank.session).get_repository_def().get_sensor_def(RETRAINING_SENSOR)
    sensor(dg.build_sensor_context(instance=bank.instance), warehouse=Warehouse(url=bank.session.url))


def test_the_status_alerts_once(open_bank: OpenBank, receiver: Path) -> None:
    bank = open_bank()
    run = killed(bank)
    found = status(bank.session, bank.instance)
    assert sent(receiver) == [f"run:{run.run_id}"]
    text = json.loads(receiver.read_text())["text"]
    assert text.startswith("train ended with its process, which was killed; http://127.0.0.1:")
    [listed] = found["alerts"]["recent"]
    assert (listed["key"], listed["delivered_through"]) == (f"run:{run.run_id}", "command")
    assert run_tracking.unannounced(bank.instance, "small_bank") == []
    for _ in range(2):
        status(bank.session, bank.instance)
        the_sensor_ticks(bank)
    assert len(sent(receiver)) == 1


@pytest.mark.parametrize("finder", [the_sensor_ticks, Bank.run])
def test_the_sensor_and_the_next_command_alert_too(
    open_bank: OpenBank, receiver: Path, finder: object
) -> None:
    bank = open_bank()
    run = killed(bank)
    # Another portfolio's command, or the retention, has found it dead before.
    assert run_tracking.fail_abandoned(bank.instance) == 1
    assert sent(receiver) == []
    finder(bank)  # type: ignore[operator]
    assert sent(receiver) == [f"run:{run.run_id}"]


def test_a_second_killed_run_of_the_same_job_is_no_news(open_bank: OpenBank, receiver: Path) -> None:
    bank = open_bank()
    for _ in range(2):
        killed(bank)
        status(bank.session, bank.instance)
    assert len(sent(receiver)) == 1


def test_an_alert_that_another_process_sends_is_not_sent_twice(open_bank: OpenBank, receiver: Path) -> None:
    bank = open_bank()
    run = killed(bank)
    AlertLog(bank.session.database).record(f"run:{run.run_id}", "run_failed", "train", "failed", "failed")
    status(bank.session, bank.instance)
    assert sent(receiver) == []


def test_without_a_receiver_the_alert_stays_due(
    open_bank: OpenBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = open_bank()
    run = killed(bank)
    status(bank.session, bank.instance)
    assert AlertLog(bank.session.database).newest(5) == []
    assert [each.run_id for each in run_tracking.unannounced(bank.instance, "small_bank")] == [run.run_id]


def test_an_alert_that_cannot_be_recorded_is_sent_by_the_next(
    open_bank: OpenBank, receiver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> bool:
        raise WarehouseError("PostgreSQL cannot be reached")

    bank = open_bank()
    run = killed(bank)
    with monkeypatch.context() as away:
        away.setattr(AlertLog, "record", unreachable)
        status(bank.session, bank.instance)
    assert sent(receiver) == []
    status(bank.session, bank.instance)
    assert sent(receiver) == [f"run:{run.run_id}"]
