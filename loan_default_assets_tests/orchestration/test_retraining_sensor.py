import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets_tests.orchestration.ticks import Ticking


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def bank(database_url: str, instance: dg.DagsterInstance, tmp_path: Path) -> Ticking:
    return Ticking(database_url, instance, tmp_path, alert_to=f"tee -a {tmp_path / 'alerts'}")


@pytest.fixture
def receiver(tmp_path: Path) -> Path:
    """The file to which the command of ALERT_TO appends the alerts."""
    return tmp_path / "alerts"


@pytest.fixture
def below_target(bank: Ticking) -> Ticking:
    """A champion whose F1 fell below the target on new rows."""
    bank.labels(60)
    version = bank.champion(labels=60)
    bank.labels(150)
    bank.evaluate(version, 0.6, "rows of today")
    return bank


def only_request(bank: Ticking) -> dg.RunRequest:
    requests = bank.tick().run_requests or []
    assert len(requests) == 1
    return requests[0]


def attempt_in(request: dg.RunRequest) -> dict[str, object]:
    return request.run_config["resources"]["attempt"]["config"]


def test_an_empty_platform_waits(bank: Ticking) -> None:
    result = bank.tick()
    assert not result.run_requests
    assert "no matured labels" in (result.skip_message or "")


def test_without_a_model_the_first_one_is_trained_from_scratch(bank: Ticking) -> None:
    bank.labels(200)
    request = only_request(bank)
    assert request.job_name == "train"
    assert attempt_in(request) == {"number": 1, "mode": "full", "seed_offset": 0}
    assert (request.run_key or "").startswith("retrain:none:")


def test_a_champion_that_meets_the_target_is_not_retrained(bank: Ticking) -> None:
    bank.labels(60)
    version = bank.champion(labels=60)
    bank.labels(150)
    bank.evaluate(version, 0.83, "rows of today")
    result = bank.tick()
    assert not result.run_requests
    assert "meets the target" in (result.skip_message or "")


def test_f1_below_the_target_starts_three_different_attempts_then_one_alert_and_hold(
    below_target: Ticking, receiver: Path
) -> None:
    seen = []
    for number, job, mode in ((1, "finetune", "head"), (2, "finetune", "full"), (3, "train", "full")):
        request = only_request(below_target)
        assert (request.job_name, attempt_in(request)["mode"]) == (job, mode)
        assert attempt_in(request)["number"] == number
        assert request.run_key == f"retrain:m0:rows of today:{number}"
        assert request.tags["loan_default/retraining"] == request.run_key
        seen.append(attempt_in(request)["seed_offset"])
        below_target.fail(number, "rows of today", 210)
    assert len(set(seen)) == 3
    ticks = [below_target.tick() for _ in range(5)]
    assert not any(result.run_requests for result in ticks)
    assert "3 attempts produced no better model" in (ticks[-1].skip_message or "")
    assert len({result.cursor for result in ticks}) == 1
    assert receiver.read_text().count('"key": "hold:m0:rows of today"') == 1


def test_an_undelivered_alert_is_sent_again_and_does_not_fail_the_tick(
    below_target: Ticking, receiver: Path
) -> None:
    receiver.mkdir()
    for number in (1, 2, 3):
        below_target.fail(number, "rows of today", 210)
    assert "3 attempts" in (below_target.tick().skip_message or "")
    receiver.rmdir()
    for _ in range(3):
        below_target.tick()
    assert receiver.read_text().count("HOLD") == 1


def test_the_same_facts_request_the_same_run(below_target: Ticking) -> None:
    keys = {only_request(below_target).run_key for _ in range(20)}
    assert len(keys) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_ticks_on_the_same_facts_start_one_run(below_target: Ticking) -> None:
    request = only_request(below_target)
    below_target.run_of(request, dg.DagsterRunStatus.STARTED)
    assert not any(below_target.tick().run_requests for _ in range(10_000))


IN_PROGRESS = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


@pytest.mark.parametrize("status", IN_PROGRESS, ids=str)
def test_nothing_starts_while_a_training_is_in_progress(
    below_target: Ticking, status: dg.DagsterRunStatus
) -> None:
    below_target.run_of(only_request(below_target), status)
    assert not below_target.tick().run_requests


def test_a_training_started_in_the_ui_counts(below_target: Ticking) -> None:
    key = dg.AssetKey(["sample", "classifier"])
    below_target.instance.add_run(
        dg.DagsterRun(
            job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({key})
        )
    )
    assert not below_target.tick().run_requests


def test_a_training_of_another_portfolio_does_not_count(below_target: Ticking) -> None:
    request = only_request(below_target)
    below_target.instance.add_run(
        dg.DagsterRun(
            job_name="train", status=dg.DagsterRunStatus.STARTED, tags={"loan_default/portfolio": "other"}
        )
    )
    assert only_request(below_target).run_key == request.run_key


def test_a_crashed_run_is_retried_by_dagster_and_is_no_attempt(below_target: Ticking) -> None:
    request = only_request(below_target)
    crashed = below_target.run_of(request, dg.DagsterRunStatus.FAILURE, **{"dagster/will_retry": "true"})
    assert not below_target.tick().run_requests
    retry = below_target.run_of(request, dg.DagsterRunStatus.FAILURE)
    below_target.instance.add_run_tags(crashed.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    result = below_target.tick()
    assert not result.run_requests
    assert "ended without a verdict" in (result.skip_message or "")
    below_target.labels(10)
    below_target.evaluate("m0", 0.6, "rows of tomorrow")
    request = only_request(below_target)
    assert (attempt_in(request)["number"], request.run_key) == (1, "retrain:m0:rows of tomorrow:1")


def test_a_killed_command_of_an_operator_does_not_block_later_runs(below_target: Ticking) -> None:
    request = only_request(below_target)
    below_target.run_of(
        request, dg.DagsterRunStatus.STARTED, **{"loan_default/process": f"{socket.gethostname()}:999999:1"}
    )
    result = below_target.tick()
    assert "ended without a verdict" in (result.skip_message or "")
    [run] = below_target.instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (dg.DagsterRunStatus.STARTED, "queued or running"),
        (dg.DagsterRunStatus.STARTING, "queued or running"),
        (dg.DagsterRunStatus.FAILURE, "ended without a verdict"),
    ],
    ids=str,
)
def test_a_run_of_the_former_job_retrain_is_a_training(
    below_target: Ticking, status: dg.DagsterRunStatus, reason: str
) -> None:
    request = only_request(below_target)
    below_target.run_of(request._replace(job_name="retrain"), status)
    result = below_target.tick()
    assert not result.run_requests
    assert reason in (result.skip_message or "")
