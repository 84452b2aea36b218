"""Alerts of commands on failed runs: their own, and those of commands that were killed."""

from collections.abc import Callable
from logging import getLogger

import dagster as dg

from loan_default_assets.commands.session import Session
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.alert_outbox import AlertOutbox
from loan_default_assets.orchestration.failure_alerts import send_dead, send_failure
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.database_errors import WarehouseError

_LOG = getLogger("loan_default")


def alert_failed(result: dg.ExecuteInProcessResult, session: Session, instance: dg.DagsterInstance) -> None:
    """Tell ALERT_TO, where it is set, of a run of this command, as the daemon does of its own runs."""
    steps = [event.step_key for event in result.all_events if event.is_step_failure]
    run, portfolio, settings = result.dagster_run, session.portfolio, session.settings
    _tell(session, lambda outbox: send_failure(instance, run, steps, portfolio, settings, outbox))


def fail_dead(session: Session, instance: dg.DagsterInstance) -> None:
    """Report the runs of killed commands as failed, and tell ALERT_TO of them once, where it is set."""
    run_tracking.fail_abandoned(instance)
    _tell(session, lambda outbox: send_dead(instance, session.portfolio, session.settings, outbox))


def _tell(session: Session, send: Callable[[AlertOutbox], None]) -> None:
    """What stops an alert is logged, and does not stop the command."""
    if session.settings.alert_to is None:
        return
    outbox = AlertOutbox(lambda: AlertLog(session.database), session.portfolio, session.settings, _LOG)
    try:
        send(outbox)
    except WarehouseError as error:
        _LOG.error(f"the alert cannot be recorded: {str(error).splitlines()[0]}")
