"""`retrain`: an attempt started by an operator, under the same rule and identity as the sensor's."""

import dagster as dg

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.session import Session, definitions
from loan_default_assets.commands.status import retraining_action
from loan_default_assets.commands.warning_lines import version_warnings
from loan_default_assets.orchestration import run_tracking, sensors


def retrain(session: Session, instance: dg.DagsterInstance) -> str:
    """Train, evaluate, and promote or reject; a line on the outcome.

    Raises: CommandError where a training runs, no verdict would be possible, or the attempt has been made.
    """
    action = retraining_action(session, instance, forced=True)
    start = action.retraining
    if start is None:
        raise CommandError(f"{action.explanation} Nothing was started.\nNext: {action.next}")
    before = session.registry.champion()
    materialize(
        session,
        instance,
        definitions(session),
        sensors.job_name(start),
        attempt=sensors.attempt_config(start),
        tags={run_tracking.RETRAINING_TAG: start.run_key},
    )
    champion = session.registry.champion()
    if champion is not None and (before is None or champion.version != before.version):
        said = f"attempt {start.attempt}: {champion.version} is the champion. {champion.reason}"
        return "\n".join([said, *version_warnings(session, champion.version)])
    newest = next(record for record in session.registry.history() if record.kind == "classifier")
    said = f"attempt {start.attempt}: the champion stays. {newest.version} {newest.reason}"
    return "\n".join([said, *version_warnings(session, newest.version)])
