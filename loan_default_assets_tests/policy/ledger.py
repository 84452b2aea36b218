"""What a small world counts by itself, and when by that count a retraining may start."""

from dataclasses import dataclass, field
from datetime import datetime

from loan_default_assets.policy.retraining import Retraining
from loan_default_assets.policy.state import Evaluation, Limits

# Half a 95 % interval of every F1 in that world.
SPREAD = 0.05

# Under this F1 a model of that world no longer tells defaults apart.
BLIND = 0.3


@dataclass
class Ledger:
    """What has happened, counted by the world itself."""

    misses: int = 0  # attempts that failed against the present champion since it was promoted
    first: bool = True  # no model can score the rows
    trained: int = 0  # labels known at the last finished training
    trained_at: datetime | None = None
    trained_rows: set[str] = field(default_factory=set)
    triples: set[tuple[str | None, str, int]] = field(default_factory=set)
    seeds: set[int] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)  # run keys that the scheduler has been given
    attempts: int = 0
    operator: int = 0  # times an operator forced a run or changed the portfolio
    reference: float | None = None  # the champion's F1 when the last HOLD was entered
    later: list[Evaluation] = field(default_factory=list)  # of the champion, since then
    best: float = 0.0  # highest F1 of any model on these rows
    alerts: set[str] = field(default_factory=set)
    holds: int = 0

    def may_start(
        self,
        start: Retraining,
        judged: list[Evaluation],
        now: datetime,
        labels: int,
        limits: Limits,
        *,
        forced: bool,
    ) -> None:
        """AssertionError: the attempt breaks a promise. judged: evaluations of the champion, oldest first."""
        assert 1 <= start.attempt <= limits.max_attempts, "too many attempts in an episode"
        assert start.attempt == self.misses % limits.max_attempts + 1, "a wrong count of attempts"
        assert start.mode == self._modes(judged)[start.attempt - 1], "a wrong mode"
        assert (start.champion, start.snapshot, start.attempt) not in self.triples, "an attempt made twice"
        assert start.seed_offset not in self.seeds, "a seed used twice"
        assert self.first or judged[-1].sufficient(limits), "a trigger on too few labels"
        if forced:
            return
        assert self.first or judged[-1].f1 < limits.f1_threshold, "a retraining although the target is met"
        if self.trained_at is not None:
            assert now - self.trained_at >= limits.cooldown, "a retraining within the cooldown"
        if start.attempt > 1:
            return
        new = labels - self.trained
        assert self.first or new >= limits.sample_threshold, "a retraining without new labels"
        assert start.snapshot not in self.trained_rows, "a breach that was not judged on new rows"
        if self.misses:
            grown = new >= limits.sample_threshold * 2 ** (self.misses // limits.max_attempts)
            assert grown or self._fell_twice(limits), "HOLD ended without a reason"

    def _modes(self, judged: list[Evaluation]) -> tuple[str, str, str]:
        if self.first:
            return ("repretrain", "repretrain", "repretrain")
        if judged[-1].f1 < BLIND <= self.best:
            return ("full", "repretrain", "repretrain")
        return ("head", "full", "repretrain")

    def _fell_twice(self, limits: Limits) -> bool:
        if self.reference is None or not self.later:
            return False
        line = self.reference - limits.hold_sds * SPREAD / 1.959964
        last = self.later[-1].window_from
        assert last is not None
        return any(
            all(e.f1 < line for e in self.later[i:])
            and earlier.window_to is not None
            and earlier.window_to < last
            for i, earlier in enumerate(self.later)
        )
