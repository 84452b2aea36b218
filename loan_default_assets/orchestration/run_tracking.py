"""Dagster's runs as the platform sees them: which of them train, which ended without a word, which were abandoned."""

import json
import os
import socket
import time
from dataclasses import dataclass

import dagster as dg
import psutil
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, RunRecord
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

from loan_default_assets.orchestration.jobs import FINETUNE, PORTFOLIO, TRAIN

RETRAINING = "loan_default/retraining"
_PROCESS = "loan_default/process"
_UNFINISHED = [
    *IN_PROGRESS_RUN_STATUSES,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.CANCELING,
]
_ENDED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS]
# A retry that Dagster announced and has not begun within this time does not come any more.
_RETRY_SECONDS = 900
_RECENT = 50


@dataclass(frozen=True)
class Trainings:
    """`running`: runs that are queued, under way or about to be retried, by retraining key or run id.

    `ended`: retraining keys of runs that ended and are not retried, whatever came of them.
    """

    running: tuple[str, ...] = ()
    ended: frozenset[str] = frozenset()


def trainings(instance: dg.DagsterInstance, portfolio: str) -> Trainings:
    """The runs that train a classifier of the portfolio. Runs of processes that are gone are reported as failed."""
    fail_abandoned(instance)
    unfinished = [
        run for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)) if _trains(run, portfolio)
    ]
    running = {run.tags.get(RETRAINING, run.run_id) for run in unfinished}
    ended: set[str] = set()
    for record in _recent(instance, portfolio):
        key = record.dagster_run.tags.get(RETRAINING)
        if key is not None:
            (running if _retry_is_due(record) else ended).add(key)
    return Trainings(tuple(sorted(running)), frozenset(ended - running))


def is_news(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a failed run is not retried, and the one before it of its kind did not fail for good as well."""
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return False
    wanted = dg.RunsFilter(job_name=run.job_name, statuses=_ENDED)
    before = [
        other
        for other in instance.get_runs(wanted, cursor=run.run_id, limit=_RECENT)
        if (other.asset_selection, partitions_of(other)) == (run.asset_selection, partitions_of(run))
        and other.tags.get(PORTFOLIO) == run.tags.get(PORTFOLIO)
        and other.tags.get(WILL_RETRY_TAG) != "true"
    ]
    return not before or before[0].status != dg.DagsterRunStatus.FAILURE


def partitions_of(run: dg.DagsterRun) -> str | None:
    """The run's partition, or the first and last of its range."""
    first, last = (
        run.tags.get(name) for name in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
    )
    return f"{first} to {last}" if first else run.tags.get(PARTITION_NAME_TAG)


def own_tags() -> dict[str, str]:
    """Tags of a run that this process executes itself."""
    return {_PROCESS: _process_name()}


def fail_abandoned(instance: dg.DagsterInstance) -> int:
    """Runs of processes that are gone are told to Dagster as failed; the number of them."""
    gone = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        name = run.tags.get(_PROCESS)
        if name is not None and name != _process_name() and not _alive(name):
            instance.report_run_failed(run, "the process that executed this run is gone")
            gone += 1
    return gone


def fail_unreachable(instance: dg.DagsterInstance) -> int:
    """The same for runs whose code server was on this machine and answers no more: Dagster would wait for ever.

    To be called before a daemon starts; it then retries them as `dagster.yaml` says.
    """
    gone = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        place = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
        if place is not None and not _answers(place):
            instance.report_run_failed(run, "the processes that executed this run are gone")
            gone += 1
    return gone


def _trains(run: dg.DagsterRun, portfolio: str) -> bool:
    if run.tags.get(PORTFOLIO) == portfolio:
        return run.job_name in (TRAIN, FINETUNE)
    return dg.AssetKey([portfolio, "classifier"]) in (run.asset_selection or ())


def _recent(instance: dg.DagsterInstance, portfolio: str) -> list[RunRecord]:
    records: list[RunRecord] = []
    for job in (TRAIN, FINETUNE):
        wanted = dg.RunsFilter(job_name=job, tags={PORTFOLIO: portfolio}, statuses=_ENDED)
        records += instance.get_run_records(wanted, limit=_RECENT)
    return records


def _retry_is_due(record: RunRecord) -> bool:
    tags = record.dagster_run.tags
    announced = (
        record.dagster_run.status == dg.DagsterRunStatus.FAILURE and tags.get(WILL_RETRY_TAG) == "true"
    )
    young = record.end_time is None or time.time() - record.end_time < _RETRY_SECONDS
    return announced and AUTO_RETRY_RUN_ID_TAG not in tags and young


def _process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time())}"


def _alive(name: str) -> bool:
    host, pid, started = name.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(started)
    except psutil.NoSuchProcess:
        return False


def _answers(place: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(place)
        except OSError:
            return False
    return True
