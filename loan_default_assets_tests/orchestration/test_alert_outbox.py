"""Alerts between occasion and receiver: none is lost while receiver or database is down, none comes twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loan_default_assets.orchestration.failure_alerts import FAILURE_SENSOR
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.warehouse.alert_log import AlertLog, LoggedAlert
from loan_default_assets_tests.orchestration.ticks import Ticking


@pytest.fixture
def receiver(tmp_path: Path) -> Path:
    return tmp_path / "received"


@pytest.fixture
def bank(database_url: str, receiver: Path, tmp_path: Path) -> Iterator[Ticking]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticking(database_url, instance, tmp_path / "home", alert_to=f"tee -a {receiver}")


@dg.op
def refused_step() -> None:
    raise ValueError("refused")


@dg.job(tags={"dagster/partition": "2024-01-05"})
def ingest() -> None:
    refused_step()


def a_run_fails(
    bank: Ticking,
    warehouse: Warehouse | None = None,
    *,
    ticks: int = 1,
    changed: dict[str, Any] | None = None,
) -> None:
    """What the daemon does when a run has failed; killed before the end of a tick, it repeats it."""
    result = ingest.execute_in_process(instance=bank.instance, raise_on_error=False)
    run = result.dagster_run._replace(**(changed or {}))
    context = dg.build_run_status_sensor_context(
        FAILURE_SENSOR, result.get_run_failure_event(), bank.instance, run
    ).for_run_failure()
    for _ in range(ticks):
        bank.repository.get_sensor_def(FAILURE_SENSOR)(
            context, warehouse=warehouse or bank.resources["warehouse"]
        )


def logged(bank: Ticking) -> LoggedAlert:
    [alert] = AlertLog(bank.database).newest(5)
    return alert


def test_a_failed_run_is_alerted_and_recorded_once(bank: Ticking, receiver: Path) -> None:
    for _ in range(3):
        a_run_fails(bank)
        bank.tick()
    sent, alert = json.loads(receiver.read_text()), logged(bank)
    assert (sent["kind"], sent["subject"], sent["key"]) == ("run_failed", "ingest 2024-01-05", alert.key)
    assert "ingest, partition 2024-01-05, failed at refused_step" in alert.text
    assert (alert.delivered_through, alert.failure) == ("command", None)


def test_an_alert_names_the_assets_of_a_run_that_was_launched_from_their_page(
    bank: Ticking, receiver: Path
) -> None:
    asset = dg.AssetKey(["small_bank", "raw_loans"])
    a_run_fails(bank, changed={"job_name": "__ASSET_JOB", "asset_selection": frozenset({asset})})
    assert logged(bank).subject == "raw_loans 2024-01-05"
    assert "raw_loans, partition 2024-01-05, failed" in logged(bank).text


def test_a_repeated_tick_sends_nothing_again(bank: Ticking, receiver: Path) -> None:
    a_run_fails(bank, ticks=3)
    assert receiver.read_text().count('"kind": "run_failed"') == 1


def test_an_alert_on_a_failed_run_waits_for_its_receiver(bank: Ticking, receiver: Path) -> None:
    receiver.mkdir()
    a_run_fails(bank)
    for _ in range(3):
        bank.tick()
    assert (logged(bank).delivered_at, logged(bank).failure) == (None, "failed")
    assert AlertLog(bank.database).counts().undelivered == 1
    receiver.rmdir()
    for _ in range(3):
        bank.tick()
    assert receiver.read_text().count('"kind": "run_failed"') == 1
    assert logged(bank).delivered_through == "command"
    assert AlertLog(bank.database).counts().undelivered == 0


def test_without_a_database_an_alert_is_sent_all_the_same(bank: Ticking, receiver: Path) -> None:
    a_run_fails(bank, Warehouse(url="postgresql://nobody@127.0.0.1:9/none"))
    assert json.loads(receiver.read_text())["subject"] == "ingest 2024-01-05"
    assert AlertLog(bank.database).newest(5) == []


def test_without_a_receiver_the_log_is_one(database_url: str, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        bank = Ticking(database_url, instance, tmp_path)
        a_run_fails(bank)
        assert (logged(bank).delivered_through, logged(bank).failure) == ("log", None)


def test_a_former_hold_does_not_come_behind_a_newer_one(bank: Ticking, receiver: Path) -> None:
    log = AlertLog(bank.database)
    for key in ("hold:m1:a", "hold:m1:b"):
        log.record(key, "hold", "m1", "HOLD", f"text of {key}")
        log.record_delivery(key, "command", "failed")
    for _ in range(2):
        bank.tick()
    assert [json.loads(line)["key"] for line in receiver.read_text().replace("}{", "}\n{").splitlines()] == [
        "hold:m1:b"
    ]
