"""The one place where the graph is assembled."""

import warnings
from collections.abc import Mapping
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
)
from loan_default_assets.orchestration import jobs, sensors
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings


def build_definitions(
    *,
    settings: Settings | None = None,
    portfolio: Portfolio | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """The graph of one portfolio.

    Args: settings, portfolio: those of the environment, where left out. resources: in place of the default ones,
    by name (`warehouse`, `models`, `attempt`).
    Raises: PortfolioError where the portfolio cannot be read.
    """
    # Backfill policies are marked beta; a line at every load of the code would hide the lines that matter.
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
        classifier_bento.build(portfolio, settings),
    ]
    started = jobs.build(portfolio)
    return dg.Definitions(
        assets=sensors.automated(portfolio, settings, assets),
        jobs=started,
        sensors=sensors.sensors(portfolio, settings, started),
        # A process a run, not one a step: the libraries are loaded once.
        executor=dg.in_process_executor,
        loggers={"console": jobs.console},
        resources={
            "warehouse": Warehouse(url=dg.EnvVar("DATABASE_URL")),
            "models": ModelStore(root=str(settings.models_root)),
            "attempt": Attempt.configure_at_launch(),
        }
        | dict(resources or {}),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads: the portfolio and settings of the environment."""
    return build_definitions()
