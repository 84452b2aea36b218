"""Brings the database up to this release: `sql/`, the portfolio's columns, Dagster's tables.

Runs before anything else starts, and changes nothing the second time. Also writes `dagster.yaml` to DAGSTER_HOME,
for the containers that share it.
"""

import sys

import click

from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.portfolio.spec import PortfolioError
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import WarehouseError

try:
    with open_session(Settings()) as session, dagster_instance(session) as instance:
        instance.upgrade()
        click.echo(f"{session.place} is ready for portfolio {session.portfolio.name}")
except (PortfolioError, WarehouseError) as error:
    sys.exit(f"error: {error}")
