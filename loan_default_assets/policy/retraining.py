"""When to retrain: a limited number of attempts per episode, then HOLD until the facts have changed."""

from dataclasses import dataclass, replace
from typing import Literal

from loan_default_assets.policy.hold import ends_hold, hold_exit_conditions
from loan_default_assets.policy.promotion import format_distinct
from loan_default_assets.policy.state import Limits, State

Reason = Literal[
    "no_model",
    "insufficient_labels",
    "target_met",
    "target_missed",
    "forced",
    "no_new_labels",
    "run_in_flight",
    "approval_pending",
    "run_failed",
    "cooldown",
    "hold",
]
Mode = Literal["head", "full", "repretrain"]


@dataclass(frozen=True)
class Retraining:
    """The attempt to start now.

    Attributes:
        champion: Version that the new model challenges; None without a champion.
        snapshot: Hash of the rows that call for the attempt.
        attempt: Number within the episode, from 1.
        mode: "head" fine-tunes the champion's head, "full" trains from the pretrained encoder, "repretrain" pretrains
            and trains from scratch.
        seed_offset: Added to the configured seed; different for every finished training.
    """

    champion: str | None
    snapshot: str
    attempt: int
    mode: Mode
    seed_offset: int

    @property
    def run_key(self) -> str:
        """Identity of the attempt; Dagster starts at most one run per key."""
        return f"retrain:{self.champion or 'none'}:{self.snapshot}:{self.attempt}"


@dataclass(frozen=True)
class Action:
    """What to do at this tick, and why.

    Attributes:
        reason: Code of the reason.
        explanation: The reason as sentences with figures.
        next: When the next retraining starts, as a sentence.
        attempts: Failed attempts of the episode; in HOLD the maximum.
        retraining: The attempt to start; None to wait.
        alert_key: Set from the end of a failed episode until the first failure of the next one. One alert is due
            per key.
    """

    reason: Reason
    explanation: str
    next: str
    attempts: int = 0
    retraining: Retraining | None = None
    alert_key: str | None = None

    @property
    def kind(self) -> Literal["wait", "retrain"]:
        """Whether a run is to be started."""
        return "retrain" if self.retraining else "wait"

    @property
    def alert(self) -> bool:
        """Whether operators are to be alerted that an episode ended without a better model."""
        return self.alert_key is not None


@dataclass(frozen=True)
class _RetrainingNeed:
    """Why a retraining is needed.

    Attributes:
        reason: Code of the reason.
        explanation: The reason as sentences.
        snapshot: Hash of the rows on which the need was observed.
        on_unused_rows: Whether no training has used these rows.
    """

    reason: Reason
    explanation: str
    snapshot: str
    on_unused_rows: bool


def decide(state: State, limits: Limits) -> Action:
    """The action for the recorded facts; equal facts give equal actions.

    `state.forced` overrides a promotion that waits, the target, the wait for new labels, the cooldown and HOLD. It
    never overrides a run in flight, a window too small for a verdict, or an attempt that is already finished.

    Args:
        state: The recorded facts.
        limits: The limits of the policy.

    Returns:
        The attempt to start or the reason to wait, and the key of a due alert.
    """
    closing = state.closing_attempt(limits)
    action = _action(state, limits)
    return replace(
        action,
        attempts=limits.max_attempts if closing else state.open_episode_failures(limits),
        alert_key=f"hold:{state.champion_version or 'none'}:{closing.snapshot}"
        if closing and action.reason != "target_met"
        else None,
    )


def status(action: Action) -> dict[str, str | int]:
    """The `retraining` object of `loan-default status --json`."""
    if action.retraining or action.reason == "run_in_flight":
        name = "RETRAINING"
    elif action.alert:
        name = "HOLD"
    else:
        names = {"target_met": "OK", "no_model": "NO_MODEL", "insufficient_labels": "INSUFFICIENT_LABELS"}
        name = names.get(action.reason, "WAITING")
    return {"state": name, "reason": action.explanation, "attempts": action.attempts, "next": action.next}


def _action(state: State, limits: Limits) -> Action:
    if state.running:
        return Action("run_in_flight", "A retraining is queued or running.", "After its verdict.")
    if state.awaiting_approval and not state.forced:
        waiting = f"The promotion of {state.awaiting_approval} waits for approval."
        return Action("approval_pending", waiting, "After it was approved or declined.")
    need = _need_of_a_model(state) if state.no_usable_champion else _need_below_target(state, limits)
    if isinstance(need, Action):
        return need
    if state.forced:
        explanation = f"An operator requested a retraining. {need.explanation}"
        snapshot = state.snapshot or need.snapshot
        return _start(
            state, limits, replace(need, reason="forced", explanation=explanation, snapshot=snapshot)
        )
    wait = (
        _wait_in_hold(state, limits, need)
        or _wait_for_labels(state, limits, need)
        or _wait_for_cooldown(state, limits, need)
    )
    return wait or _start(state, limits, need)


