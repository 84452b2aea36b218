"""`up` with its real daemon: drift and recovery, HOLD, kill -9, overlapping backfills, freshness."""

import itertools
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState

from loan_default_assets.commands import child_processes
from loan_default_assets.commands.run import fingerprint
from loan_default_assets.orchestration.jobs import FINETUNE, TRAIN
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests.orchestration import drifting
from loan_default_assets_tests.orchestration.platform import Platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WINDOW = {"RETRAINING_SAMPLE_THRESHOLD": "500", "RETRAINING_POSITIVE_THRESHOLD": "50"}


def loaded(folder: Path, like: str, **environment: str) -> Platform:
    """The days before the drift, with the model trained on them."""
    platform = Platform(folder / "home", drifting.describe(folder, like), **WINDOW, **environment)
    platform.done("run", "--from", drifting.FIRST, "--to", drifting.BEFORE_DRIFT)
    return platform


def attempts(platform: Platform) -> list[ModelRecord]:
    """The classifiers of the attempts that the sensor started, oldest first."""
    with platform.session() as (session, _):
        models = [m for m in reversed(session.registry.history()) if m.kind == "classifier"]
    return models[1:]


def trainings(platform: Platform, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
    with platform.session() as (_, instance):
        return [
            run
            for job in (TRAIN, FINETUNE)
            for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=list(statuses)))
            if "loan_default/retraining" in run.tags
        ]


@pytest.mark.parametrize("rule", ["better_than_champion", "strict"])
def test_f1_falls_after_a_drift_and_one_retraining_restores_it(tmp_path: Path, rule: str) -> None:
    platform = loaded(tmp_path, "demo", PROMOTION_POLICY=rule)
    first = platform.status()["champion"]
    assert first["metrics"]["f1"] >= 0.8
    with platform.up("--no-service"):
        platform.done("backfill", "--from", drifting.DRIFT, "--to", drifting.AFTER_DRIFT)
        fallen = platform.status()
        status = platform.until(lambda s: s["retraining"]["state"] == "OK", 900)
        time.sleep(15)
        assert platform.status()["champion"] == status["champion"]
    assert fallen["evaluation"]["version"] == first["version"]
    assert fallen["evaluation"]["metrics"]["f1"] < 0.5
    assert status["champion"]["metrics"]["f1"] >= 0.8
    [trained] = attempts(platform)
    assert (trained.version, trained.verdict, trained.attempt) == (
        status["champion"]["version"],
        "approved",
        1,
    )
    assert trained.parent == first["version"]
    assert len(trainings(platform)) == 1
    assert platform.processes() == []


def test_small_improvements_are_deployed_while_the_new_loans_are_few(tmp_path: Path) -> None:
    platform = loaded(tmp_path, "demo")
    days = [drifting.DRIFT, "2025-04-10", "2025-04-20", "2025-04-30", "2025-05-10", "2025-05-20"]
    with platform.up("--no-service"):
        for since, to in itertools.pairwise(days):
            platform.done("backfill", "--from", since, "--to", to)
            status = platform.until(lambda s: s["retraining"]["state"] != "RETRAINING", 900)
            if status["retraining"]["state"] == "OK":
                break
    assert status["champion"]["metrics"]["f1"] >= 0.8
    trained = attempts(platform)
    assert trained[-1].verdict == "approved"
    assert {m.verdict for m in trained[:-1]} <= {"approved_below_target", "rejected"}


@pytest.mark.parametrize(
    "killed", [False, True], ids=["daemon undisturbed", "daemon killed during an attempt"]
)
def test_three_attempts_one_alert_then_hold(tmp_path: Path, killed: bool) -> None:
    alert_log = tmp_path / "alerts"
    platform = loaded(tmp_path, "realistic", ALERT_TO=f"tee -a {alert_log}")
    first = platform.status()["champion"]
    if killed:
        with platform.up("--no-service") as process:
            platform.done("backfill", "--from", drifting.DRIFT, "--to", "2025-03-20")
            end = time.monotonic() + 300
            while not trainings(platform, dg.DagsterRunStatus.STARTED) and time.monotonic() < end:
                time.sleep(1)
            for child in child_processes.members(str(platform.home)):
                if "dagster._daemon" in child.cmdline():
                    child.kill()
            process.communicate(timeout=120)
            assert process.returncode == 1
        assert platform.processes() == []
    with platform.up("--no-service"):
        if not killed:
            platform.done("backfill", "--from", drifting.DRIFT, "--to", "2025-03-20")
        status = platform.until(lambda s: s["retraining"]["state"] == "HOLD", 1200)
        time.sleep(30)
        assert platform.status()["retraining"] == status["retraining"]
    assert status["champion"]["version"] == first["version"]
    assert status["retraining"]["attempts"] == 3
    assert "3 attempts produced no better model" in status["retraining"]["reason"]
    assert "more matured labels" in status["retraining"]["next"]
    trained = attempts(platform)
    assert [(m.attempt, m.status) for m in trained] == [(1, "rejected"), (2, "rejected"), (3, "rejected")]
    assert len({m.hyper_parameters["seed"] for m in trained}) == 3
    assert alert_log.read_text().count("HOLD") == 1


