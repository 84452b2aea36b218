"""When to retrain: at most a few attempts an episode, then HOLD until something has changed."""

from dataclasses import dataclass, replace
from typing import Literal

from loan_default_assets.policy.hold import ends_hold, way_out
from loan_default_assets.policy.promotion import figures
from loan_default_assets.policy.state import Limits, State

Reason = Literal[
    "no_model",
    "insufficient_labels",
    "target_met",
    "target_missed",
    "forced",
    "no_new_labels",
    "run_in_flight",
    "run_failed",
    "cooldown",
    "hold",
]
Mode = Literal["head", "full", "repretrain"]


@dataclass(frozen=True)
class Retraining:
    """The attempt to start now.

    mode: fine-tune the champion's head; train anew from the pretrained encoder; pretrain anew, then train.
    seed_offset: added to the configured seed; no two finished trainings share it.
    """

    champion: str | None
    snapshot: str
    attempt: int
    mode: Mode
    seed_offset: int

    @property
    def run_key(self) -> str:
        """Identity of the attempt; a scheduler that has seen it starts nothing."""
        return f"retrain:{self.champion or 'none'}:{self.snapshot}:{self.attempt}"


@dataclass(frozen=True)
class Action:
    """What to do at this tick, and why.

    sentence: the reason in words. next: when it will next retrain. attempts: failed in the episode, in HOLD
    all of them. retraining: None to wait. alert_key: set from the moment an episode has failed until the next
    one has; one alert is due for each key, however often it is shown.
    """

    reason: Reason
    sentence: str
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
        """Whether somebody is to be told that an episode ended without a better model."""
        return self.alert_key is not None


@dataclass(frozen=True)
class _Breach:
    """A retraining is called for: why, in words, on which rows that was seen, and whether no training saw them."""

    reason: Reason
    sentence: str
    snapshot: str
    new: bool


def decide(state: State, limits: Limits) -> Action:
    """The action that the recorded facts call for; the same facts always give the same action.

    `forced` sets aside the target, the wait for new labels, the cooldown and HOLD; never a run in flight, a
    window too small to judge the outcome, or an attempt that has been made already.
    """
    hold = state.hold(limits)
    action = _action(state, limits)
    return replace(
        action,
        attempts=limits.max_attempts if hold else state.failed(limits),
        alert_key=f"hold:{state.parent or 'none'}:{hold.snapshot}"
        if hold and action.reason != "target_met"
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
    return {"state": name, "reason": action.sentence, "attempts": action.attempts, "next": action.next}


def _action(state: State, limits: Limits) -> Action:
    if state.running:
        return Action("run_in_flight", "A retraining is queued or running.", "After its verdict.")
    breach = _without_model(state) if state.first else _champion_missed(state, limits)
    if isinstance(breach, Action):
        return breach
    if state.forced:
        sentence = f"An operator asked for a retraining. {breach.sentence}"
        rows = state.snapshot or breach.snapshot
        return _start(state, limits, replace(breach, reason="forced", sentence=sentence, snapshot=rows))
    wait = _hold(state, limits, breach) or _labels(state, limits, breach) or _pause(state, limits, breach)
    return wait or _start(state, limits, breach)


def _without_model(state: State) -> _Breach | Action:
    missing = f"Champion {state.parent} cannot score these rows." if state.parent else "There is no model."
    if state.snapshot is None or state.labels == 0:
        return Action("no_model", f"{missing} There is no matured label.", "With the first matured labels.")
    return _Breach("no_model", missing, state.snapshot, not state.tried(state.snapshot))


def _champion_missed(state: State, limits: Limits) -> _Breach | Action:
    if not state.judged:
        sentence = f"Champion {state.parent} has not been judged."
        return Action("insufficient_labels", sentence, "After its first evaluation.")
    latest = state.judged[-1]
    if not latest.sufficient(limits):
        sentence = f"The window has {latest.rows} matured rows with {latest.positives} defaults."
        then = f"Once it has {limits.sample_threshold} rows with {limits.positive_threshold} defaults."
        return Action("insufficient_labels", sentence, then)
    met = latest.f1 >= limits.f1_threshold
    f1, target = figures(latest.f1, limits.f1_threshold)
    sentence = f"F1 {f1} of champion {state.parent} {'meets' if met else 'is below'} the target {target}."
    if met and not state.forced:
        return Action("target_met", sentence, f"When F1 falls below {target} on new labels.")
    # An evaluation that is older than the last training can belong to a champion that was rolled back to.
    fresh = latest.evaluated_at > state.finished[-1].created_at and not state.tried(latest.snapshot)
    return _Breach("target_missed", sentence, latest.snapshot, fresh)


def _hold(state: State, limits: Limits, breach: _Breach) -> Action | None:
    if state.hold(limits) is None or ends_hold(state, limits):
        return None
    sentence = f"{breach.sentence} {limits.max_attempts} attempts gave no better model."
    return Action("hold", sentence, way_out(state, limits))


def _labels(state: State, limits: Limits, breach: _Breach) -> Action | None:
    opens = state.failed(limits) == 0
    undecided = not opens and state.failures[-1].verdict == "insufficient_labels"
    missing = limits.sample_threshold - state.new_labels
    if (undecided or (opens and not state.first)) and missing > 0:
        sentence = f"{breach.sentence} {state.new_labels} labels have matured since the last training."
        then = f"When {missing} more have ({limits.sample_threshold} since the last training)."
        return Action("no_new_labels", sentence, then)
    if opens and not breach.new:
        sentence = f"{breach.sentence} That was judged before the last training, or on its rows."
        return Action("no_new_labels", sentence, "After an evaluation on rows that no training has seen.")
    return None


def _pause(state: State, limits: Limits, breach: _Breach) -> Action | None:
    if not state.finished or state.now >= (ready := state.finished[-1].created_at + limits.cooldown):
        return None
    hours = limits.cooldown.total_seconds() / 3600
    sentence = f"{breach.sentence} The last training is less than {hours:g} h old."
    return Action("cooldown", sentence, f"Not before {ready.isoformat(' ', 'minutes')}.")


def _start(state: State, limits: Limits, breach: _Breach) -> Action:
    attempt = state.failed(limits) + 1
    start = Retraining(
        champion=state.parent,
        snapshot=breach.snapshot,
        attempt=attempt,
        mode=_mode(state, limits, attempt),
        seed_offset=len(state.finished),
    )
    if state.made(start.snapshot, attempt):
        sentence = f"{breach.sentence} Attempt {attempt} on these rows has been made."
        return Action("no_new_labels", sentence, "When the rows have changed.")
    if start.run_key in state.ended_runs and not state.forced:
        sentence = f"{breach.sentence} The run of attempt {attempt} died before a verdict."
        return Action("run_failed", sentence, "With an evaluation on new rows, or by `loan-default retrain`.")
    then = f"Now: attempt {attempt} of {limits.max_attempts}."
    return Action(breach.reason, breach.sentence, then, retraining=start)


def _mode(state: State, limits: Limits, attempt: int) -> Mode:
    """The cheapest kind of training that can help and has not failed; the last kind is repeated."""
    if state.first:
        return "repretrain"
    # A head on an encoder that no longer tells defaults apart cannot either.
    kinds: tuple[Mode, ...] = ("full",) if state.ranks_worse(limits) else ("head", "full")
    return kinds[attempt - 1] if attempt <= len(kinds) else "repretrain"
