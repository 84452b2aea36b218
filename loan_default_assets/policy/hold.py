"""When HOLD ends without an operator: enough new labels, or a further fall of the champion's F1."""

from datetime import datetime

from loan_default_assets.policy.state import Evaluation, Limits, State


def ends_hold(state: State, limits: Limits) -> bool:
    """Whether enough labels have matured since the last attempt, or two windows show a further fall of F1."""
    return state.new_labels >= _labels_needed(state, limits) or _f1_fell_twice(state, limits)


def hold_exit_conditions(state: State, limits: Limits) -> str:
    """The conditions that end HOLD, as a sentence."""
    needed = _labels_needed(state, limits)
    labels = f"After {needed - state.new_labels} more matured labels ({needed} since the last attempt)"
    reference, _ = _split_at_hold(state, limits)
    fall = (
        f", when F1 is {limits.hold_sds:g} standard deviations below {reference.f1:.3f} in two consecutive windows"
        if reference
        else ""
    )
    return f"{labels}{fall}, or by `loan-default retrain`."


def _labels_needed(state: State, limits: Limits) -> int:
    return limits.sample_threshold * 2 ** state.failed_episodes(limits)


def _f1_fell_twice(state: State, limits: Limits) -> bool:
    """Whether two windows without a common day, and all between them, lie significantly below the reference."""
    reference, later = _split_at_hold(state, limits)
    if reference is None:
        return False
    for evaluation in reversed(later):
        if not evaluation.f1 < reference.f1 - limits.hold_sds * evaluation.f1_sd:
            return False
        if not evaluation.overlaps(later[-1]):
            return True
    return False


def _split_at_hold(state: State, limits: Limits) -> tuple[Evaluation | None, list[Evaluation]]:
    """The champion's last evaluation before HOLD, and those after it, oldest first.

    The first is the reference: an F1 as low as that already led to the failed attempts and starts no more.
    """
    reference, later = None, []
    entered_at, snapshot = _hold_entry(state, limits)
    for evaluation in state.champion_evaluations:
        if not evaluation.is_sufficient(limits):
            continue
        if evaluation.evaluated_at > entered_at and evaluation.snapshot != snapshot:
            later.append(evaluation)
        else:
            reference = evaluation
    return reference, later


def _hold_entry(state: State, limits: Limits) -> tuple[datetime, str]:
    """When and on which rows the last attempt failed; the same run evaluated the champion on them."""
    closing = state.closing_attempt(limits)
    if closing is None:
        return state.now, ""
    own = [(e.evaluated_at, e.snapshot) for e in state.evaluations if e.version == closing.version]
    return max(own, default=(closing.created_at, closing.snapshot))
