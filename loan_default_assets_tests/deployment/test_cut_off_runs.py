"""Runs that a stopped container was executing: found by host and start, reported as failed once."""

import json
import socket
import time
from collections.abc import Iterator

import dagster as dg
import pytest

from loan_default_assets.orchestration.run_tracking import cut_off_runs, report_cut_off_runs

# Dagster's tag of the code server that executes a run, as its launcher writes it.
GRPC_INFO = ".dagster/grpc_info"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def started_run(instance: dg.DagsterInstance, host: str | None) -> dg.DagsterRun:
    """A run in state STARTED on the given host; None: executed by no code server."""

    @dg.job
    def empty() -> None:
        pass

    tags = {} if host is None else {GRPC_INFO: json.dumps({"host": host, "port": 4000})}
    run = instance.create_run_for_job(empty, tags=tags, status=dg.DagsterRunStatus.STARTING)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "empty")
    instance.report_dagster_event(event, run.run_id)
    return run


def test_runs_of_this_host_that_began_earlier_are_reported_once(instance: dg.DagsterInstance) -> None:
    run = started_run(instance, socket.gethostname())
    restarted = time.time() + 1
    assert [each.run_id for each in cut_off_runs(instance, restarted)] == [run.run_id]

    assert [each.run_id for each in report_cut_off_runs(instance, restarted)] == [run.run_id]
    failed = instance.get_run_by_id(run.run_id)
    assert failed is not None
    assert failed.status == dg.DagsterRunStatus.FAILURE
    assert report_cut_off_runs(instance, restarted) == []


@pytest.mark.parametrize(
    ("host", "seconds"),
    [("another-host", 1), (None, 1), (socket.gethostname(), -60)],
    ids=["another host", "no code server", "began after the restart"],
)
def test_other_runs_are_untouched(instance: dg.DagsterInstance, host: str | None, seconds: int) -> None:
    run = started_run(instance, host)
    assert report_cut_off_runs(instance, time.time() + seconds) == []
    untouched = instance.get_run_by_id(run.run_id)
    assert untouched is not None
    assert untouched.status == dg.DagsterRunStatus.STARTED
