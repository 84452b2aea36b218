"""Where Dagster keeps its own tables: in the platform's database, in the schema `dagster`. Named in `dagster.yaml`."""

from typing import Any

import click
from dagster_postgres import DagsterPostgresStorage

from loan_default_assets.orchestration.dagster_internals import ConfigurableClassData, UserConfigSchema
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import dagster_url


class PlatformStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage under DATABASE_URL, so that `dagster dev` needs no other setting."""

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