def _need_of_a_model(state: State) -> _RetrainingNeed | Action:
    version = state.champion_version
    missing = f"Champion {version} cannot score these rows." if version else "There is no champion."
    if state.snapshot is None or state.labels == 0:
        return Action(
            "no_model", f"{missing} There are no matured labels.", "When the first labels have matured."
        )
    return _RetrainingNeed("no_model", missing, state.snapshot, not state.was_trained_on(state.snapshot))


def _need_below_target(state: State, limits: Limits) -> _RetrainingNeed | Action:
    version = state.champion_version
    if not state.champion_evaluations:
        explanation = f"Champion {version} has not been evaluated."
        return Action("insufficient_labels", explanation, "After its first evaluation.")
    latest = state.champion_evaluations[-1]
    if not latest.is_sufficient(limits):
        explanation = (
            f"The evaluation window has {latest.rows} matured rows with {latest.positives} defaults."
        )
        then = f"When it has {limits.sample_threshold} rows with {limits.positive_threshold} defaults."
        return Action("insufficient_labels", explanation, then)
    met = latest.f1 >= limits.f1_threshold
    f1, target = format_distinct(latest.f1, limits.f1_threshold)
    explanation = f"F1 {f1} of champion {version} {'meets' if met else 'is below'} the target {target}."
    if met and not state.forced:
        return Action("target_met", explanation, f"When F1 falls below {target} on new labels.")
    # An evaluation that is older than the last training can belong to a champion that was rolled back to.
    unused = latest.evaluated_at > state.finished[-1].created_at and not state.was_trained_on(latest.snapshot)
    return _RetrainingNeed("target_missed", explanation, latest.snapshot, unused)


def _wait_in_hold(state: State, limits: Limits, need: _RetrainingNeed) -> Action | None:
    if state.closing_attempt(limits) is None or ends_hold(state, limits):
        return None
    explanation = f"{need.explanation} {limits.max_attempts} attempts produced no better model."
    return Action("hold", explanation, hold_exit_conditions(state, limits))


def _wait_for_labels(state: State, limits: Limits, need: _RetrainingNeed) -> Action | None:
    first_attempt = state.open_episode_failures(limits) == 0
    undecided = not first_attempt and state.failed_attempts[-1].verdict == "insufficient_labels"
    missing = limits.sample_threshold - state.new_labels
    if (undecided or (first_attempt and not state.no_usable_champion)) and missing > 0:
        explanation = f"{need.explanation} {state.new_labels} labels have matured since the last training."
        then = f"After {missing} more matured labels ({limits.sample_threshold} since the last training)."
        return Action("no_new_labels", explanation, then)
    if first_attempt and not need.on_unused_rows:
        explanation = f"{need.explanation} The last training came after this evaluation or used its rows."
        return Action("no_new_labels", explanation, "After an evaluation on rows that no training has used.")
    return None


def _wait_for_cooldown(state: State, limits: Limits, need: _RetrainingNeed) -> Action | None:
    if not state.finished or state.now >= (ready := state.finished[-1].created_at + limits.cooldown):
        return None
    hours = limits.cooldown.total_seconds() / 3600
    explanation = f"{need.explanation} The last training is less than {hours:g} h old."
    return Action("cooldown", explanation, f"When the cooldown ends, at {ready.isoformat(' ', 'minutes')}.")


def _start(state: State, limits: Limits, need: _RetrainingNeed) -> Action:
    attempt = state.open_episode_failures(limits) + 1
    start = Retraining(
        champion=state.champion_version,
        snapshot=need.snapshot,
        attempt=attempt,
        mode=_mode(state, limits, attempt),
        seed_offset=len(state.finished),
    )
    if state.has_finished_attempt(start.snapshot, attempt):
        explanation = f"{need.explanation} Attempt {attempt} on these rows is already finished."
        return Action("no_new_labels", explanation, "When the rows have changed.")
    if start.run_key in state.ended_runs and not state.forced:
        explanation = f"{need.explanation} The run of attempt {attempt} ended without a verdict."
        return Action(
            "run_failed", explanation, "After an evaluation on new rows, or by `loan-default retrain`."
        )
    then = f"Now: attempt {attempt} of {limits.max_attempts}."
    return Action(need.reason, need.explanation, then, retraining=start)


def _mode(state: State, limits: Limits, attempt: int) -> Mode:
    """The cheapest mode that can help and has not failed; the last mode is repeated."""
    if state.no_usable_champion:
        return "repretrain"
    # A new head cannot restore discrimination that the encoder has lost.
    modes: tuple[Mode, ...] = ("full",) if state.discriminates_worse(limits) else ("head", "full")
    return modes[attempt - 1] if attempt <= len(modes) else "repretrain"
