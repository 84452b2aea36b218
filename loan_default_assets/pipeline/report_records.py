"""What the registry, the evaluations and the artifact record of a model, as figures of its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loan_default_assets.model.metrics import METRICS
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.stored_numbers import number_or_nan
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.reports.figures.gate_figures import promotion_gates
from loan_default_assets.reports.figures.model_facts import (
    DataFacts,
    EvaluationFacts,
    EvaluationPoint,
    History,
    LiveFigures,
    MetricRow,
    ModelFacts,
    Omitted,
    PromotionGates,
    TrainingCourse,
)
from loan_default_assets.reports.figures.proportions import FigureSource, Interval
from loan_default_assets.reports.figures.shadow_figures import ShadowFigures
from loan_default_assets.shadow_comparison import ShadowComparison
from loan_default_assets.warehouse.evaluations import EvaluationInputs, EvaluationRecord
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.training import FittedModel

_COUNTS = (
    "rows",
    "training_rows",
    "validation_rows",
    "window_rows",
    "immature_rows_excluded",
    "unlabelled_rows",
    "rows_of_loans_in_another_part",
)


def evaluation_source(number: int) -> FigureSource:
    """The row of an evaluation."""
    return FigureSource("model_performance", f"id={number}")


def model_facts(record: ModelRecord, portfolio: Portfolio, signed_by: str | None) -> ModelFacts:
    """The model's row in the registry."""
    lineage = (
        ("version", record.version),
        ("artifact_sha256", record.artifact_sha256),
        ("portfolio_hash", record.portfolio_hash),
        ("snapshot_hash", record.snapshot_hash),
        ("encoder", str(record.hyper_parameters.get("encoder", ""))),
        ("parent", record.parent or ""),
        ("attempt", str(record.attempt)),
        ("seed", str(record.hyper_parameters.get("seed", ""))),
        ("signed_by", signed_by or ""),
        ("created_at", record.created_at.isoformat(timespec="seconds") if record.created_at else ""),
    )
    return ModelFacts(
        portfolio=portfolio.name,
        title=portfolio.title or portfolio.name,
        version=record.version,
        trained_from=_day(record.trained_from),
        trained_to=_day(record.trained_to),
        lineage=tuple((name, value) for name, value in lineage if value),
        source=FigureSource("model_metadata", f"version={record.version}"),
    )


def evaluation_facts(number: int, evaluation: EvaluationRecord) -> EvaluationFacts:
    """The newest evaluation."""
    baseline = evaluation.baseline or {}
    references: dict[str, Mapping[str, float | None]] = (
        {baseline["name"]: baseline["metrics"]} if "name" in baseline else {}
    )
    references |= {other["name"]: other["metrics"] for other in baseline.get("others", ())}
    difference = baseline.get("roc_auc_difference")
    return EvaluationFacts(
        id=number,
        role=evaluation.role,
        verdict=evaluation.verdict,
        reason=evaluation.reason,
        evaluated_at=evaluation.evaluated_at.isoformat(timespec="seconds"),
        window_from=_day(evaluation.window_from),
        window_to=_day(evaluation.window_to),
        rows=evaluation.rows,
        positives=evaluation.positives,
        window_share=evaluation.metrics.get("window_share", 1.0),
        metrics=tuple(
            MetricRow(
                name,
                _interval(evaluation, name),
                {model: number_or_nan(values.get(name)) for model, values in references.items()},
            )
            for name in METRICS
            if name in evaluation.metrics
        ),
        reference_difference=None if difference is None else (float(difference[0]), float(difference[1])),
        best_reference=str(baseline.get("name", "")),
        compared_with=evaluation.compared_with or "",
        source=evaluation_source(number),
    )


def gates_of(found: EvaluationInputs) -> PromotionGates | Omitted:
    """The rules that the verdict was decided on."""
    if found.inputs is None:
        return Omitted("omitted.inputs_not_recorded")
    try:
        inputs = PromotionInputs.from_dict(found.inputs)
    except ValueError:
        return Omitted("omitted.inputs_incomplete")
    return promotion_gates(inputs, FigureSource("evaluation_inputs", f"evaluation={found.id}"))


