"""The rules of the promotion policy with the recorded figures that each was decided on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.verdict_warnings import leakage_warning
from loan_default_assets.reports.figures.model_facts import Excuse, PromotionGate, PromotionGates
from loan_default_assets.reports.figures.proportions import FigureSource

INTEGRITY = ("outputs_finite", "schema_matches", "artifact_matches", "smoke_passed")


def promotion_gates(inputs: PromotionInputs, source: FigureSource) -> PromotionGates:
    """Every rule that applied, with measured value and limit."""
    warning = leakage_warning(inputs.candidate, inputs.limits)
    kind = None if warning is None else warning.kind
    return PromotionGates(tuple(_gates(inputs)), inputs.limits, source, kind, inputs.candidate.doubt)


def _gates(inputs: PromotionInputs) -> Iterator[PromotionGate]:
    model, limits, champion = inputs.candidate, inputs.limits, inputs.champion
    served = champion is not None and all(getattr(champion, name) for name in INTEGRITY)
    for name in INTEGRITY:
        holds = bool(getattr(model, name))
        yield PromotionGate(name, holds, None, holds, True)
    yield PromotionGate(
        "leakage_excluded",
        model.roc_auc_low,
        limits.auc_ceiling,
        _below_ceiling(model.roc_auc_low, model, limits),
        True,
        _excused(model.roc_auc_low, model, limits),
    )
    if model.reference is not None and model.reference.roc_auc_low == model.reference.roc_auc_low:
        yield PromotionGate(
            "reference_leakage",
            model.reference.roc_auc_low,
            limits.auc_ceiling,
            _below_ceiling(model.reference.roc_auc_low, model, limits),
            True,
            _excused(model.reference.roc_auc_low, model, limits),
        )
    if model.doubt is not None:
        yield PromotionGate("leakage_doubt", model.doubt.roc_auc, model.doubt.limit, False, False)
    for name, count, fewest in (
        ("rows", model.rows, limits.sample_threshold),
        ("defaults", model.positives, limits.positive_threshold),
    ):
        # Without a champion, too few labels make the promotion provisional.
        yield PromotionGate(name, count, fewest, count >= fewest, served or limits.policy == "strict")
    yield PromotionGate(
        "roc_auc_low", model.roc_auc_low, limits.auc_floor, model.roc_auc_low > limits.auc_floor, True
    )
    yield PromotionGate("ece", model.ece, limits.max_ece, model.ece <= limits.max_ece, True)
    if inputs.comparison is not None:
        for name, low, margin in (
            ("df1_low", inputs.comparison.df1_low, limits.f1_margin),
            ("dauc_low", inputs.comparison.dauc_low, limits.auc_margin),
        ):
            yield PromotionGate(name, low, -margin, low >= -margin, True)
    yield PromotionGate(
        "f1_target", model.f1, limits.f1_threshold, model.f1 >= limits.f1_threshold, limits.policy == "strict"
    )
    if inputs.comparison is not None and limits.policy != "strict" and model.f1 < limits.f1_threshold:
        low = inputs.comparison.df1_low
        yield PromotionGate("f1_better", low, 0.0, low > 0, True)
    if model.reference is not None:
        yield PromotionGate(
            "reference",
            model.reference.dauc_low,
            -limits.auc_margin,
            not model.reference.behind(limits.auc_margin),
            limits.reference_gate == "require",
        )


def _below_ceiling(roc_auc_low: float, model: EvaluatedModel, limits: PromotionLimits) -> bool:
    """Whether the policy excludes leakage by this bound of ROC-AUC alone."""
    return leakage_not_excluded(replace(model, roc_auc_low=roc_auc_low, reference=None), limits) is None


def _excused(roc_auc_low: float, model: EvaluatedModel, limits: PromotionLimits) -> Excuse | None:
    if not roc_auc_low > limits.auc_ceiling:
        return None
    if model.attested:
        return "attested"
    return "few_defaults" if model.positives < limits.ceiling_positives else None
