"""Old runs leave Dagster's tables, and the state of every asset, partition and check stays."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorStatus, SensorInstigatorData, TickData, TickStatus

from loan_default_assets.orchestration.dagster_internals import (
    InstigatorState,
    InstigatorType,
    RemoteInstigatorOrigin,
)
from loan_default_assets.orchestration.history_pruning import OldHistory, old_history, prune_history
from loan_default_assets.orchestration.run_tracking import RETRAINING_TAG
from loan_default_assets.orchestration.storage import PlatformStorage

DAYS = dg.StaticPartitionsDefinition(["d1", "d2", "d3"])
# Of the time of the import, which a long run of tests follows.
LATER, EARLIER = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(days=1)


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("good", asset="loans")])
def loans() -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@dg.asset(deps=[loans])
def model() -> None:
    return None


@dg.asset
def failing() -> None:
    raise ValueError


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def stored(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The platform's own storage in PostgreSQL."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    storage = {"module": PlatformStorage.__module__, "class": "PlatformStorage", "config": {}}
    described = {"storage": {"custom": storage}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(json.dumps(described))
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def materialize(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, **arguments: object) -> str:
    done = dg.materialize([asset], instance=instance, raise_on_error=False, **arguments)  # type: ignore[arg-type]
    return done.run_id


def state(instance: dg.DagsterInstance) -> dict[str, object]:
    """What the UI and the automation conditions derive from events."""
    return {
        key.to_user_string(): (
            instance.get_materialized_partitions(key),
            [record.run_id for record in instance.fetch_materializations(key, limit=1).records],
        )
        for key in (dg.AssetKey("loans"), dg.AssetKey("model"))
    }


def run_ids(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_deleting_a_run_alone_loses_its_partition(instance: dg.DagsterInstance) -> None:
    """The reason why runs of newest materializations stay."""
    instance.delete_run(materialize(instance, loans, partition_key="d1"))
    assert instance.get_materialized_partitions(dg.AssetKey("loans")) == set()


def test_runs_go_whose_materializations_were_replaced(stored: dg.DagsterInstance) -> None:
    instance = stored
    replaced = {materialize(instance, loans, partition_key="d1"), materialize(instance, model)}
    replaced.add(materialize(instance, failing))
    kept = {materialize(instance, loans, partition_key=key) for key in ("d1", "d2")}
    kept.add(materialize(instance, model))
    before = state(instance)
    assert old_history(instance, EARLIER) == OldHistory()
    shown = old_history(instance, LATER)
    assert run_ids(instance) == replaced | kept
    assert ({*shown.run_ids}, shown.needed) == (replaced, 3)
    assert prune_history(instance, LATER) == shown
    assert run_ids(instance) == kept
    assert state(instance) == before
    assert not [event for run_id in replaced for event in instance.all_logs(run_id)]
    assert prune_history(instance, LATER) == OldHistory(needed=3)


RUNS: dict[str, tuple[Callable[[dg.DagsterInstance], str], OldHistory]] = {
    "a run in progress": (
        lambda instance: instance.create_run_for_job(_JOB, status=dg.DagsterRunStatus.STARTED).run_id,
        OldHistory(),
    ),
    "a run that has not started": (
        lambda instance: instance.create_run_for_job(_JOB).run_id,
        OldHistory(),
    ),
    "an attempt that the retraining policy counts": (
        lambda instance: materialize(instance, failing, tags={RETRAINING_TAG: "key"}),
        OldHistory(retrainings=1),
    ),
    "the newest evaluation of a check": (
        lambda instance: materialize(instance, loans, partition_key="d3"),
        OldHistory(needed=1),
    ),
}
BACKFILLS: dict[str, tuple[BulkActionStatus, OldHistory]] = {
    "in progress": (BulkActionStatus.REQUESTED, OldHistory(needed=1)),
    "complete": (BulkActionStatus.COMPLETED_SUCCESS, OldHistory()),
}


@pytest.mark.parametrize(("status", "expected"), BACKFILLS.values(), ids=BACKFILLS)
def test_a_run_of_a_backfill_stays_until_the_backfill_ends(
    instance: dg.DagsterInstance, status: BulkActionStatus, expected: OldHistory
) -> None:
    backfill = PartitionBackfill("b", status, from_failure=False, tags={}, backfill_timestamp=0.0)
    instance.add_backfill(backfill)
    run_id = materialize(instance, failing, tags={"dagster/backfill": "b"})
    found = old_history(instance, LATER)
    assert (found.run_ids, found.needed) == (() if expected.needed else (run_id,), expected.needed)


def test_a_run_that_ended_after_the_point_in_time_stays(instance: dg.DagsterInstance) -> None:
    materialize(instance, failing)
    (record,) = instance.get_run_records()
    assert record.end_time is not None
    created = record.create_timestamp.timestamp()
    between = datetime.fromtimestamp((created + record.end_time) / 2, UTC)
    assert created < between.timestamp() < record.end_time
    assert old_history(instance, between) == OldHistory()
    assert old_history(instance, datetime.fromtimestamp(record.end_time + 1, UTC)).run_ids


_JOB = dg.Definitions([model], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")


@pytest.mark.parametrize(("start", "expected"), RUNS.values(), ids=RUNS)
def test_runs_that_stay(
    instance: dg.DagsterInstance, start: Callable[[dg.DagsterInstance], str], expected: OldHistory
) -> None:
    run_id = start(instance)
    assert prune_history(instance, LATER) == expected
    assert run_ids(instance) == {run_id}


def test_a_deletion_that_is_cut_off_goes_on(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = materialize(instance, failing)

    def cut(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(instance, "delete_run", cut)
        with pytest.raises(KeyboardInterrupt):
            prune_history(instance, LATER)
    assert old_history(instance, LATER).run_ids == (run_id,)
    prune_history(instance, LATER)
    assert (run_ids(instance), instance.all_logs(run_id)) == (set(), [])


def test_old_ticks_go_and_the_sensor_keeps_its_cursor(stored: dg.DagsterInstance) -> None:
    location = RegisteredCodeLocationOrigin("loan_default_assets.definitions")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "sensor")
    data = SensorInstigatorData(cursor="here")
    sensor = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
    stored.add_instigator_state(sensor)
    for days in (1, 5, 6):
        time = (LATER - timedelta(days=days)).timestamp()
        stored.create_tick(
            TickData(
                origin.get_id(),
                "sensor",
                InstigatorType.SENSOR,
                TickStatus.SKIPPED,
                time,
                selector_id=sensor.selector_id,
            )
        )
    before = LATER - timedelta(days=3)
    assert old_history(stored, before) == OldHistory(ticks=2)
    assert prune_history(stored, before).ticks == 2
    assert old_history(stored, before) == OldHistory()
    assert len(stored.get_ticks(origin.get_id(), sensor.selector_id)) == 1
    (kept,) = stored.all_instigator_state()
    assert kept.instigator_data == data
