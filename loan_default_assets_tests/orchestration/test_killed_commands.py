"""A run of a command that was killed is dead at once, although Dagster's settings retry crashed runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG, WILL_RETRY_TAG

from loan_default_assets.orchestration import jobs, run_tracking

# Starts a run as a command does and is killed in the middle of it.
KILLED = """
import os, signal, sys
import dagster as dg
from loan_default_assets.orchestration import jobs, run_tracking

@dg.op
def step():
    os.kill(os.getpid(), signal.SIGKILL)

@dg.job(name=jobs.TRAIN, tags={jobs.PORTFOLIO: "bank"})
def training():
    step()

tags = run_tracking.process_tags() | {run_tracking.RETRAINING_TAG: "retrain:none:abc:1"}
for name in sys.argv[1:]:
    tags.pop(name, None)
with dg.DagsterInstance.get() as instance:
    training.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that retries crashed runs, as `dagster.yaml` does."""
    (tmp_path / "dagster.yaml").write_text(
        "run_retries: {enabled: true, max_retries: 2}\ntelemetry: {enabled: false}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        yield found


@pytest.mark.parametrize("omitted", [(), (MAX_RETRIES_TAG,)], ids=["this release", "the last release"])
def test_a_killed_training_is_not_running_and_its_attempt_has_ended(
    instance: dg.DagsterInstance, omitted: tuple[str, ...], tmp_path: Path
) -> None:
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, *omitted], env=environment, check=False)
    assert killed.returncode == -9
    [run] = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.STARTED
    assert run_tracking.trainings(instance, "bank") == run_tracking.Trainings(
        running=(), ended_runs=frozenset({"retrain:none:abc:1"})
    )
    [failed] = instance.get_runs()
    assert failed.status == dg.DagsterRunStatus.FAILURE
    assert failed.tags.get(jobs.PORTFOLIO) == "bank"
    assert [each.run_id for each in run_tracking.unannounced(instance, "bank")] == [run.run_id]
    assert run_tracking.unannounced(instance, "another") == []
    run_tracking.mark_announced(instance, run)
    assert run_tracking.unannounced(instance, "bank") == []
    if not omitted:
        assert failed.tags.get(WILL_RETRY_TAG) != "true"
        assert run_tracking.is_first_failure(instance, failed)
