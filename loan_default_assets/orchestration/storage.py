"""Where Dagster keeps its own tables: in the platform's database, in the schema `dagster`. Named in `dagster.yaml`."""

import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import click
from dagster import DagsterEventType, EventLogEntry
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from loan_default_assets.orchestration.dagster_internals import ConfigurableClassData, UserConfigSchema
from loan_default_assets.private_files import restrict_new_files
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import dagster_url

# Dagster reads the variable at every event, and stores the events of a run one at a time where it is unset.
_BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
_EVENTS_PER_BATCH = "1000"


class BatchedEventLog(PostgresEventLogStorage):
    """The event log with planned materializations stored in batches too.

    A run over a range of partitions plans one materialization per partition. `dagster_postgres` stores batches of
    materializations in one statement, but planned ones with two connections each.
    """

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in their order."""
        for planned, group in groupby(events, _is_planned):
            if planned:
                self._store_planned(list(group))
            else:
                super().store_event_batch(list(group))

    def _store_planned(self, events: Sequence[EventLogEntry]) -> None:
        # One transaction: Dagster stores the events one by one after an error, which must not store them twice.
        with self.index_transaction() as connection:
            insert = self.prepare_insert_event_batch(events)
            numbers = connection.execute(insert.returning(insert.table.c.id)).scalars().all()
            newest = {
                event.get_dagster_event().asset_key: (event, number)
                for event, number in zip(events, numbers, strict=True)
            }
            for event, number in newest.values():
                self._store_asset_event(connection, event, number)


class PlatformStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage under DATABASE_URL, so that `dagster dev` needs no other setting."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = BatchedEventLog(postgres_url)
        # Every process with an instance comes through here, however it was started.
        os.environ.setdefault(_BATCH_SIZE, _EVENTS_PER_BATCH)
        restrict_new_files()

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "PlatformStorage":
        given = Settings().database_url
        if given is None:
            raise click.ClickException(
                "DATABASE_URL is not set: run `loan-default up`, which brings its own PostgreSQL, or set DATABASE_URL"
            )
        return cls(dagster_url(given.get_secret_value()), inst_data=inst_data)


def _is_planned(event: EventLogEntry) -> bool:
    return event.get_dagster_event().event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED
