"""What the retraining rule looks at: facts as they were recorded, and what follows from them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Literal

Status = Literal["candidate", "champion", "retired", "rejected"]


@dataclass(frozen=True)
class Limits:
    """sample_threshold: matured rows a window needs, and new labels a first attempt needs.

    hold_sds: how many standard deviations under its reference a window ends a HOLD, when two do so in a row.
    """

    f1_threshold: float = 0.8
    sample_threshold: int = 1000
    positive_threshold: int = 100
    max_attempts: int = 3
    cooldown: timedelta = timedelta(hours=24)
    hold_sds: float = 1.645


@dataclass(frozen=True)
class Model:
    """One registered classifier.

    parent: the champion when it was trained. snapshot: hash of the rows it was trained from. labels: matured
    labels known then. status: "candidate" until a verdict has been carried out. promoted_at: when it last became
    champion. verdict: of its own evaluation. usable: it was trained under the portfolio of the rows as they
    stand; other rows it refuses to score.
    """

    version: str
    parent: str | None
    snapshot: str
    attempt: int
    labels: int
    status: Status
    created_at: datetime
    promoted_at: datetime | None = None
    verdict: str | None = None
    usable: bool = True


@dataclass(frozen=True)
class Evaluation:
    """One version judged on one window of matured rows that it was not trained, tuned or calibrated on.

    f1_low, f1_high, roc_auc_low, roc_auc_high: 95 % intervals. window_from, window_to: first and last as_of, None
    for rows without dates.
    """

    version: str
    snapshot: str
    rows: int
    positives: int
    f1: float
    f1_low: float
    f1_high: float
    evaluated_at: datetime
    window_from: date | None = None
    window_to: date | None = None
    roc_auc_low: float = float("nan")
    roc_auc_high: float = float("nan")

    @property
    def deviation(self) -> float:
        """Standard deviation of f1, from its interval."""
        return (self.f1_high - self.f1_low) / (2 * 1.959964)

    def sufficient(self, limits: Limits) -> bool:
        """Whether the window is large enough for a verdict."""
        return self.rows >= limits.sample_threshold and self.positives >= limits.positive_threshold

    def overlaps(self, other: "Evaluation") -> bool:
        """Whether the two windows share a day; without dates, whether they are the same rows."""
        if not (self.window_from and self.window_to and other.window_from and other.window_to):
            return self.snapshot == other.snapshot
        return self.window_from <= other.window_to and other.window_from <= self.window_to


@dataclass(frozen=True)
class State:
    """Recorded facts; everything else is derived from them.

    now: by the clock that stamped the models and evaluations, with the same time zone. labels: matured labels
    in the tables. snapshot: hash of the rows as they stand; asked for only without a usable champion and when
    forced. models: every registered classifier. evaluations: all of theirs. running: retraining runs queued or
    running. crashed: keys of runs that died without a verdict and that the scheduler has given up. forced: an
    operator asks for a retraining now.
    """

    now: datetime
    labels: int
    snapshot: str | None
    models: tuple[Model, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    running: tuple[str, ...] = ()
    ended_runs: frozenset[str] = frozenset()
    forced: bool = False

    @cached_property
    def champion(self) -> Model | None:
        """The serving model."""
        return next((model for model in self.models if model.status == "champion"), None)

    @property
    def parent(self) -> str | None:
        """Version that a training started now would challenge."""
        return self.champion.version if self.champion else None

    @property
    def first(self) -> bool:
        """Whether no model can score the rows as they stand."""
        return self.champion is None or not self.champion.usable

    @cached_property
    def finished(self) -> tuple[Model, ...]:
        """Models whose verdict was carried out, oldest first; a run that died before that made no attempt."""
        finished = (model for model in self.models if model.status != "candidate")
        return tuple(sorted(finished, key=lambda model: model.created_at))

    @cached_property
    def failures(self) -> tuple[Model, ...]:
        """Attempts against the present champion that failed since it was last promoted, oldest first.

        Those made under another portfolio say nothing about the present rows and do not count.
        """
        since = self.champion.promoted_at if self.champion else None
        return tuple(
            model
            for model in self.finished
            if model.status == "rejected"
            and model.usable
            and model.parent == self.parent
            and (since is None or model.created_at >= since)
        )

    @cached_property
    def new_labels(self) -> int:
        """Labels that matured since the last training, whatever came of it."""
        return max(0, self.labels - self.finished[-1].labels) if self.finished else self.labels

    @cached_property
    def judged(self) -> tuple[Evaluation, ...]:
        """Evaluations of the champion, oldest first."""
        own = (evaluation for evaluation in self.evaluations if evaluation.version == self.parent)
        return tuple(sorted(own, key=lambda evaluation: evaluation.evaluated_at))

    def ranks_worse(self, limits: Limits) -> bool:
        """Whether the champion tells defaults apart worse than some model has: its interval lies under the best one."""
        usable = {model.version for model in self.models if model.usable}
        shown = [
            evaluation.roc_auc_low
            for evaluation in self.evaluations
            if evaluation.version in usable and evaluation.sufficient(limits)
        ]
        latest = self.judged[-1].roc_auc_high if self.judged else 1.0
        return any(latest < low for low in shown)

    def failed(self, limits: Limits) -> int:
        """Failed attempts of the open episode; 0 when none is open."""
        return len(self.failures) % limits.max_attempts

    def closed(self, limits: Limits) -> int:
        """Episodes that ended without a promotion since the last one."""
        return len(self.failures) // limits.max_attempts

    def hold(self, limits: Limits) -> Model | None:
        """The attempt that closed the last episode, until the next one fails its first."""
        return self.failures[-1] if self.failures and self.failed(limits) == 0 else None

    def tried(self, snapshot: str) -> bool:
        """Whether a model that can score these rows has been trained from them."""
        return any(model.usable and model.snapshot == snapshot for model in self.finished)

    def made(self, snapshot: str, attempt: int) -> bool:
        """Whether this attempt against the champion has been made from these rows."""
        return any(
            (model.parent, model.snapshot, model.attempt) == (self.parent, snapshot, attempt)
            for model in self.finished
        )
