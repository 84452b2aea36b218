"""The facts that the retraining policy decides on, as they were recorded, and what is derived from them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Literal

Status = Literal["candidate", "champion", "retired", "rejected"]


@dataclass(frozen=True)
class Limits:
    """Limits of the retraining policy.

    Attributes:
        f1_threshold: Target F1 of the champion, in 0..1.
        sample_threshold: Matured rows that an evaluation window needs, and new labels that a first attempt needs.
        positive_threshold: Defaults that an evaluation window needs.
        max_attempts: Failed attempts after which an episode ends in HOLD.
        cooldown: Time between two trainings.
        hold_sds: A window ends HOLD when its F1 is this many standard deviations below the reference and the
            window before it was as low.
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

    Attributes:
        version: Version of the model.
        parent: Version of the champion when the model was trained; None without a champion.
        snapshot: Hash of the training snapshot.
        attempt: Number of the attempt within its episode, from 1.
        labels: Matured labels at the time of training.
        status: "candidate" until its verdict has been carried out.
        created_at: Time of registration.
        promoted_at: Time of the last promotion to champion.
        verdict: Promotion verdict on the model.
        usable: Whether the model was trained with the portfolio of the present rows; it refuses to score others.
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
    """One model evaluated on one window of matured rows that it was not trained, tuned or calibrated on.

    Attributes:
        version: Version of the model.
        snapshot: Hash of the rows that were materialized at the time of the evaluation.
        rows: Matured rows of the window.
        positives: Defaults among them.
        f1: F1 of the default class at the threshold stored with the model.
        f1_low: Lower bound of the 95 % interval of f1.
        f1_high: Upper bound of the 95 % interval of f1.
        evaluated_at: Time of the evaluation.
        window_from: First as_of of the window; None for rows without dates.
        window_to: Last as_of of the window; None for rows without dates.
        roc_auc_low: Lower bound of the 95 % interval of ROC-AUC.
        roc_auc_high: Upper bound of the 95 % interval of ROC-AUC.
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
    def f1_sd(self) -> float:
        """Standard deviation of F1, derived from its 95 % interval."""
        return (self.f1_high - self.f1_low) / (2 * 1.959964)

    def is_sufficient(self, limits: Limits) -> bool:
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

    Attributes:
        now: Present time by the clock that stamped the models and evaluations, in the same time zone.
        labels: Matured labels in the tables.
        snapshot: Hash of the present rows; needed only without a usable champion and when forced, else None.
        models: Every registered classifier.
        evaluations: Every evaluation of these models.
        running: Keys of the retraining runs that are queued or running.
        ended_runs: Keys of the retraining runs that ended and are not retried, whatever their outcome.
        forced: Whether an operator requests a retraining now.
        awaiting_approval: A version whose promotion waits for approvals; None where none does.
    """

    now: datetime
    labels: int
    snapshot: str | None
    models: tuple[Model, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    running: tuple[str, ...] = ()
    ended_runs: frozenset[str] = frozenset()
    forced: bool = False
    awaiting_approval: str | None = None

    @cached_property
    def champion(self) -> Model | None:
        """The serving model."""
        return next((model for model in self.models if model.status == "champion"), None)

    @property
    def champion_version(self) -> str | None:
        """Version that a model trained now would challenge."""
        return self.champion.version if self.champion else None

    @property
    def no_usable_champion(self) -> bool:
        """Whether no model can score the present rows."""
        return self.champion is None or not self.champion.usable

    @cached_property
    def finished(self) -> tuple[Model, ...]:
        """Models whose verdict was carried out, oldest first; a run that failed earlier is no attempt."""
        finished = (model for model in self.models if model.status != "candidate")
        return tuple(sorted(finished, key=lambda model: model.created_at))

    @cached_property
    def failed_attempts(self) -> tuple[Model, ...]:
        """Rejected challengers of the present champion since its last promotion, oldest first.

        Models of another portfolio are no evidence on the present rows and do not count.
        """
        since = self.champion.promoted_at if self.champion else None
        return tuple(
            model
            for model in self.finished
            if model.status == "rejected"
            and model.usable
            and model.parent == self.champion_version
            and (since is None or model.created_at >= since)
        )

    @cached_property
    def new_labels(self) -> int:
        """Labels that matured since the last training, whatever its outcome."""
        return max(0, self.labels - self.finished[-1].labels) if self.finished else self.labels

    @cached_property
    def champion_evaluations(self) -> tuple[Evaluation, ...]:
        """Evaluations of the champion, oldest first."""
        own = (evaluation for evaluation in self.evaluations if evaluation.version == self.champion_version)
        return tuple(sorted(own, key=lambda evaluation: evaluation.evaluated_at))

    def discriminates_worse(self, limits: Limits) -> bool:
        """Whether the champion's ROC-AUC interval now lies below that of any evaluation of a usable model."""
        usable = {model.version for model in self.models if model.usable}
        lower_bounds = [
            evaluation.roc_auc_low
            for evaluation in self.evaluations
            if evaluation.version in usable and evaluation.is_sufficient(limits)
        ]
        latest = self.champion_evaluations[-1].roc_auc_high if self.champion_evaluations else 1.0
        return any(latest < low for low in lower_bounds)

    def open_episode_failures(self, limits: Limits) -> int:
        """Failed attempts of the open episode; 0 when none is open."""
        return len(self.failed_attempts) % limits.max_attempts

    def failed_episodes(self, limits: Limits) -> int:
        """Episodes that ended without a promotion since the last promotion."""
        return len(self.failed_attempts) // limits.max_attempts

    def closing_attempt(self, limits: Limits) -> Model | None:
        """The attempt that ended the last episode in HOLD; None once the first attempt of the next one has failed."""
        if self.failed_attempts and self.open_episode_failures(limits) == 0:
            return self.failed_attempts[-1]
        return None

    def was_trained_on(self, snapshot: str) -> bool:
        """Whether a usable model has been trained on this snapshot."""
        return any(model.usable and model.snapshot == snapshot for model in self.finished)

    def has_finished_attempt(self, snapshot: str, attempt: int) -> bool:
        """Whether this attempt against the champion has been finished on this snapshot."""
        return any(
            (model.parent, model.snapshot, model.attempt) == (self.champion_version, snapshot, attempt)
            for model in self.finished
        )
