"""The job `prune` and its schedule, which exist only where RETENTION_SCHEDULE is set."""

from datetime import UTC, datetime

import dagster as dg

from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retention import Retention
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

PRUNE = "prune"


def build(portfolio: Portfolio, settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedule of the job, running by default; none where the setting is unset.

    Raises:
        DagsterInvalidDefinitionError: RETENTION_SCHEDULE is no cron schedule.
    """
    if settings.retention_schedule is None:
        return []

    @dg.op(description="Deletes what the settings RETENTION_* do not keep, but no Bentos.")
    def delete_old_data(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
        retention = Retention(
            settings,
            warehouse.database(portfolio),
            context.instance,
            datetime.now(UTC),
            own_run=context.run_id,
        )
        pruned = retention.prune(apply=True)
        context.add_output_metadata({each.kind: each.count or 0 for each in pruned})

    @dg.job(
        name=PRUNE,
        description="Retention: deletes old runs, models, predictions as the settings RETENTION_* say.",
        tags={PORTFOLIO: portfolio.name},
    )
    def prune() -> None:
        delete_old_data()

    return [
        dg.ScheduleDefinition(
            name=PRUNE,
            job=prune,
            cron_schedule=settings.retention_schedule,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ]
