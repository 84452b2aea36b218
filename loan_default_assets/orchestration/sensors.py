"""What happens without anybody asking: retraining, following new and stale partitions, alerts. All on by default."""

import json
from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from loan_default_assets.orchestration import alerts, automation_conditions, run_tracking
from loan_default_assets.orchestration.jobs import FINETUNE, TRAIN
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.policy.retraining import Action, Retraining, decide
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import retraining_facts

FOLLOW = "default_automation_condition_sensor"
RETRAINING_SENSOR = "retrain_on_f1_below_target"
FAILURES = "run_failure_alert"


def automated(
    portfolio: Portfolio, settings: Settings, assets: Sequence[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """The assets with their freshness policies and automation conditions."""
    policy = automation_conditions.freshness(portfolio, settings)
    wanted = automation_conditions.of(portfolio, settings)

    def with_automation(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.path[-1]
        if name not in wanted:
            return spec
        spec = spec.replace_attributes(automation_condition=wanted[name])
        return spec if policy is None else spec.replace_attributes(freshness_policy=policy)

    return [asset.map_asset_specs(with_automation) for asset in assets]


def sensors(
    portfolio: Portfolio, settings: Settings, jobs: list[UnresolvedAssetJobDefinition]
) -> list[dg.SensorDefinition]:
    """The three sensors of a portfolio."""
    return [
        _retraining(portfolio, settings, [job for job in jobs if job.name in (TRAIN, FINETUNE)]),
        dg.AutomationConditionSensorDefinition(
            FOLLOW,
            target=dg.AssetSelection.groups(portfolio.name),
            minimum_interval_seconds=settings.automation_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Features and evaluation follow new partitions; what is stale is made again, once.",
        ),
        _failures(portfolio, settings),
    ]


def request(start: Retraining) -> dg.RunRequest:
    """The run that makes this attempt; Dagster starts no second one under its key."""
    return dg.RunRequest(
        run_key=start.run_key,
        job_name=job_of(start),
        run_config={"resources": {"attempt": {"config": attempt_of(start)}}},
        tags={run_tracking.RETRAINING: start.run_key},
    )


def job_of(start: Retraining) -> str:
    """Only the third kind of attempt pretrains."""
    return TRAIN if start.mode == "repretrain" else FINETUNE


def attempt_of(start: Retraining) -> dict[str, str | int]:
    """The attempt as the assets are told of it."""
    mode = "head" if start.mode == "head" else "full"
    return {"number": start.attempt, "mode": mode, "seed_offset": start.seed_offset}


def _retraining(
    portfolio: Portfolio, settings: Settings, jobs: list[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=RETRAINING_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=settings.retrain_sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts an attempt when the recorded facts call for one, and tells of HOLD once.",
    )
    def retrain_on_f1_below_target(
        context: dg.SensorEvaluationContext, warehouse: Warehouse
    ) -> dg.SensorResult:
        found = run_tracking.trainings(context.instance, portfolio.name)
        state = retraining_facts.state(
            warehouse.database(portfolio), portfolio, running=found.running, ended_runs=found.ended
        )
        action = decide(state, retraining_facts.limits(settings))
        cursor = _told(context, portfolio, settings, action)
        if action.retraining is None:
            return dg.SensorResult(skip_reason=f"{action.sentence} Next: {action.next}", cursor=cursor)
        return dg.SensorResult(run_requests=[request(action.retraining)], cursor=cursor)

    return retrain_on_f1_below_target


def _told(
    context: dg.SensorEvaluationContext, portfolio: Portfolio, settings: Settings, action: Action
) -> str | None:
    """The cursor: the last alert that was delivered. An alert that did not arrive is due again at the next look."""
    told = json.loads(context.cursor or "{}").get("alerted")
    if action.alert_key is not None and action.alert_key != told:
        alert = alerts.Alert(
            key=action.alert_key,
            portfolio=portfolio.name,
            title=f"{portfolio.name}: retraining is on HOLD",
            text=f"{action.sentence} Next: {action.next}",
        )
        try:
            alerts.deliver(alert, _receiver(settings), context.log.warning)
            told = alert.key
        except alerts.AlertError as error:
            context.log.error(str(error))
    return json.dumps({"alerted": told}) if told else None


def _failures(portfolio: Portfolio, settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name=FAILURES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.retrain_sensor_seconds,
        description="Tells of a run that failed for good, once until the same run has succeeded.",
    )
    def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if not run_tracking.is_news(context.instance, run):
            return
        steps = sorted({event.step_key or "" for event in context.get_step_failure_events()})
        where = f" at {', '.join(steps)}" if steps else ""
        part = run_tracking.partitions_of(run)
        alert = alerts.Alert(
            key=f"run:{run.run_id}",
            portfolio=portfolio.name,
            title=f"{portfolio.name}: a run failed",
            text=f"{run.job_name}{f', partition {part}' if part else ''}, failed{where}; "
            f"http://127.0.0.1:{settings.dagster_port}/runs/{run.run_id}",
        )
        alerts.deliver(alert, _receiver(settings), context.log.warning)

    return run_failure_alert


def _receiver(settings: Settings) -> str | None:
    return settings.alert_to.get_secret_value() if settings.alert_to else None
