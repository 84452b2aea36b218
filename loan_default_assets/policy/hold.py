"""What ends a HOLD by itself: far more labels, or a champion that has fallen further."""

from datetime import datetime

from loan_default_assets.policy.state import Evaluation, Limits, State


def ends_hold(state: State, limits: Limits) -> bool:
    """Whether enough labels have matured since the last attempt, or two windows show a further fall."""
    return state.new_labels >= _labels_needed(state, limits) or _fell_twice(state, limits)


def way_out(state: State, limits: Limits) -> str:
    """When HOLD ends, as a sentence."""
    needed = _labels_needed(state, limits)
    more = f"When {needed - state.new_labels} more labels have matured ({needed} since the last attempt)"
    reference, _ = _since_hold(state, limits)
    fall = (
        f", when F1 lies {limits.hold_sds:g} standard deviations under {reference.f1:.3f} twice in a row"
        if reference
        else ""
    )
    return f"{more}{fall}, or by `loan-default retrain`."


def _labels_needed(state: State, limits: Limits) -> int:
    return limits.sample_threshold * 2 ** state.closed(limits)


def _fell_twice(state: State, limits: Limits) -> bool:
    """Whether two windows without a common day, and all between them, lie under the reference beyond chance."""
    reference, later = _since_hold(state, limits)
    if reference is None:
        return False
    for evaluation in reversed(later):
        if not evaluation.f1 < reference.f1 - limits.hold_sds * evaluation.deviation:
            return False
        if not evaluation.overlaps(later[-1]):
            return True
    return False


def _since_hold(state: State, limits: Limits) -> tuple[Evaluation | None, list[Evaluation]]:
    """The champion's last evaluation before HOLD, and those after it, oldest first.

    The first is the reference: what the attempts could not mend then is no news.
    """
    before, later = None, []
    closed_at, rows = _closing(state, limits)
    for evaluation in state.judged:
        if not evaluation.sufficient(limits):
            continue
        if evaluation.evaluated_at > closed_at and evaluation.snapshot != rows:
            later.append(evaluation)
        else:
            before = evaluation
    return before, later


def _closing(state: State, limits: Limits) -> tuple[datetime, str]:
    """When and on which rows the last attempt failed; the champion was judged on them by the same run."""
    hold = state.hold(limits)
    if hold is None:
        return state.now, ""
    own = [(e.evaluated_at, e.snapshot) for e in state.evaluations if e.version == hold.version]
    return max(own, default=(hold.created_at, hold.snapshot))
