"""What is recorded of a model and its evaluation, and how its training went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loan_default_assets.model.omitted import Omitted as Omitted
from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.promotion_gates import PromotionGate
from loan_default_assets.policy.verdict_warnings import WarningKind
from loan_default_assets.reports.figures.proportions import FigureSource, Interval


@dataclass(frozen=True)
class MetricRow:
    """One metric of an evaluation beside those of the references on the same rows.

    Attributes:
        name: Name in `model.metrics.METRICS`.
        interval: Value and 95 % bounds, as recorded.
        references: Value by name of the reference.
    """

    name: str
    interval: Interval
    references: Mapping[str, float]


@dataclass(frozen=True)
class EvaluationFacts:
    """An evaluation as it is recorded.

    Attributes:
        id: Of the row in `model_performance`.
        role: What the model was at the time: `candidate` or `champion`.
        verdict: The promotion verdict.
        reason: The sentences recorded with it, in English.
        evaluated_at: ISO 8601, in UTC.
        window_from: First day of the window; empty without dates.
        window_to: Last day of the window; empty without dates.
        rows: Rows of the window.
        positives: Defaults among them.
        window_share: Share of the window's rows that were read.
        metrics: All metrics beside the references.
        reference_difference: ROC-AUC minus that of the best reference (95 %); None where it was not recorded.
        best_reference: Name of that reference; empty where none was recorded.
        compared_with: Champion on the same rows; empty without one.
    """

    id: int
    role: str
    verdict: str
    reason: str
    evaluated_at: str
    window_from: str
    window_to: str
    rows: int
    positives: int
    window_share: float
    metrics: tuple[MetricRow, ...]
    reference_difference: tuple[float, float] | None
    best_reference: str
    compared_with: str
    source: FigureSource


@dataclass(frozen=True)
class ModelFacts:
    """A model as it is registered.

    Attributes:
        portfolio: Name of the portfolio.
        title: Its title; its name without one.
        version: The model.
        trained_from: First day of training and validation rows; empty without dates.
        trained_to: Last day of them; empty without dates.
        lineage: Names and values that identify the model and what it was made from.
    """

    portfolio: str
    title: str
    version: str
    trained_from: str
    trained_to: str
    lineage: tuple[tuple[str, str], ...]
    source: FigureSource


@dataclass(frozen=True)
class DataFacts:
    """The rows of the evaluation and what their label means.

    Attributes:
        counts: Rows by part; see `TrainingSnapshot.describe`.
        cutoff: Data cutoff; empty without dates.
        outcome_column: Column of the outcome.
        default_means: What counts as a default.
        horizon_days: Days after application at which an outcome counts; None where it has a date of its own, or none.
        observed_at: Column with the date of the outcome; empty without one.
        training_default_rate: Of the training rows before sampling.
        sampled: Whether the training rows are a sample.
    """

    counts: Mapping[str, int]
    cutoff: str
    outcome_column: str
    default_means: str
    horizon_days: int | None
    observed_at: str
    training_default_rate: float
    sampled: bool
    source: FigureSource


@dataclass(frozen=True)
class TrainingCourse:
    """How a model was trained.

    Attributes:
        pretraining_losses: Loss of each epoch of the encoder; None where the encoder's files are not kept.
        losses: Loss of each epoch, per transformer.
        validation_auc: ROC-AUC after each epoch, per transformer, on the validation rows that it is stopped by.
        members: Kind and weight of each member of the ensemble.
        pretraining_gain: ROC-AUC on the validation rows, less that of a model trained from random weights; None
            where it was not measured.
        calibration: Slope and offset of the calibration.
    """

    pretraining_losses: tuple[float, ...] | None
    losses: tuple[tuple[float, ...], ...]
    validation_auc: tuple[tuple[float, ...], ...]
    members: tuple[tuple[str, float], ...]
    pretraining_gain: float | None
    calibration: tuple[float, float]
    source: FigureSource


@dataclass(frozen=True)
class EvaluationPoint:
    """One evaluation of the version among all of them.

    Attributes:
        id: Of the row in `model_performance`.
        window_to: Last day of its window; empty without dates.
    """

    id: int
    window_to: str
    rows: int
    positives: int
    f1: Interval
    roc_auc: Interval


@dataclass(frozen=True)
class LiveFigures:
    """Served predictions of the version against the outcomes known since.

    Attributes:
        values: F1, ROC-AUC and the others by name; None where the rows do not define them.
    """

    rows: int
    positives: int
    values: Mapping[str, float | None]
    first_scored: str
    last_scored: str
    source: FigureSource


@dataclass(frozen=True)
class History:
    """The evaluations of the version, in order, and its live performance.

    Attributes:
        target: The F1 target; None where it was not recorded.
    """

    evaluations: tuple[EvaluationPoint, ...]
    target: float | None
    live: LiveFigures | None
    source: FigureSource


@dataclass(frozen=True)
class PromotionGates:
    """The rules in the order of the policy, and its limits.

    Attributes:
        warning: What a reader of the verdict must know besides; None without a warning.
        doubt: The features behind a doubt of leakage; None without one.
    """

    gates: tuple[PromotionGate, ...]
    limits: PromotionLimits
    source: FigureSource
    warning: WarningKind | None = None
    doubt: LeakageDoubt | None = None
