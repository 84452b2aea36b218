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
    return Ticking(database_url, instance, tmp_path, alert_to=f"tee -a {tmp_path / 'told'}")


@pytest.fixture
def receiver(tmp_path: Path) -> Path:
    """Where the command of ALERT_TO leaves what it was told."""
    return tmp_path / "told"


@pytest.fixture
def missed(bank: Ticking) -> Ticking:
    """A champion whose F1 fell on new rows."""
    bank.labels(60)
    version = bank.champion(labels=60)
    bank.labels(150)
    bank.evaluate(version, 0.6, "rows of today")
    return bank


def only(bank: Ticking) -> dg.RunRequest:
    requests = bank.tick().run_requests or []
    assert len(requests) == 1
    return requests[0]


def attempt_in(request: dg.RunRequest) -> dict[str, object]:
    return request.run_config["resources"]["attempt"]["config"]


def test_an_empty_platform_waits(bank: Ticking) -> None:
    found = bank.tick()
    assert not found.run_requests
    assert "no matured label" in (found.skip_message or "")


def test_without_a_model_the_first_is_trained_whole(bank: Ticking) -> None:
    bank.labels(200)
    request = only(bank)
    assert request.job_name == "train"
    assert attempt_in(request) == {"number": 1, "mode": "full", "seed_offset": 0}
    assert (request.run_key or "").startswith("retrain:none:")


def test_a_champion_that_meets_the_target_is_left_alone(bank: Ticking) -> None:
    bank.labels(60)
    version = bank.champion(labels=60)
    bank.labels(150)
    bank.evaluate(version, 0.83, "rows of today")
    found = bank.tick()
    assert not found.run_requests
    assert "meets the target" in (found.skip_message or "")


def test_a_fallen_f1_starts_three_different_attempts_then_one_alert_and_hold(
    missed: Ticking, receiver: Path
) -> None:
    seen = []
    for number, job, mode in ((1, "finetune", "head"), (2, "finetune", "full"), (3, "train", "full")):
        request = only(missed)
        assert (request.job_name, attempt_in(request)["mode"]) == (job, mode)
        assert attempt_in(request)["number"] == number
        assert request.run_key == f"retrain:m0:rows of today:{number}"
        assert request.tags["loan_default/retraining"] == request.run_key
        seen.append(attempt_in(request)["seed_offset"])
        missed.fail(number, "rows of today", 210)
    assert len(set(seen)) == 3
    told = [missed.tick() for _ in range(5)]
    assert not any(found.run_requests for found in told)
    assert "3 attempts gave no better model" in (told[-1].skip_message or "")
    assert len({found.cursor for found in told}) == 1
    assert receiver.read_text().count('"key": "hold:m0:rows of today"') == 1


def test_an_alert_that_did_not_arrive_is_sent_again_and_stops_nothing(
    missed: Ticking, receiver: Path
) -> None:
    receiver.mkdir()
    for number in (1, 2, 3):
        missed.fail(number, "rows of today", 210)
    assert "3 attempts" in (missed.tick().skip_message or "")
    receiver.rmdir()
    for _ in range(3):
        missed.tick()
    assert receiver.read_text().count("HOLD") == 1


def test_the_same_facts_ask_for_the_same_run(missed: Ticking) -> None:
    keys = {only(missed).run_key for _ in range(20)}
    assert len(keys) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_looks_at_the_same_facts_start_one_run(missed: Ticking) -> None:
    request = only(missed)
    missed.run_of(request, dg.DagsterRunStatus.STARTED)
    assert not any(missed.tick().run_requests for _ in range(10_000))


UNDER_WAY = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


@pytest.mark.parametrize("status", UNDER_WAY, ids=str)
def test_nothing_starts_while_a_training_is_under_way(missed: Ticking, status: dg.DagsterRunStatus) -> None:
    missed.run_of(only(missed), status)
    assert not missed.tick().run_requests


def test_a_training_of_the_ui_counts_as_well(missed: Ticking) -> None:
    key = dg.AssetKey(["sample", "classifier"])
    missed.instance.add_run(
        dg.DagsterRun(
            job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({key})
        )
    )
    assert not missed.tick().run_requests


def test_another_portfolio_s_training_does_not(missed: Ticking) -> None:
    request = only(missed)
    missed.instance.add_run(
        dg.DagsterRun(
            job_name="train", status=dg.DagsterRunStatus.STARTED, tags={"loan_default/portfolio": "other"}
        )
    )
    assert only(missed).run_key == request.run_key


def test_a_run_that_died_is_dagster_s_to_retry_and_no_attempt(missed: Ticking) -> None:
    request = only(missed)
    died = missed.run_of(request, dg.DagsterRunStatus.FAILURE, **{"dagster/will_retry": "true"})
    assert not missed.tick().run_requests
    again = missed.run_of(request, dg.DagsterRunStatus.FAILURE)
    missed.instance.add_run_tags(died.run_id, {"dagster/auto_retry_run_id": again.run_id})
    found = missed.tick()
    assert not found.run_requests
    assert "died before a verdict" in (found.skip_message or "")
    missed.labels(10)
    missed.evaluate("m0", 0.6, "rows of tomorrow")
    request = only(missed)
    assert (attempt_in(request)["number"], request.run_key) == (1, "retrain:m0:rows of tomorrow:1")


def test_an_operator_s_command_that_was_killed_does_not_block_for_ever(missed: Ticking) -> None:
    request = only(missed)
    import socket

    missed.run_of(
        request, dg.DagsterRunStatus.STARTED, **{"loan_default/process": f"{socket.gethostname()}:999999:1"}
    )
    found = missed.tick()
    assert "died before a verdict" in (found.skip_message or "")
    [run] = missed.instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE
