"""Runs of the graph in this process, recorded in the Dagster instance that the UI opens."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from loan_default_assets.commands import run_alerts
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.dagster_internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    keep_interrupts_from_output_copiers,
)

_INTERRUPTED = (dg.DagsterExecutionInterruptedError.__name__, KeyboardInterrupt.__name__)


def materialize(
    session: Session,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    job: str,
    *,
    partitions: Sequence[str] = (),
    attempt: dict[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Execute one run of a job; consecutive partitions share the run.

    Raises: CommandError with the reason of the first failed step, where the run fails and ALERT_TO was told;
        KeyboardInterrupt after Ctrl-C in a step, which Dagster reports as a failed one.
    """
    keep_interrupts_from_output_copiers()
    run_alerts.fail_dead(session, instance)
    tags = run_tracking.process_tags() | dict(tags or {})
    if len(partitions) > 1:
        tags |= {
            ASSET_PARTITION_RANGE_START_TAG: partitions[0],
            ASSET_PARTITION_RANGE_END_TAG: partitions[-1],
        }
    run_config: dict[str, Any] = {"loggers": {name: {} for name in definitions.loggers or {}}}
    if attempt:
        run_config["resources"] = {"attempt": {"config": attempt}}
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config=run_config,
        partition_key=partitions[0] if len(partitions) == 1 else None,
        tags=tags,
        raise_on_error=False,
    )
    if not result.success:
        if any(_is_interrupted(event) for event in result.all_events):
            raise KeyboardInterrupt
        run_alerts.alert_failed(result, session, instance)
        raise CommandError(_reason(result, session))
    return result


def _is_interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error if event.is_step_failure else None
    while error is not None:
        if error.cls_name in _INTERRUPTED:
            return True
        error = error.cause
    return False


def _reason(result: dg.ExecuteInProcessResult, session: Session) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            text = error.message.strip() if error is not None else (event.message or "")
            # Dagster prefixes the class path; the user needs the sentence after it.
            head, _, tail = text.partition(": ")
            return tail if tail and " " not in head else text
    return (
        f"run {result.run_id} failed; see it in the UI: loan-default up (portfolio {session.portfolio.name})"
    )
