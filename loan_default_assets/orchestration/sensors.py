"""The sensors of a portfolio: retraining, approved promotions, automation conditions, new rows, and alerts.

All run by default.
"""

import json
from collections.abc import Sequence
from logging import Logger

import dagster as dg

from loan_default_assets.limits import retraining_limits
from loan_default_assets.orchestration import (
    approval_sensor,
    automation_conditions,
    drift_alerts,
    failure_alerts,
    new_rows_sensor,
    run_tracking,
)
from loan_default_assets.orchestration.alert_outbox import AlertOutbox
from loan_default_assets.orchestration.alerts import Alert
from loan_default_assets.orchestration.dagster_internals import UnresolvedAssetJobDefinition
from loan_default_assets.orchestration.jobs import FINETUNE, INGEST, PROMOTE, TRAIN
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.policy.retraining import Action, Retraining, decide
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import retraining_facts

RETRAINING_SENSOR = "retrain_on_f1_below_target"
AUTOMATION_SENSOR = "default_automation_condition_sensor"


def with_automation(
    portfolio: Portfolio, settings: Settings, assets: Sequence[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """The assets with their freshness policies and automation conditions."""
    freshness_policy = automation_conditions.freshness_policy(portfolio, settings)
    conditions = automation_conditions.conditions(portfolio, settings)

    def automate(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.path[-1]
        if name not in conditions:
            return spec
        spec = spec.replace_attributes(automation_condition=conditions[name])
        if freshness_policy is None:
            return spec
        return spec.replace_attributes(freshness_policy=freshness_policy)

    return [asset.map_asset_specs(automate) for asset in assets]


def build(
    portfolio: Portfolio, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> list[dg.SensorDefinition]:
    """The five sensors of a portfolio, and a sixth one where its source is watched for new rows."""
    return [
        _retraining_sensor(portfolio, settings, [job for job in jobs if job.name in (TRAIN, FINETUNE)]),
        dg.AutomationConditionSensorDefinition(
            AUTOMATION_SENSOR,
            target=dg.AssetSelection.groups(portfolio.name),
            minimum_interval_seconds=settings.automation_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Materializes features and the evaluation when new partitions of their inputs arrive. "
            "Rematerializes assets that are stale by their freshness policy.",
        ),
        failure_alerts.build(portfolio, settings),
        drift_alerts.build(portfolio, settings),
        approval_sensor.build(portfolio, settings, next(job for job in jobs if job.name == PROMOTE)),
        *new_rows_sensor.build(portfolio, settings, next(job for job in jobs if job.name == INGEST)),
    ]


def run_request(start: Retraining) -> dg.RunRequest:
    """The run of an attempt; Dagster starts no second one under its key."""
    return dg.RunRequest(
        run_key=start.run_key,
        job_name=job_name(start),
        run_config={"resources": {"attempt": {"config": attempt_config(start)}}},
        tags={run_tracking.RETRAINING_TAG: start.run_key},
    )


def job_name(start: Retraining) -> str:
    """The job of an attempt: only the mode "repretrain" begins with the encoder."""
    return TRAIN if start.mode == "repretrain" else FINETUNE


def attempt_config(start: Retraining) -> dict[str, str | int]:
    """The configuration of the `attempt` resource."""
    mode = "head" if start.mode == "head" else "full"
    return {"number": start.attempt, "mode": mode, "seed_offset": start.seed_offset}


def _retraining_sensor(
    portfolio: Portfolio, settings: Settings, jobs: list[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=RETRAINING_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=settings.retrain_sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a retraining when the champion's F1 is below the target and the policy allows an attempt. "
        "Sends one alert when the policy enters HOLD.",
    )
    @reported
    def retrain_on_f1_below_target(
        context: dg.SensorEvaluationContext, warehouse: Warehouse
    ) -> dg.SensorResult:
        trainings = run_tracking.trainings(context.instance, portfolio.name)
        state = retraining_facts.state(
            warehouse.database(portfolio),
            portfolio,
            max_rows=settings.training_max_rows,
            running=trainings.running,
            ended_runs=trainings.ended_runs,
        )
        action = decide(state, retraining_limits(settings))
        outbox = _outbox(warehouse, portfolio, settings, context.log)
        cursor = _alert_on_hold(context, portfolio, outbox, action, state.champion_version or "none")
        failure_alerts.send_dead(context.instance, portfolio, settings, outbox)
        if action.retraining is None:
            return dg.SensorResult(skip_reason=f"{action.explanation} Next: {action.next}", cursor=cursor)
        return dg.SensorResult(run_requests=[run_request(action.retraining)], cursor=cursor)

    return retrain_on_f1_below_target


def _alert_on_hold(
    context: dg.SensorEvaluationContext,
    portfolio: Portfolio,
    outbox: AlertOutbox,
    action: Action,
    champion: str,
) -> str | None:
    """The new cursor: the key of the last delivered alert. An alert that fails is sent again at the next tick."""
    delivered = json.loads(context.cursor or "{}").get("alerted")
    if action.alert_key is None or action.alert_key == delivered:
        outbox.send_due("hold", "run_failed")
    else:
        alert = Alert(
            key=action.alert_key,
            portfolio=portfolio.name,
            title=f"{portfolio.name}: retraining is on HOLD",
            text=f"{action.explanation} Next: {action.next}",
            kind="hold",
            subject=champion,
        )
        outbox.send_due("hold", "run_failed", new=alert)
        if outbox.is_delivered(alert.key):
            delivered = alert.key
    return json.dumps({"alerted": delivered}) if delivered else None


def _outbox(warehouse: Warehouse, portfolio: Portfolio, settings: Settings, logger: Logger) -> AlertOutbox:
    return AlertOutbox(lambda: warehouse.alert_log(portfolio), portfolio, settings, logger)
