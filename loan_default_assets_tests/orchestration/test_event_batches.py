"""Dagster's events of a run over many partitions: stored in batches, and the same as one by one."""

import json
import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg2
import pytest
from sqlalchemy import exc

from loan_default_assets.orchestration.storage import BatchedEventLog, PlatformStorage
from loan_default_assets.warehouse.database import dagster_url

KEYS = [f"2024-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 29)]
DAILY = dg.StaticPartitionsDefinition(KEYS)


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
def rows(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    for key in context.partition_keys:
        if not key.endswith("7"):
            context.add_asset_metadata({"count": int(key[-2:])}, partition_key=key)
    yield dg.MaterializeResult()


@dg.asset(
    partitions_def=DAILY,
    deps=[rows],
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("good", asset="features")],
)
def features() -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


JOB = dg.Definitions(
    [rows, features], jobs=[dg.define_asset_job("both", selection=["rows", "features"])]
).resolve_job_def("both")


@pytest.fixture
def instance(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    home = tmp_path_factory.mktemp("dagster")
    storage = {"module": PlatformStorage.__module__, "class": "PlatformStorage", "config": {}}
    described = {"storage": {"custom": storage}, "telemetry": {"enabled": False}}
    (home / "dagster.yaml").write_text(json.dumps(described))
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def run(instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return JOB.execute_in_process(instance=instance, tags=tags)


def recorded(instance: dg.DagsterInstance, url: str) -> list[tuple[Any, ...]]:
    """Type, asset and partition of the asset events in the order of their numbers."""
    with (
        psycopg2.connect(dagster_url(url).replace("+psycopg2", "")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT dagster_event_type, asset_key, partition FROM event_logs WHERE asset_key IS NOT NULL ORDER BY id"
        )
        return list(cursor.fetchall())


def test_every_partition_is_planned_and_materialized_with_its_metadata(instance: dg.DagsterInstance) -> None:
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "1000"
    result = run(instance, KEYS[0], KEYS[-1])
    assert instance.get_materialized_partitions(dg.AssetKey("rows")) == set(KEYS)
    assert instance.get_materialized_partitions(dg.AssetKey("features")) == set(KEYS)
    records = instance.fetch_materializations(dg.AssetKey("rows"), limit=100).records
    counts = {
        record.partition_key: record.asset_materialization.metadata["count"].value
        for record in records
        if record.asset_materialization and "count" in record.asset_materialization.metadata
    }
    assert counts == {key: int(key[-2:]) for key in KEYS if not key.endswith("7")}
    for name in ("rows", "features"):
        planned = instance.get_latest_planned_materialization_info(dg.AssetKey(name), KEYS[3])
        assert planned is not None
        assert planned.run_id == result.run_id
        [record] = instance.get_asset_records([dg.AssetKey(name)])
        assert record.asset_entry.last_run_id == result.run_id


def test_batches_record_the_same_as_single_events(
    instance: dg.DagsterInstance, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, KEYS[0], KEYS[9])
    batched = recorded(instance, database_url)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    run(instance, KEYS[0], KEYS[9])
    assert recorded(instance, database_url)[len(batched) :] == batched
    assert len(batched) >= 40


def test_the_number_of_connections_does_not_grow_with_the_partitions(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    connect = psycopg2.connect

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal opened
        opened += 1
        return connect(*arguments, **options)

    monkeypatch.setattr(psycopg2, "connect", counted)
    counts = []
    for last in (KEYS[1], KEYS[-1]):
        opened = 0
        run(instance, KEYS[0], last)
        counts.append(opened)
    assert counts[1] <= counts[0] + 5


def test_a_failed_batch_is_stored_once(
    instance: dg.DagsterInstance, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster stores the events one by one after an error; none of the batch may have been stored before."""
    failures = iter([True])

    def failing(log: BatchedEventLog, connection: Any, event: dg.EventLogEntry, number: int) -> None:
        if next(failures, False):
            raise exc.OperationalError("statement", {}, Exception("connection lost"))
        original(log, connection, event, number)

    original = BatchedEventLog._store_asset_event
    monkeypatch.setattr(BatchedEventLog, "_store_asset_event", failing)
    run(instance, KEYS[0], KEYS[9])
    planned = [event for event in recorded(instance, database_url) if event[0].endswith("PLANNED")]
    assert len(planned) == len(set(planned)) == 20
