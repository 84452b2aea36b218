"""Dagster's runs: which of them train a model, which failed for the first time, which were abandoned."""

import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

from loan_default_assets.orchestration import former_names
from loan_default_assets.orchestration.dagster_internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    GRPC_INFO_TAG,
    IN_PROGRESS_RUN_STATUSES,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from loan_default_assets.orchestration.jobs import FINETUNE, PORTFOLIO, TRAIN

# Tag of a retraining run: the key of its attempt.
RETRAINING_TAG = "loan_default/retraining"
_PROCESS_TAG = "loan_default/process"
# Tag of a run whose process was found dead: whether its alert is still due.
_DEAD_TAG = "loan_default/dead"
# Runs of the last release keep the name of their job.
_TRAINING_JOBS = (
    TRAIN,
    FINETUNE,
    *(old for old, new in former_names.JOBS.items() if new in (TRAIN, FINETUNE)),
)
UNFINISHED = [
    *IN_PROGRESS_RUN_STATUSES,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
ENDED = [*FAILED, dg.DagsterRunStatus.SUCCESS]
# An announced retry that has not begun within this time is not expected any more.
_RETRY_SECONDS = 900
# A run that has been dead for longer is no news.
_NEWS = timedelta(days=7)
# Ended runs per job that are read.
_RECENT = 50


@dataclass(frozen=True)
class Trainings:
    """The runs that train a classifier of one portfolio.

    Attributes:
        running: Runs that are queued, in progress or about to be retried, by retraining key or run id.
        ended_runs: Retraining keys of runs that ended and are not retried, whatever their outcome.
    """

    running: tuple[str, ...] = ()
    ended_runs: frozenset[str] = frozenset()


def trainings(instance: dg.DagsterInstance, portfolio: str) -> Trainings:
    """The runs that train a classifier of the portfolio. Abandoned runs are reported as failed first."""
    fail_abandoned(instance)
    unfinished = [
        run for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) if _is_training(run, portfolio)
    ]
    running = {run.tags.get(RETRAINING_TAG, run.run_id) for run in unfinished}
    ended: set[str] = set()
    for record in _recent(instance, portfolio):
        key = record.dagster_run.tags.get(RETRAINING_TAG)
        if key is not None:
            (running if _retry_is_pending(record) else ended).add(key)
    return Trainings(tuple(sorted(running)), frozenset(ended - running))


def is_first_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a failed run is not retried and the last run of the same job, assets and partition did not fail.

    Args:
        instance: The Dagster instance.
        run: The failed run.
    """
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return False
    ended = dg.RunsFilter(job_name=run.job_name, statuses=ENDED)
    earlier = [
        other
        for other in instance.get_runs(ended, cursor=run.run_id, limit=_RECENT)
        if (other.asset_selection, partitions_of(other)) == (run.asset_selection, partitions_of(run))
        and other.tags.get(PORTFOLIO) == run.tags.get(PORTFOLIO)
        and other.tags.get(WILL_RETRY_TAG) != "true"
    ]
    return not earlier or earlier[0].status != dg.DagsterRunStatus.FAILURE


def partitions_of(run: dg.DagsterRun) -> str | None:
    """The run's partition, or the first and last of its range."""
    first, last = (
        run.tags.get(name) for name in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
    )
    return f"{first} to {last}" if first else run.tags.get(PARTITION_NAME_TAG)


def work_of(run: dg.DagsterRun) -> str:
    """What a run does, for people: its job, or the assets that were launched from their page."""
    # The job of such a run is Dagster's own, with a name that says nothing.
    if not run.job_name.startswith("__") or not run.asset_selection:
        return run.job_name
    return ", ".join(sorted(key.path[-1] for key in run.asset_selection))


def made_in(run: dg.DagsterRun, asset: dg.AssetKey, instance: dg.DagsterInstance) -> bool:
    """Whether this run has materialized an asset."""
    newest = instance.get_latest_materialization_event(asset)
    return newest is not None and newest.run_id == run.run_id


def process_tags() -> dict[str, str]:
    """Tags of a run that this process executes. Nothing but this process can retry it, so no retry is announced."""
    return {_PROCESS_TAG: _process_name(), MAX_RETRIES_TAG: "0"}


