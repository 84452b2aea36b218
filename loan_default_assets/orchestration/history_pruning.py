"""Deletion of Dagster's old runs and ticks, through Dagster's own calls, with the state of every asset unchanged.

Dagster deletes the events of a run together with it, and derives from events which partitions are materialized. So the
run of the newest materialization of every asset and partition stays, however old it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from loan_default_assets.orchestration.run_tracking import ENDED, RETRAINING_TAG

_BACKFILL_TAG = "dagster/backfill"


@dataclass(frozen=True)
class OldHistory:
    """What is older than a point in time.

    Attributes:
        run_ids: Runs that may be deleted.
        needed: Old runs that stay, because the state of an asset or check or a backfill in progress depends on them.
        retrainings: Old runs that stay, because their keys tell the retraining policy which attempts were made.
        ticks: Ticks of schedules and sensors that may be deleted.
    """

    run_ids: tuple[str, ...] = ()
    needed: int = 0
    retrainings: int = 0
    ticks: int = 0


def old_history(instance: dg.DagsterInstance, before: datetime) -> OldHistory:
    """What may be deleted of the runs that ended before a point in time, and of the ticks of that age."""
    ended = dg.RunsFilter(statuses=ENDED, created_before=before)
    newest = _newest_materializations(instance)
    backfills = {each.backfill_id for each in instance.get_backfills() if each.status.value == "REQUESTED"}
    prunable, needed, retrainings = [], 0, 0
    for record in instance.get_run_records(ended):
        run = record.dagster_run
        if record.end_time is not None and record.end_time >= before.timestamp():
            continue
        if RETRAINING_TAG in run.tags:
            retrainings += 1
        elif run.tags.get(_BACKFILL_TAG) in backfills or _is_needed(instance, run.run_id, newest):
            needed += 1
        else:
            prunable.append(run.run_id)
    ticks = sum(
        len(instance.get_ticks(origin_id, selector_id, before=before.timestamp()))
        for origin_id, selector_id in _instigators(instance)
    )
    return OldHistory(tuple(prunable), needed, retrainings, ticks)


def prune_history(instance: dg.DagsterInstance, before: datetime) -> OldHistory:
    """Delete what `old_history` finds, and the evaluations of automation conditions of the same age.

    Returns:
        What was deleted and what stays.
    """
    found = old_history(instance, before)
    for run_id in found.run_ids:
        # The events first: a deletion that is cut off leaves a run that the next one finds, and no events without run.
        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)
    for origin_id, selector_id in _instigators(instance):
        instance.purge_ticks(origin_id, selector_id, before=before.timestamp())
    if instance.schedule_storage is not None:
        instance.schedule_storage.purge_asset_evaluations(before=before.timestamp())
    return found


def _instigators(instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    # An instance in memory has neither schedules nor sensors.
    if instance.schedule_storage is None:
        return
    for state in instance.all_instigator_state():
        yield state.instigator_origin_id, state.selector_id


def _newest_materializations(instance: dg.DagsterInstance) -> set[int]:
    """Storage ids of the newest materialization of every asset, and of every partition of it."""
    found = set()
    for key in instance.get_asset_keys():
        found |= {record.storage_id for record in instance.fetch_materializations(key, limit=1).records}
        found |= {
            *instance.event_log_storage.get_latest_storage_id_by_partition(
                key, dg.DagsterEventType.ASSET_MATERIALIZATION
            ).values()
        }
    return found


def _is_needed(instance: dg.DagsterInstance, run_id: str, newest: set[int]) -> bool:
    kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    storage = instance.event_log_storage
    for record in storage.get_records_for_run(run_id, of_type=kinds).records:
        if record.storage_id in newest:
            return True
        event = record.event_log_entry.get_dagster_event()
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            key = event.asset_check_evaluation_data.asset_check_key
            latest = storage.get_latest_asset_check_execution_by_key([key]).get(key)
            if latest is not None and latest.run_id == run_id:
                return True
    return False
