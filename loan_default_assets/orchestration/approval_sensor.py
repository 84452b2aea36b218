"""The sensor that carries out promotions whose last approval was given by an API key of the service."""

import dagster as dg

from loan_default_assets.limits import decision_policy
from loan_default_assets.orchestration.dagster_internals import UnresolvedAssetJobDefinition
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

APPROVAL_SENSOR = "promote_approved"


def build(
    portfolio: Portfolio, settings: Settings, promote: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """The sensor of a portfolio; it starts one run per proposal."""

    @dg.sensor(
        name=APPROVAL_SENSOR,
        job=promote,
        minimum_interval_seconds=settings.retrain_sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Carries out a promotion that has all its approvals, where the last one was given over HTTP. "
        "The service records approvals and has no key to sign a model with.",
    )
    @reported
    def promote_approved(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult:
        approved = warehouse.promotions(portfolio, decision_policy(settings)).approved()
        if not approved:
            return dg.SensorResult(skip_reason="No promotion has all its approvals.")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"promotion:{each.id}") for each in approved]
        )

    return promote_approved