def history_of(
    version: str,
    evaluations: Sequence[EvaluationInputs],
    live: Mapping[str, Any] | None,
    target: float | None,
) -> History:
    """The evaluations of the version, and its served predictions against the outcomes known since."""
    points = tuple(
        EvaluationPoint(
            each.id,
            _day(each.evaluation.window_to),
            each.evaluation.rows,
            each.evaluation.positives,
            _interval(each.evaluation, "f1"),
            _interval(each.evaluation, "roc_auc"),
        )
        for each in evaluations
    )
    row = f"model_version={version}"
    served = None
    if live is not None:
        names = ("f1", "precision", "recall", "accuracy", "roc_auc", "brier")
        served = LiveFigures(
            rows=int(live["rows"]),
            positives=int(live["positives"]),
            values={name: None if live[name] is None else float(live[name]) for name in names},
            first_scored=live["first_scored_at"].date().isoformat(),
            last_scored=live["last_scored_at"].date().isoformat(),
            source=FigureSource("live_performance", row),
        )
    return History(points, target, served, FigureSource("model_performance", row))


def data_facts(snapshot: TrainingSnapshot, portfolio: Portfolio) -> DataFacts:
    """The rows of the snapshot, and what their label means."""
    described, label = snapshot.describe(), portfolio.label
    return DataFacts(
        counts={name: int(described[name]) for name in _COUNTS if name in described},
        cutoff=_day(snapshot.cutoff),
        outcome_column=label.column,
        default_means=label.default_text,
        horizon_days=label.horizon_days,
        observed_at=label.observed_at or "",
        training_default_rate=float(described.get("training_default_rate", math.nan)),
        sampled=snapshot.sampling is not None,
        source=FigureSource("processed_data", f"snapshot={snapshot.digest[:16]}"),
    )


def course_of(
    record: ModelRecord, model: FittedModel, encoder_losses: tuple[float, ...] | None
) -> TrainingCourse:
    """Losses and members, from the artifact."""
    members = sorted({epoch.member for epoch in model.history})
    by_member = [
        [epoch for epoch in model.history if epoch.member == member and not math.isnan(epoch.loss)]
        for member in members
    ]
    return TrainingCourse(
        pretraining_losses=encoder_losses,
        losses=tuple(tuple(epoch.loss for epoch in epochs) for epochs in by_member),
        validation_auc=tuple(
            tuple(epoch.validation_auc or math.nan for epoch in epochs) for epochs in by_member
        ),
        members=tuple((member.kind, member.weight) for member in model.members),
        pretraining_gain=record.metrics.get("pretraining_gain"),
        calibration=(model.calibration.slope, model.calibration.offset),
        source=FigureSource("model.json", f"artifact={record.version}"),
    )


def _interval(evaluation: EvaluationRecord, name: str) -> Interval:
    low, high = evaluation.intervals.get(name, (math.nan, math.nan))
    return Interval(number_or_nan(evaluation.metrics.get(name)), low, high)


def _day(value: Any) -> str:
    return "" if value is None else value.isoformat()


def shadow_figures(found: ShadowComparison | None) -> ShadowFigures | None:
    """A comparison with the champion as a shadow; None where there is none."""
    if found is None:
        return None
    scores = found.scores
    return ShadowFigures(
        champion=found.champion,
        rows=scores.rows,
        positives=scores.positives,
        conclusive=scores.conclusive,
        first_scored=found.first_scored.date().isoformat(),
        last_scored=found.last_scored.date().isoformat(),
        metrics={
            name: (value, scores.other[name], Interval(*scores.differences[name]))
            for name, value in scores.one.items()
        },
        source=FigureSource(
            "shadow_predictions, predictions, raw_data",
            f"rows={scores.rows}, models={found.shadow}, {found.champion}",
        ),
    )
