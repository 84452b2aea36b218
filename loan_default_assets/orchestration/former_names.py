"""Names of the release before this one, and the sensor state that Dagster recorded under them."""

import dagster as dg

from loan_default_assets.orchestration.dagster_internals import (
    InstigatorState,
    InstigatorType,
    RemoteInstigatorOrigin,
)

# Present name by former name. `sensors` and `jobs` define the present names.
SENSORS = {
    "retrain_when_f1_falls": "retrain_on_f1_below_target",
    "follow_new_and_stale": "default_automation_condition_sensor",
    "tell_of_failed_runs": "run_failure_alert",
}
JOBS = {"retrain": "finetune", "judge": "evaluate"}


def carry_over(instance: dg.DagsterInstance) -> list[str]:
    """Copy the state of each former sensor to its present name, in every code location that recorded one.

    Dagster records by name whether an operator stopped or started a sensor, and its cursor; without a copy, a stopped
    sensor would start and the last alert would be sent again. A state under the present name is never overwritten,
    and the former one remains, so repeated calls change nothing.

    Args:
        instance: The Dagster instance, before its daemon starts.

    Returns:
        The present names that received a state.
    """
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    recorded = {state.selector_id for state in states}
    copied = []
    for state in states:
        present = SENSORS.get(state.instigator_name)
        if present is None:
            continue
        renamed = InstigatorState(
            RemoteInstigatorOrigin(repository_origin=state.origin.repository_origin, instigator_name=present),
            state.instigator_type,
            state.status,
            state.instigator_data,
        )
        if renamed.selector_id in recorded:
            continue
        try:
            instance.add_instigator_state(renamed)
        except dg.DagsterInvariantViolationError:
            # Another process recorded a state since `states` was read.
            continue
        copied.append(present)
    return copied