def test_two_trainings_launched_at_once_run_one_after_the_other(tmp_path: Path) -> None:
    platform = loaded(tmp_path, "realistic", RETRAIN_SENSOR_SECONDS="100000")
    with platform.up("--no-service"):
        launched = [platform.launch(TRAIN) for _ in range(2)]
        with platform.session() as (_, instance):
            end = time.monotonic() + 600
            while time.monotonic() < end:
                records = [r for i in launched if (r := instance.get_run_record_by_id(i))]
                if all(r.dagster_run.is_finished for r in records):
                    break
                time.sleep(2)
    assert [r.dagster_run.status for r in records] == [dg.DagsterRunStatus.SUCCESS] * 2
    earlier, later = sorted(records, key=lambda r: r.start_time or 0)
    assert earlier.end_time
    assert later.start_time
    assert earlier.end_time <= later.start_time


def test_overlapping_backfills_during_a_training_neither_lose_nor_duplicate_rows(tmp_path: Path) -> None:
    platform = loaded(tmp_path, "realistic")
    with platform.session() as (session, _):
        days = [str(d) for d in session.portfolio.partition_keys(date(2025, 3, 2), date(2025, 4, 10))]
    with platform.up("--no-service"):
        platform.done("backfill", "--from", drifting.DRIFT, "--to", "2025-03-10")
        end = time.monotonic() + 300
        while not trainings(platform) and time.monotonic() < end:
            time.sleep(1)
        launched = [
            platform.backfill(["raw_loans", "processed_features"], part) for part in (days[:30], days[10:])
        ]
        with platform.session() as (session, instance):
            end = time.monotonic() + 900
            while time.monotonic() < end:
                states = [instance.get_backfill(i) for i in launched]
                if all(s is not None and s.status.value.startswith("COMPLETED") for s in states):
                    break
                time.sleep(5)
            assert [s and s.status.value for s in states] == ["COMPLETED_SUCCESS"] * 2
    with platform.session() as (session, _):
        twice = fingerprint(session)
        champions = [m for m in session.registry.history() if m.status == "champion"]
    assert len(champions) == 1
    platform.done("backfill", "--from", drifting.DRIFT, "--to", "2025-04-10")
    with platform.session() as (session, _):
        once = fingerprint(session)
        assert session.loans.counts()["raw_data"] == 80 * 100
    assert (once["raw_data"], once["processed_data"]) == (twice["raw_data"], twice["processed_data"])


def test_stale_partitions_are_rematerialized_once_and_fresh_again(tmp_path: Path) -> None:
    described = drifting.describe(tmp_path, "realistic", start="2024-01-01", end=None, refresh="0 6 * * *")
    platform = Platform(
        tmp_path / "home", described, FRESHNESS_SECONDS="90", FRESHNESS_RETRY_CRON="* * * * *"
    )
    key = dg.AssetKey(["realistic_bank", "raw_loans"])
    states: list[FreshnessState] = []
    with platform.up("--no-service"), platform.session() as (_, instance):
        end = time.monotonic() + 480
        while states.count(FreshnessState.PASS) < 3 and time.monotonic() < end:
            time.sleep(2)
            record = instance.get_freshness_state_records([key]).get(key)
            if record and states[-1:] != [record.freshness_state]:
                states.append(record.freshness_state)
        records = instance.fetch_materializations(key, limit=100).records
    fresh_again = [state for state in states if state in (FreshnessState.PASS, FreshnessState.FAIL)]
    assert fresh_again[-5:] == [
        FreshnessState.PASS, FreshnessState.FAIL, FreshnessState.PASS, FreshnessState.FAIL, FreshnessState.PASS,
    ], platform.logs()  # fmt: skip
    # The first run materializes the missing partitions; after it, one run each time the asset becomes stale.
    runs = {record.run_id for record in records}
    assert len(runs) == 3
