"""The action for each set of facts, case by case."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from loan_default_assets.policy.retraining import decide, status
from loan_default_assets.policy.state import Evaluation, Limits, Model, State

LIMITS = Limits()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


CHAMPION = Model("m1", None, "s1", 1, 5000, "champion", ago(90), ago(90), "approved")
LOW = Evaluation("m1", "s2", 1200, 200, 0.7, 0.65, 0.75, ago(2), date(2026, 4, 1), date(2026, 5, 30))
EMPTY = State(now=NOW, labels=4000, snapshot="s0")
BREACH = State(now=NOW, labels=6000, snapshot="s2", models=(CHAMPION,), evaluations=(LOW,))


def failed(attempt: int, **facts: Any) -> Model:
    """A rejected attempt against m1 on s2, trained with 6,000 labels, a day later than the one before."""
    model = Model(
        f"m{attempt + 1}", "m1", "s2", attempt, 6000, "rejected", ago(40 - attempt), None, "rejected"
    )
    return replace(model, **facts)


def breach(*models: Model, **facts: Any) -> State:
    return replace(BREACH, **{"models": (CHAMPION, *models), **facts})


def window(f1: float, day: int, snapshot: str, **facts: Any) -> Evaluation:
    """A window of ten days that ends `day` days after the first failed attempt, evaluated on its last day."""
    start = date(2026, 4, 22) + timedelta(days=day)
    evaluation = Evaluation("m1", snapshot, 1000, 150, f1, f1 - 0.05, f1 + 0.05, ago(39 - day))
    return replace(evaluation, **{"window_from": start - timedelta(days=9), "window_to": start, **facts})


AT_HOLD = replace(LOW, evaluated_at=ago(41))
DISCRIMINATED = replace(
    LOW, snapshot="s1", f1=0.85, evaluated_at=ago(90), roc_auc_low=0.95, roc_auc_high=0.99
)
DISCRIMINATES_WORSE = (DISCRIMINATED, replace(LOW, roc_auc_low=0.68, roc_auc_high=0.76))
HELD = breach(failed(1), failed(2), failed(3), labels=6500, snapshot="s3", evaluations=(AT_HOLD,))
FIRST_FAILURES = tuple(
    Model(f"m{k}", None, "s0", k, 4000, "rejected", ago(9 - k), None, "rejected") for k in (1, 2, 3)
)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param(replace(EMPTY, labels=0), "no_model", id="no rows have a label yet"),
        pytest.param(replace(EMPTY, snapshot=None), "no_model", id="no rows"),
        pytest.param(replace(EMPTY, running=("any",)), "run_in_flight", id="the first training runs"),
        pytest.param(breach(running=("any",)), "run_in_flight", id="a retraining runs"),
        pytest.param(breach(running=("any",), forced=True), "run_in_flight", id="force waits for a run"),
        pytest.param(breach(evaluations=()), "insufficient_labels", id="a champion without evaluation"),
        pytest.param(breach(evaluations=(), forced=True), "insufficient_labels", id="force needs a window"),
        pytest.param(
            breach(evaluations=(replace(LOW, version="m0"),)),
            "insufficient_labels",
            id="another model was evaluated",
        ),
        pytest.param(breach(evaluations=(replace(LOW, rows=999),)), "insufficient_labels", id="999 rows"),
        pytest.param(
            breach(evaluations=(replace(LOW, positives=99),)), "insufficient_labels", id="99 defaults"
        ),
        pytest.param(breach(evaluations=(replace(LOW, f1=0.8),)), "target_met", id="F1 at the target"),
        pytest.param(
            breach(evaluations=(LOW, replace(LOW, snapshot="s3", f1=0.9, evaluated_at=ago(1)))),
            "target_met",
            id="the newest evaluation counts",
        ),
        pytest.param(breach(labels=5999), "no_new_labels", id="999 new labels"),
        pytest.param(breach(labels=100), "no_new_labels", id="labels were withdrawn"),
        pytest.param(
            breach(evaluations=(replace(LOW, snapshot="s1"),)),
            "no_new_labels",
            id="evaluated on its training snapshot",
        ),
        pytest.param(
            breach(evaluations=(replace(LOW, evaluated_at=ago(91)),)),
            "no_new_labels",
            id="evaluated before it was trained",
        ),
        pytest.param(
            breach(replace(CHAMPION, version="m9", status="retired", labels=5900, created_at=ago(10))),
            "no_new_labels",
            id="rolled back from a newer model: its labels are not new",
        ),
        pytest.param(
            replace(
                BREACH,
                models=(replace(CHAMPION, created_at=ago(0.5)),),
                evaluations=(replace(LOW, evaluated_at=NOW),),
            ),
            "cooldown",
            id="the champion is 12 h old",
        ),
        pytest.param(breach(failed(1, created_at=ago(0.99))), "cooldown", id="the last attempt is 23 h old"),
        pytest.param(
            breach(failed(1, verdict="insufficient_labels")),
            "no_new_labels",
            id="an attempt whose verdict lacked labels",
        ),
        pytest.param(
            breach(ended_runs=frozenset({"retrain:m1:s2:1"})),
            "run_failed",
            id="its run ended without a verdict",
        ),
        pytest.param(HELD, "hold", id="three attempts failed"),
        pytest.param(replace(HELD, labels=7999), "hold", id="1,999 new labels in HOLD"),
        pytest.param(
            replace(HELD, labels=8000), "no_new_labels", id="enough labels, not evaluated on them yet"
        ),
        pytest.param(
            replace(HELD, evaluations=(replace(AT_HOLD, f1=0.81),)),
            "target_met",
            id="the target is met in HOLD",
        ),
        pytest.param(replace(EMPTY, models=FIRST_FAILURES), "hold", id="no first model after three attempts"),
        pytest.param(replace(HELD, forced=True, snapshot="s2"), "no_new_labels", id="force on the same rows"),
    ],
)
def test_waits(state: State, reason: str) -> None:
    action = decide(state, LIMITS)
    assert (action.kind, action.reason) == ("wait", reason)
    assert action.explanation.endswith(".")
    assert action.next.endswith(".")


@pytest.mark.parametrize(
    ("state", "reason", "run_key", "mode", "seed_offset"),
    [
        pytest.param(EMPTY, "no_model", "retrain:none:s0:1", "repretrain", 0, id="first model"),
        pytest.param(
            replace(EMPTY, models=FIRST_FAILURES[:1]), "no_model", "retrain:none:s0:2", "repretrain", 1,
            id="first model, second attempt",
        ),
        pytest.param(
            replace(EMPTY, models=FIRST_FAILURES, labels=6000, snapshot="s9"),
            "no_model", "retrain:none:s9:1", "repretrain", 3,
            id="first model after HOLD",
        ),
        pytest.param(BREACH, "target_missed", "retrain:m1:s2:1", "head", 1, id="breach"),
        pytest.param(breach(failed(1)), "target_missed", "retrain:m1:s2:2", "full", 2, id="second attempt"),
        pytest.param(
            breach(failed(1), failed(2)), "target_missed", "retrain:m1:s2:3", "repretrain", 3, id="third attempt"
        ),
        pytest.param(
            breach(failed(1, created_at=ago(1))), "target_missed", "retrain:m1:s2:2", "full", 2, id="24 h later"
        ),
        pytest.param(
            breach(failed(1), evaluations=(LOW, replace(LOW, snapshot="s3", evaluated_at=ago(1)))),
            "target_missed", "retrain:m1:s3:2", "full", 2,
            id="second attempt on newer rows",
        ),
        pytest.param(
            breach(failed(1, status="candidate")), "target_missed", "retrain:m1:s2:1", "head", 1,
            id="a run that failed after training is not counted",
        ),
        pytest.param(
            breach(failed(1, parent="m0", snapshot="s9", labels=5000)), "target_missed", "retrain:m1:s2:1", "head", 2,
            id="an attempt against another champion is not counted",
        ),
        pytest.param(
            breach(models=(replace(CHAMPION, promoted_at=ago(30)), failed(1, snapshot="s9", labels=5000))),
            "target_missed", "retrain:m1:s2:1", "head", 2,
            id="an attempt before a rollback is not counted",
        ),
        pytest.param(
            breach(evaluations=(replace(LOW, f1=float("nan")),)), "target_missed", "retrain:m1:s2:1", "head", 1,
            id="F1 is not a number",
        ),
        pytest.param(
            breach(evaluations=(replace(LOW, f1=0.79999),)), "target_missed", "retrain:m1:s2:1", "head", 1,
            id="F1 just below",
        ),
        pytest.param(
            replace(BREACH, models=(replace(CHAMPION, usable=False),), evaluations=()),
            "no_model", "retrain:m1:s2:1", "repretrain", 1,
            id="a champion of another portfolio",
        ),
        pytest.param(
            breach(evaluations=(replace(LOW, f1=0.95),), labels=5001, forced=True), "forced", "retrain:m1:s2:1", "head",
            1, id="force",
        ),
        pytest.param(replace(HELD, forced=True), "forced", "retrain:m1:s3:1", "head", 4, id="force out of HOLD"),
        pytest.param(
            breach(ended_runs=frozenset({"retrain:m1:s2:1"}), forced=True), "forced", "retrain:m1:s2:1", "head", 1,
            id="force after a run without a verdict",
        ),
        pytest.param(
            replace(HELD, labels=8000, evaluations=(AT_HOLD, replace(LOW, snapshot="s3"))),
            "target_missed", "retrain:m1:s3:1", "head", 4,
            id="2,000 new labels end HOLD",
        ),
        pytest.param(
            breach(failed(1), failed(2), failed(3), failed(1, version="m5", snapshot="s4", created_at=ago(9)),
                   labels=9000, evaluations=(replace(LOW, snapshot="s4"),)),
            "target_missed", "retrain:m1:s4:2", "full", 5,
            id="second episode",
        ),
        pytest.param(
            breach(evaluations=DISCRIMINATES_WORSE), "target_missed", "retrain:m1:s2:1", "full", 1,
            id="a champion that discriminates worse than at first gets no new head",
        ),
        pytest.param(
            breach(replace(CHAMPION, version="m0", status="retired", created_at=ago(120)),
                   evaluations=(replace(DISCRIMINATED, version="m0"), DISCRIMINATES_WORSE[1])),
            "target_missed", "retrain:m1:s2:1", "full", 2,
            id="a champion that never discriminated as well as its predecessor gets none either",
        ),
        pytest.param(
            breach(replace(CHAMPION, version="m0", status="retired", created_at=ago(120), usable=False),
                   evaluations=(replace(DISCRIMINATED, version="m0"), DISCRIMINATES_WORSE[1])),
            "target_missed", "retrain:m1:s2:1", "head", 2,
            id="a model of another portfolio is no reference",
        ),
        pytest.param(
            breach(failed(1), evaluations=DISCRIMINATES_WORSE), "target_missed", "retrain:m1:s2:2", "repretrain", 2,
            id="the second attempt does not repeat the mode of the first",
        ),
        pytest.param(
            breach(evaluations=(DISCRIMINATED, replace(LOW, roc_auc_low=0.9, roc_auc_high=0.96))),
            "target_missed", "retrain:m1:s2:1", "head", 1,
            id="overlapping intervals: not significantly worse",
        ),
        pytest.param(
            breach(evaluations=(replace(DISCRIMINATED, rows=999), DISCRIMINATES_WORSE[1])),
            "target_missed", "retrain:m1:s2:1", "head", 1,
            id="a first window too small to show discrimination",
        ),
    ],
)  # fmt: skip
def test_retrains(state: State, reason: str, run_key: str, mode: str, seed_offset: int) -> None:
    action = decide(state, LIMITS)
    assert action.retraining is not None, action
    start = action.retraining
    assert (action.reason, start.run_key, start.mode, start.seed_offset) == (
        reason,
        run_key,
        mode,
        seed_offset,
    )


@pytest.mark.parametrize(
    ("windows", "ends"),
    [
        pytest.param([window(0.5, 15, "s4"), window(0.5, 26, "s5")], True, id="two low windows"),
        pytest.param([window(0.5, 15, "s4")], False, id="one low window"),
        pytest.param([window(0.66, 15, "s4"), window(0.66, 26, "s5")], False, id="within 1.645 deviations of 0.7"),
        pytest.param([window(0.5, 15, "s4"), window(0.5, 20, "s5")], False, id="windows that share days"),
        pytest.param([window(0.7, 15, "s4"), window(0.5, 26, "s5")], False, id="only the last is low"),
        pytest.param([window(0.5, 15, "s4"), window(0.7, 26, "s5")], False, id="only the first is low"),
        pytest.param(
            [window(0.5, 15, "s4"), window(0.7, 20, "s5"), window(0.5, 26, "s6")], False, id="met in between"
        ),
        pytest.param(
            [window(0.5, 15, "s4"), window(0.7, 20, "s5", rows=10), window(0.5, 26, "s6")], True,
            id="too few rows in between to count",
        ),
        pytest.param([window(0.5, 15, "s4"), window(0.5, 20, "s5"), window(0.5, 26, "s6")], True, id="three low"),
        pytest.param([window(0.5, 1, "s2"), window(0.5, 26, "s5")], False, id="evaluated on the rows of the attempts"),
        pytest.param(
            [window(0.5, 15, "s4", window_from=None), window(0.5, 16, "s5", window_from=None)], True,
            id="rows without dates",
        ),
        pytest.param(
            [window(0.5, 15, "s4"), window(0.5, 26, "s5", f1_low=float("nan"))], False, id="no interval"
        ),
    ],
)  # fmt: skip
def test_a_further_fall_ends_hold(windows: list[Evaluation], ends: bool) -> None:
    state = replace(HELD, labels=7500, evaluations=(AT_HOLD, *windows))
    action = decide(state, LIMITS)
    assert (action.kind == "retrain") is ends, action
    assert action.reason == ("target_missed" if ends else "hold")


def test_the_reference_is_the_evaluation_that_closed_the_episode() -> None:
    closing = window(0.5, 9, "s3")
    own = replace(closing, version="m4", f1=0.51, evaluated_at=closing.evaluated_at - timedelta(minutes=1))
    later = (window(0.5, 20, "s4"), window(0.5, 31, "s5"))
    state = replace(HELD, labels=7500, evaluations=(AT_HOLD, own, closing, *later))
    assert decide(state, LIMITS).reason == "hold"
    assert "below 0.500 in two" in decide(state, LIMITS).next


@pytest.mark.parametrize(
    ("state", "alert_key"),
    [
        (BREACH, None),
        (breach(failed(1), failed(2)), None),
        (HELD, "hold:m1:s2"),
        (replace(HELD, running=("any",)), "hold:m1:s2"),
        (replace(HELD, labels=7000, snapshot="s7"), "hold:m1:s2"),
        (replace(HELD, forced=True), "hold:m1:s2"),
        (replace(HELD, evaluations=(replace(AT_HOLD, f1=0.9),)), None),
        (breach(failed(1), failed(2), failed(3), failed(1, snapshot="s4", created_at=ago(3))), None),
        (replace(EMPTY, models=FIRST_FAILURES), "hold:none:s0"),
    ],
)
def test_one_alert_per_episode(state: State, alert_key: str | None) -> None:
    action = decide(state, LIMITS)
    assert (action.alert_key, action.alert) == (alert_key, alert_key is not None)


@pytest.mark.parametrize(
    ("state", "name", "attempts", "then"),
    [
        (replace(EMPTY, labels=0), "NO_MODEL", 0, "When the first labels have matured."),
        (EMPTY, "RETRAINING", 0, "Now: attempt 1 of 3."),
        (breach(evaluations=()), "INSUFFICIENT_LABELS", 0, "After its first evaluation."),
        (breach(evaluations=(replace(LOW, f1=0.9),)), "OK", 0, "When F1 falls below 0.800 on new labels."),
        (breach(labels=5400), "WAITING", 0, "After 600 more matured labels (1000 since the last training)."),
        (
            breach(failed(1, created_at=ago(0.5))),
            "WAITING",
            1,
            "When the cooldown ends, at 2026-06-02 00:00+00:00.",
        ),
        (replace(HELD, running=("any",)), "RETRAINING", 3, "After its verdict."),
        (
            HELD,
            "HOLD",
            3,
            "After 1500 more matured labels (2000 since the last attempt), when F1 is 1.645 standard deviations "
            "below 0.700 in two consecutive windows, or by `loan-default retrain`.",
        ),
        (
            replace(EMPTY, models=FIRST_FAILURES),
            "HOLD",
            3,
            "After 2000 more matured labels (2000 since the last attempt), or by `loan-default retrain`.",
        ),
    ],
)
def test_status_shows_when_the_next_retraining_starts(
    state: State, name: str, attempts: int, then: str
) -> None:
    action = decide(state, LIMITS)
    assert status(action) == {"state": name, "reason": action.explanation, "attempts": attempts, "next": then}


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_another_number_of_attempts(attempts: int) -> None:
    limits = replace(LIMITS, max_attempts=attempts)
    finished = tuple(failed(k) for k in range(1, attempts + 1))
    assert decide(breach(*finished[:-1]), limits).kind == "retrain"
    assert decide(breach(*finished), limits).reason == "hold"
