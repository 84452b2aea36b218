"""The sensor that sends an alert when partitions drift from the champion's training; it starts no run."""

import json
from collections.abc import Sequence

import dagster as dg

from loan_default_assets.orchestration.alert_outbox import AlertOutbox
from loan_default_assets.orchestration.alerts import Alert
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.pipeline.partition_drift import describe_check
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.drift_log import DriftCheck

DRIFT_SENSOR = "drift_alert"
_LISTED = 5


def build(portfolio: Portfolio, settings: Settings) -> dg.SensorDefinition:
    """The sensor of a portfolio."""

    @dg.sensor(
        name=DRIFT_SENSOR,
        minimum_interval_seconds=settings.automation_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends an alert when a partition drifts from the loans that the champion was trained on. "
        "One alert covers all partitions that are new since the last one, and none is sent twice. Of what was "
        "loaded before the promotion, only the newest partition counts.",
    )
    @reported
    def drift_alert(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SkipReason:
        champion = warehouse.registry(portfolio).champion()
        if champion is None:
            return dg.SkipReason("There is no champion yet.")
        drift_log = warehouse.drift_log(portfolio)
        outbox = AlertOutbox(lambda: warehouse.alert_log(portfolio), portfolio, settings, context.log)
        checks = drift_log.checks(champion.version)
        seen = json.loads(context.cursor or "{}")
        if checks and seen.get("champion") != champion.version:
            seen = {"champion": champion.version, "first_partition": first_counted(checks)}
            context.update_cursor(json.dumps(seen))
        due = due_checks([check for check in checks if check.partition_key >= seen["first_partition"]])
        if not due:
            outbox.send_due("drift")
            return dg.SkipReason("No partition has drifted since the last alert.")
        alert = _alert(portfolio, champion.version, due)
        outbox.send_due("drift", new=alert)
        if not outbox.is_delivered(alert.key):
            return dg.SkipReason("The alert could not be delivered; it is sent again at the next tick.")
        drift_log.mark_alerted(champion.version, [check.partition_key for check in due])
        return dg.SkipReason(alert.title)

    return drift_alert


def first_counted(checks: Sequence[DriftCheck]) -> str:
    """The partition from which on a new champion's checks count.

    A promotion compares every partition since the training at once. One of a hundred that differs by chance, or whose
    drift has ended, is no news.

    Args:
        checks: Every compared partition of the champion, in order of time; at least one.
    """
    # Where an alert was delivered, the champion is not new: the cursor was lost, or is from a release without one.
    return checks[0 if any(check.alerted for check in checks) else -1].partition_key


def due_checks(checks: Sequence[DriftCheck]) -> list[DriftCheck]:
    """The partitions to alert of: those with a drifted feature that the partition before did not have.

    Args:
        checks: Compared partitions of one model, in order of time.
    """
    due, before = [], set[str]()
    for check in checks:
        drifted = {each.name for each in check.drifted}
        if drifted - before and not check.alerted:
            due.append(check)
        before = drifted
    return due


def _alert(portfolio: Portfolio, version: str, due: Sequence[DriftCheck]) -> Alert:
    lines = [describe_check(check, portfolio) for check in due[-_LISTED:]]
    if len(due) > _LISTED:
        lines.append(f"... and {len(due) - _LISTED} earlier partitions")
    return Alert(
        key=f"drift:{version}:{due[-1].partition_key}",
        portfolio=portfolio.name,
        title=f"{portfolio.name}: loans drift from those that champion {version} was trained on",
        text="; ".join(lines) + ". No retraining starts because of it. Next: loan-default status",
        kind="drift",
        subject=due[-1].partition_key,
    )
