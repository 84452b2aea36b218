"""The retraining policy over 10,000 random events, and broken policies over the same events."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loan_default_assets.policy.retraining import Action, decide
from loan_default_assets.policy.state import Evaluation, Limits, Model, State
from loan_default_assets_tests.policy.world import Decide, World

F1 = st.sampled_from([0.2, 0.4, 0.43, 0.46, 0.5, 0.55, 0.79, 0.8, 0.9])
LOW = st.sampled_from([-0.1, -0.1, -0.1, -0.004, 0.01])
SHARE = st.sampled_from([5, 5, 20])  # one in 20 of 1,000 rows: too few defaults for a verdict
LABELS = st.sampled_from([-300, 0, 7, 400, 1000, 1000, 2500, 9000])


def machine(decide: Decide, seen: Counter[str]) -> type[RuleBasedStateMachine]:
    """The events of a platform under the policy `decide`; `seen` counts events and reasons."""

    class PolicyMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.world = World(decide, Limits())

        def running(self) -> bool:
            return bool(self.world.runs)

        @initialize(count=st.sampled_from([0, 800, 3000]))
        def start(self, count: int) -> None:
            if count:
                self.world.arrive(count)

        @rule(hours=st.sampled_from([2, 22]), count=LABELS, f1=F1, evaluated=st.booleans(), share=SHARE)
        def hours_pass(self, hours: int, count: int, f1: float, evaluated: bool, share: int) -> None:
            self.world.wait(timedelta(hours=hours))
            self.world.arrive(count)
            if evaluated:
                self.world.evaluate(f1, share=share)
            self.world.tick()

        @rule(f1=F1, share=SHARE)
        def evaluate(self, f1: float, share: int) -> None:
            self.world.evaluate(f1, share=share)

        @rule(times=st.integers(1, 3))
        def tick(self, times: int) -> None:
            for _ in range(times):
                self.world.tick()

        @rule()
        def force(self) -> None:
            self.world.tick(forced=True)

        @precondition(running)
        @rule()
        def train(self) -> None:
            self.world.register()

        @precondition(running)
        @rule(f1=F1, champion_f1=F1, low=LOW, share=SHARE)
        def finish(self, f1: float, champion_f1: float, low: float, share: int) -> None:
            verdict = self.world.finish(f1, champion_f1, low, share)
            seen[verdict.decision] += 1

        @precondition(running)
        @rule(trained=st.booleans(), given_up=st.booleans())
        def crash(self, trained: bool, given_up: bool) -> None:
            if trained:
                self.world.register()
            self.world.crash(given_up=given_up)

        @rule(count=LABELS, f1=F1, attempts=st.integers(1, 4))
        def fail_for_days(self, count: int, f1: float, attempts: int) -> None:
            self.world.arrive(count)
            self.world.evaluate(f1)
            for _ in range(attempts):
                if self.world.runs:
                    seen[self.world.finish(0.1, f1, -0.5).decision] += 1
                self.world.wait(timedelta(hours=24))
                self.world.tick()

        @rule(weeks=st.lists(st.tuples(st.sampled_from([500, 1000]), F1), min_size=2, max_size=4))
        def weeks_pass(self, weeks: list[tuple[int, float]]) -> None:
            for count, f1 in weeks:
                self.world.wait(timedelta(days=7))
                self.world.arrive(count)
                self.world.evaluate(f1)
                self.world.tick()

        @precondition(lambda self: self.world.champion is not None)
        @rule(data=st.data())
        def operator_promotes(self, data: st.DataObject) -> None:
            versions = [m.version for m in self.world.models.values() if m.status in ("retired", "rejected")]
            if versions:
                self.world.promote(data.draw(st.sampled_from(versions)))
                seen["operator"] += 1

        @rule(really=st.sampled_from([False, False, False, True]))
        def change_portfolio(self, really: bool) -> None:
            if really:
                self.world.change_portfolio()

        @invariant()
        def invariants_hold(self) -> None:
            self.world.check()
            seen["steps"] += 1

        def teardown(self) -> None:
            seen.update(self.world.reasons)
            seen["holds"] += self.world.ledger.holds

    return PolicyMachine


def simulate(decide: Decide, examples: int) -> Counter[str]:
    """Run the machine deterministically; counts of events and reasons. AssertionError: a violated invariant."""
    seen: Counter[str] = Counter()
    run_state_machine_as_test(
        machine(decide, seen),
        settings=settings(
            max_examples=examples,
            stateful_step_count=100,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return seen


def test_the_invariants_hold_for_ten_thousand_events() -> None:
    # What Hypothesis draws depends on the modules that other tests have loaded: more examples than 10,000 steps need.
    seen = simulate(decide, 300)
    assert seen["steps"] >= 10_000
    unvisited = {"hold", "cooldown", "run_failed", "target_missed", "approved", "provisional"} - seen.keys()
    assert not unvisited


def altered(**facts: Callable[[State], Any]) -> Decide:
    """`decide` with some facts altered."""
    return lambda state, limits: decide(
        replace(state, **{name: value(state) for name, value in facts.items()}), limits
    )


def limited(**values: Any) -> Decide:
    """`decide` with other limits."""
    return lambda state, limits: decide(state, replace(limits, **values))


def models(**values: Callable[[Model], Any]) -> Decide:
    """`decide` with the registry altered."""
    return altered(
        models=lambda state: tuple(
            replace(model, **{name: value(model) for name, value in values.items()}) for model in state.models
        )
    )


def evaluations(**values: Callable[[Evaluation], Any]) -> Decide:
    """`decide` with the evaluations altered."""
    return altered(
        evaluations=lambda state: tuple(
            replace(evaluation, **{name: value(evaluation) for name, value in values.items()})
            for evaluation in state.evaluations
        )
    )


def same_seed(state: State, limits: Limits) -> Action:
    action = decide(state, limits)
    return replace(action, retraining=action.retraining and replace(action.retraining, seed_offset=0))


def alert_every_tick(state: State, limits: Limits) -> Action:
    action = decide(state, limits)
    return replace(action, alert_key=action.alert_key and f"{action.alert_key}:{state.now}")


def no_hold(state: State, limits: Limits) -> Action:
    """`decide` without the failed episodes, but with the time and labels of the last training."""
    closed = state.failed_attempts[: state.failed_episodes(limits) * limits.max_attempts]
    kept = tuple(replace(model, parent="another") if model in closed else model for model in state.models)
    return decide(replace(state, models=kept), limits)


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        pytest.param(altered(running=lambda _: ()), "in flight|used before", id="ignores the run in flight"),
        pytest.param(
            altered(ended_runs=lambda _: frozenset()),
            "used before",
            id="repeats a run that ended without a verdict",
        ),
        pytest.param(altered(forced=lambda _: True), "although|within|without", id="always forces"),
        pytest.param(limited(max_attempts=10**6), "too many attempts", id="no cap on attempts"),
        pytest.param(limited(cooldown=timedelta(0)), "within the cooldown", id="no cooldown"),
        pytest.param(limited(f1_threshold=1.01), "the target is met", id="no target"),
        pytest.param(
            evaluations(rows=lambda _: 10**6, positives=lambda _: 10**6),
            "few labels",
            id="accepts any window",
        ),
        pytest.param(evaluations(window_to=lambda _: date.min), "HOLD ended", id="one low window ends HOLD"),
        pytest.param(no_hold, "HOLD ended|repeated attempt|used before", id="no HOLD"),
        pytest.param(
            models(labels=lambda _: 0), "without new labels|HOLD ended", id="never deducts used labels"
        ),
        pytest.param(
            models(snapshot=lambda m: m.version),
            "new rows|repeated attempt|used before",
            id="forgets the training snapshots",
        ),
        pytest.param(
            models(promoted_at=lambda _: None),
            "wrong count|without a failed",
            id="counts attempts before the last promotion",
        ),
        pytest.param(models(usable=lambda _: True), "without a failed|wrong", id="ignores a new portfolio"),
        pytest.param(
            models(status=lambda m: "rejected" if m.status == "candidate" else m.status),
            "wrong count|alert",
            id="counts a failed run as an attempt",
        ),
        pytest.param(
            evaluations(window_to=lambda _: None), "HOLD ended", id="two evaluations of one window end HOLD"
        ),
        pytest.param(
            evaluations(roc_auc_high=lambda _: 1.0),
            "a wrong mode",
            id="a new head on an encoder without discrimination",
        ),
        pytest.param(same_seed, "a seed used twice", id="same seed again"),
        pytest.param(alert_every_tick, "more alerts than holds", id="repeats its alert"),
    ],
)
def test_a_broken_policy_violates_an_invariant(broken: Decide, violation: str) -> None:
    with pytest.raises(AssertionError, match=violation):
        simulate(broken, 300)
