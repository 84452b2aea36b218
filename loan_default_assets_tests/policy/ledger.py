"""The simulation's own count of attempts and holds, and the invariants that a retraining must respect."""

from dataclasses import dataclass, field
from datetime import datetime

from loan_default_assets.policy.retraining import Retraining
from loan_default_assets.policy.state import Evaluation, Limits

# Half width of the 95 % interval of every simulated F1.
F1_HALF_WIDTH = 0.05

# Below this F1 a simulated model no longer discriminates.
F1_WITHOUT_DISCRIMINATION = 0.3


@dataclass
class Ledger:
    """What has happened, counted by the simulation independently of the policy."""

    failures: int = 0  # failed attempts against the present champion since its promotion
    no_usable_champion: bool = True
    trained_labels: int = 0  # matured labels at the last finished training
    trained_at: datetime | None = None
    trained_rows: set[str] = field(default_factory=set)
    triples: set[tuple[str | None, str, int]] = field(default_factory=set)
    seeds: set[int] = field(default_factory=set)
    run_keys: set[str] = field(default_factory=set)  # run keys that were given to the scheduler
    attempts: int = 0
    interventions: int = 0  # times an operator forced a run or changed the portfolio
    reference: float | None = None  # the champion's F1 when the last HOLD was entered
    later: list[Evaluation] = field(default_factory=list)  # of the champion, since then
    best: float = 0.0  # highest F1 of any model on these rows
    alerts: set[str] = field(default_factory=set)
    holds: int = 0

    def may_start(
        self,
        start: Retraining,
        evaluations: list[Evaluation],
        now: datetime,
        labels: int,
        limits: Limits,
        *,
        forced: bool,
    ) -> None:
        """Check an attempt against the invariants.

        Args:
            start: The attempt.
            evaluations: Evaluations of the champion, oldest first.
            now: Time of the simulation.
            labels: Matured labels.
            limits: Limits of the policy.
            forced: Whether an operator requested the attempt.

        Raises:
            AssertionError: The attempt violates an invariant.
        """
        assert 1 <= start.attempt <= limits.max_attempts, "too many attempts in an episode"
        assert start.attempt == self.failures % limits.max_attempts + 1, "a wrong count of attempts"
        assert start.mode == self._modes(evaluations)[start.attempt - 1], "a wrong mode"
        assert (start.champion, start.snapshot, start.attempt) not in self.triples, "a repeated attempt"
        assert start.seed_offset not in self.seeds, "a seed used twice"
        assert self.no_usable_champion or evaluations[-1].is_sufficient(limits), "a trigger on too few labels"
        if forced:
            return
        assert self.no_usable_champion or evaluations[-1].f1 < limits.f1_threshold, (
            "a retraining although the target is met"
        )
        if self.trained_at is not None:
            assert now - self.trained_at >= limits.cooldown, "a retraining within the cooldown"
        if start.attempt > 1:
            return
        new = labels - self.trained_labels
        assert self.no_usable_champion or new >= limits.sample_threshold, "a retraining without new labels"
        assert start.snapshot not in self.trained_rows, "a need that was not observed on new rows"
        if self.failures:
            enough = new >= limits.sample_threshold * 2 ** (self.failures // limits.max_attempts)
            assert enough or self._f1_fell_twice(limits), "HOLD ended without a reason"

    def _modes(self, evaluations: list[Evaluation]) -> tuple[str, str, str]:
        if self.no_usable_champion:
            return ("repretrain", "repretrain", "repretrain")
        if evaluations[-1].f1 < F1_WITHOUT_DISCRIMINATION <= self.best:
            return ("full", "repretrain", "repretrain")
        return ("head", "full", "repretrain")

    def _f1_fell_twice(self, limits: Limits) -> bool:
        if self.reference is None or not self.later:
            return False
        bound = self.reference - limits.hold_sds * F1_HALF_WIDTH / 1.959964
        last = self.later[-1].window_from
        assert last is not None
        return any(
            all(e.f1 < bound for e in self.later[i:])
            and earlier.window_to is not None
            and earlier.window_to < last
            for i, earlier in enumerate(self.later)
        )
