"""Assembly of the asset graph: assets, jobs, sensors and resources of one portfolio."""

import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from loan_default_assets.assets import (
    champion,
    classifier,
    classifier_bento,
    evaluation,
    pretrained_encoder,
    processed_features,
    raw_loans,
    scored_loans,
)
from loan_default_assets.garbage import collect_rarely
from loan_default_assets.orchestration import jobs, retention_job, sensors, tuning_job
from loan_default_assets.orchestration.asset_catalog import with_catalog
from loan_default_assets.orchestration.partitions import with_history
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.process_output import keep_values_out
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loans import Loans


def build_definitions(
    *,
    settings: Settings | None = None,
    portfolio: Portfolio | None = None,
    resources: Mapping[str, Any] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Build the graph of one portfolio.

    Args:
        settings: Those of the environment, when omitted.
        portfolio: The one that the settings name, when omitted.
        resources: Replacements of the default resources by name (`warehouse`, `models`, `attempt`).
        loggers: Further loggers of runs by name, besides `console`.

    Returns:
        The definitions that Dagster loads.

    Raises:
        PortfolioError: The portfolio cannot be read or is inconsistent.
    """
    # Backfill policies are beta in Dagster; a warning per load of the code would bury the other lines of the log.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    settings = settings or Settings()
    portfolio = portfolio or load(settings.portfolio, source=settings.loan_source)
    assets = [
        raw_loans.build(portfolio),
        processed_features.build(portfolio),
        pretrained_encoder.build(portfolio, settings),
        classifier.build(portfolio, settings),
        evaluation.build(portfolio, settings),
        champion.build(portfolio, settings),
        scored_loans.build(portfolio, settings),
        classifier_bento.build(portfolio, settings),
    ]
    asset_jobs = jobs.build(portfolio)
    return dg.Definitions(
        assets=sensors.with_automation(
            portfolio, settings, with_catalog(portfolio, settings.portfolio, assets)
        ),
        jobs=[*asset_jobs, tuning_job.build(portfolio, settings)],
        schedules=retention_job.build(portfolio, settings),
        sensors=sensors.build(portfolio, settings, asset_jobs),
        # One process per run instead of one per step: the libraries are loaded once.
        executor=dg.in_process_executor,
        loggers={"console": jobs.console} | dict(loggers or {}),
        resources={
            "warehouse": Warehouse(url=dg.EnvVar("DATABASE_URL")),
            "models": ModelStore.of(settings),
            "attempt": Attempt.configure_at_launch(),
        }
        | dict(resources or {}),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `workspace.yaml` names: the portfolio and settings of the environment.

    Raises:
        PortfolioError: The portfolio cannot be read or is inconsistent.
        NewerDatabase: A newer release has migrated its tables.
    """
    # Dagster's own processes import this, and write what is logged here into files.
    keep_values_out()
    collect_rarely()
    settings = Settings()
    portfolio = load(settings.portfolio, source=settings.loan_source)
    if settings.database_url:
        database = Database(settings.database_url.get_secret_value(), portfolio.name)
        database.refuse_newer()
        portfolio = with_history(portfolio, _first_stored(database, portfolio), date.today())
    return build_definitions(settings=settings, portfolio=portfolio)


def _first_stored(database: Database, portfolio: Portfolio) -> str | None:
    try:
        return Loans(database, portfolio).first_partition()
    except WarehouseError:
        # What needs the database later reports that it cannot be reached.
        return None