def fail_abandoned(instance: dg.DagsterInstance) -> int:
    """Report runs as failed whose process no longer exists.

    Returns:
        The number of reported runs.
    """
    reported = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        name = run.tags.get(_PROCESS_TAG)
        if name is not None and name != _process_name() and not _process_exists(name):
            instance.add_run_tags(run.run_id, {_DEAD_TAG: "due"})
            instance.report_run_failed(run, "the process that executed this run no longer exists")
            reported += 1
    return reported


def unannounced(instance: dg.DagsterInstance, portfolio: str) -> list[dg.DagsterRun]:
    """Runs of a portfolio that `fail_abandoned` found dead, in any process, without an alert; the first one first."""
    dead = dg.RunsFilter(
        tags={PORTFOLIO: portfolio, _DEAD_TAG: "due"},
        statuses=[dg.DagsterRunStatus.FAILURE],
        updated_after=datetime.now(UTC) - _NEWS,
    )
    return list(reversed(instance.get_runs(dead)))


def mark_announced(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Record that the alert of a dead run is recorded, or not to be sent."""
    instance.add_run_tags(run.run_id, {_DEAD_TAG: "announced"})


def fail_unreachable(instance: dg.DagsterInstance) -> int:
    """Report runs in progress as failed whose code server on this machine no longer accepts connections.

    Dagster would wait for them without end. Call it before a daemon starts, which retries them as `dagster.yaml` says.

    Returns:
        The number of reported runs.
    """
    reported = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        path = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
        if path is not None and not _accepts_connections(path):
            instance.report_run_failed(run, "the code server that executed this run no longer exists")
            reported += 1
    return reported


def fail_restored(instance: dg.DagsterInstance) -> int:
    """Report runs as failed that were in progress when their database was backed up; queued ones stay queued.

    Returns:
        The number of reported runs.
    """
    queued = dg.DagsterRunStatus.QUEUED
    runs = instance.get_runs(dg.RunsFilter(statuses=[status for status in UNFINISHED if status != queued]))
    for run in runs:
        instance.report_run_failed(run, "the run was in progress when the backup was made")
    return len(runs)


def _is_training(run: dg.DagsterRun, portfolio: str) -> bool:
    if run.tags.get(PORTFOLIO) == portfolio:
        return run.job_name in _TRAINING_JOBS
    return dg.AssetKey([portfolio, "classifier"]) in (run.asset_selection or ())


def _recent(instance: dg.DagsterInstance, portfolio: str) -> list[dg.RunRecord]:
    records: list[dg.RunRecord] = []
    for job in _TRAINING_JOBS:
        ended = dg.RunsFilter(job_name=job, tags={PORTFOLIO: portfolio}, statuses=ENDED)
        records += instance.get_run_records(ended, limit=_RECENT)
    return records


def _retry_is_pending(record: dg.RunRecord) -> bool:
    tags = record.dagster_run.tags
    announced = (
        record.dagster_run.status == dg.DagsterRunStatus.FAILURE
        and tags.get(WILL_RETRY_TAG) == "true"
        # Dagster announces a retry for every crash, but cannot repeat a command (runs of the last release).
        and _PROCESS_TAG not in tags
    )
    recent = record.end_time is None or time.time() - record.end_time < _RETRY_SECONDS
    return announced and AUTO_RETRY_RUN_ID_TAG not in tags and recent


def _process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time())}"


def _process_exists(name: str) -> bool:
    host, pid, started = name.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(started)
    except psutil.NoSuchProcess:
        return False


def _accepts_connections(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def cut_off_runs(instance: dg.DagsterInstance, started: float) -> list[dg.DagsterRun]:
    """Runs that this host was executing when it stopped.

    Args:
        instance: The Dagster instance that records them.
        started: Start of the host's present code server, in seconds since 1970; what began earlier has ended with
            its predecessor.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return [
        record.dagster_run
        for record in records
        if record.start_time is not None
        and record.start_time < started
        and json.loads(record.dagster_run.tags.get(GRPC_INFO_TAG, "{}")).get("host") == socket.gethostname()
    ]


def report_cut_off_runs(instance: dg.DagsterInstance, started: float) -> list[dg.DagsterRun]:
    """Report the runs of `cut_off_runs` as failed, so that Dagster retries them as `dagster.yaml` says.

    Returns:
        The reported runs; empty when called again.
    """
    runs = cut_off_runs(instance, started)
    for run in runs:
        instance.report_run_failed(run, "the container that executed this run was stopped")
    return runs
