"""The alert on a failed run: sent by a sensor for runs of the daemon, by the command for runs of its own process.

A command that is killed sends none; who finds its run dead does.
"""

from collections.abc import Iterable

import dagster as dg

from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.alert_outbox import AlertOutbox
from loan_default_assets.orchestration.alerts import Alert
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

FAILURE_SENSOR = "run_failure_alert"


def build(portfolio: Portfolio, settings: Settings) -> dg.SensorDefinition:
    """The sensor of a portfolio. Dagster shows it no run of a command, which has no code location."""

    @dg.run_failure_sensor(
        name=FAILURE_SENSOR,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.retrain_sensor_seconds,
        description="Sends an alert when a run fails and is not retried. "
        "Further failures of the same job and partition send none until it has succeeded.",
    )
    @reported
    def run_failure_alert(context: dg.RunFailureSensorContext, warehouse: Warehouse) -> None:
        outbox = AlertOutbox(lambda: warehouse.alert_log(portfolio), portfolio, settings, context.log)
        steps = (event.step_key for event in context.get_step_failure_events())
        send_failure(context.instance, context.dagster_run, steps, portfolio, settings, outbox)

    return run_failure_alert


def send_failure(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    steps: Iterable[str | None],
    portfolio: Portfolio,
    settings: Settings,
    outbox: AlertOutbox,
) -> None:
    """Send the alert on a failed run, whose key is the run: however often it is called, one alert is delivered.

    Args:
        instance: Where the run is recorded.
        run: The failed run.
        steps: Keys of its failed steps.
        portfolio: Whose run it is.
        settings: The port of Dagster's page.
        outbox: The way to ALERT_TO.

    Raises:
        WarehouseError: The outcome cannot be recorded; the alert may come twice.
    """
    if run_tracking.is_first_failure(instance, run):
        names = sorted({step or "" for step in steps})
        outbox.send(_alert(run, portfolio, settings, f"failed at {', '.join(names)}" if names else "failed"))


def send_dead(
    instance: dg.DagsterInstance, portfolio: Portfolio, settings: Settings, outbox: AlertOutbox
) -> None:
    """Send the alerts on runs of commands that were killed, each once, whichever process found them dead.

    Args:
        instance: Where the runs are recorded.
        portfolio: Whose runs.
        settings: The port of Dagster's page.
        outbox: The way to ALERT_TO.

    Raises:
        WarehouseError: An alert cannot be recorded; it is sent at the next call.
    """
    for run in run_tracking.unannounced(instance, portfolio.name):
        if run_tracking.is_first_failure(instance, run):
            outbox.send_once(_alert(run, portfolio, settings, "ended with its process, which was killed"))
        run_tracking.mark_announced(instance, run)


def _alert(run: dg.DagsterRun, portfolio: Portfolio, settings: Settings, how: str) -> Alert:
    partitions, work = run_tracking.partitions_of(run), run_tracking.work_of(run)
    return Alert(
        key=f"run:{run.run_id}",
        portfolio=portfolio.name,
        title=f"{portfolio.name}: a run failed",
        text=f"{work}{f', partition {partitions},' if partitions else ''} {how}; "
        f"http://127.0.0.1:{settings.dagster_port}/runs/{run.run_id}",
        kind="run_failed",
        subject=f"{work} {partitions}" if partitions else work,
    )
