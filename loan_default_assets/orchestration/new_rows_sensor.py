"""The sensor that loads the partitions of which the source has new rows: new files, or a newer watermark of a query."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.dagster_internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    UnresolvedAssetJobDefinition,
)
from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.pipeline.new_rows import NewRows, SourceState, new_rows, source_state
from loan_default_assets.portfolio.ingest.source_marks import PartitionMark
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

NEW_ROWS_SENSOR = "load_new_rows"
# Tag of the runs: what they load, so that a failed one is found again.
NEW_ROWS_TAG = "loan_default/new_rows"
# A tick must end within a minute; files that were not looked into by then are left to the next tick.
_SECONDS_TO_LOOK = 20
_RETRY_SECONDS = 600
# The pool `ingestion` executes one run at a time; more would only wait in the queue.
_MOST_RUNS = 10
_NAMED = 5


def build(
    portfolio: Portfolio, settings: Settings, ingest: UnresolvedAssetJobDefinition
) -> list[dg.SensorDefinition]:
    """The sensor of a portfolio whose source is watched; none of another one."""
    if not portfolio.source.watched:
        return []

    @dg.sensor(
        name=NEW_ROWS_SENSOR,
        job=ingest,
        minimum_interval_seconds=settings.automation_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads the partitions of which the source has new rows, and their features.",
    )
    @reported
    def load_new_rows(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult:
        run_tracking.fail_abandoned(context.instance)
        loaded = warehouse.loans(portfolio).loaded
        # Before the source: what a run stores between the two is seen again at the next tick, and changes nothing.
        before = loaded.read()
        unfinished = context.instance.get_runs(
            dg.RunsFilter(
                job_name=ingest.name,
                tags={PORTFOLIO: portfolio.name},
                statuses=run_tracking.UNFINISHED,
            )
        )
        if unfinished:
            return dg.SensorResult(skip_reason=f"{len(unfinished)} loads are queued or running.")
        state = source_state(portfolio, loaded, today=date.today(), seconds=_SECONDS_TO_LOOK)
        found = new_rows(portfolio, state, before)
        requests: list[dg.RunRequest] = []
        waiting = 0
        for keys in _consecutive(portfolio, found.keys):
            request = _run_request(context.instance, keys, state)
            if request is None:
                waiting += 1
            elif len(requests) < _MOST_RUNS:
                requests.append(request)
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else _skip_reason(state, found, waiting)
        )

    return [load_new_rows]


def _consecutive(portfolio: Portfolio, keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys in groups without a gap between them: the partitions of a group share a run."""
    group: list[str] = []
    for key in keys:
        if group and str(portfolio.partition_bounds(group[-1])[1]) != key:
            yield group
            group = []
        group.append(key)
    if group:
        yield group


def _run_request(
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    state: SourceState,
) -> dg.RunRequest | None:
    """The run that loads the partitions; None while a failed one of the same rows is recent."""
    parts = [f"{key} {state.marks.get(key, PartitionMark()).mark}" for key in keys]
    name = f"{keys[0]}:{keys[-1]}:{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"
    attempts = instance.get_runs_count(dg.RunsFilter(tags={NEW_ROWS_TAG: name}, statuses=run_tracking.ENDED))
    failed = instance.get_run_records(
        dg.RunsFilter(tags={NEW_ROWS_TAG: name}, statuses=run_tracking.FAILED), limit=1
    )
    if failed and time.time() - (failed[0].end_time or time.time()) < _RETRY_SECONDS:
        return None
    tags = {NEW_ROWS_TAG: name}
    if len(keys) == 1:
        return dg.RunRequest(run_key=f"{name}:{attempts}", partition_key=keys[0], tags=tags)
    tags |= {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}
    return dg.RunRequest(run_key=f"{name}:{attempts}", tags=tags)


def _skip_reason(state: SourceState, found: NewRows, waiting: int) -> str:
    reasons = [f"partition {key}: {why}" for key, why in list(found.held_back.items())[:_NAMED]]
    if len(found.held_back) > _NAMED:
        reasons.append(f"{len(found.held_back) - _NAMED} more partitions are held back")
    if waiting:
        reasons.append(f"{waiting} failed loads are repeated after {_RETRY_SECONDS // 60} minutes")
    reasons += [f"{path} is being written" for path in state.growing[:_NAMED]]
    if state.unread and not found.held_back:
        reasons.append(f"{state.unread} files were not looked into yet")
    return "; ".join(reasons) or "The source has no new rows."
