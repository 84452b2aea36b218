"""The rules of the promotion policy, each with the figure that it was decided on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs

IntegrityName = Literal["outputs_finite", "schema_matches", "artifact_matches", "smoke_passed"]
GateName = Literal[
    IntegrityName,
    "leakage_excluded",
    "reference_leakage",
    "leakage_doubt",
    "rows",
    "defaults",
    "roc_auc_low",
    "ece",
    "df1_low",
    "dauc_low",
    "f1_target",
    "f1_better",
    "reference",
]
INTEGRITY: tuple[IntegrityName, ...] = get_args(IntegrityName)
# Rules that count loans.
COUNTED: tuple[GateName, ...] = ("rows", "defaults")
_RELATIONS: dict[GateName, str] = {
    "roc_auc_low": ">",
    "f1_better": ">",
    "leakage_doubt": "<",
    "ece": "≤",
    "leakage_excluded": "≤",
    "reference_leakage": "≤",
}

Excuse = Literal["attested", "few_defaults"]


@dataclass(frozen=True)
class PromotionGate:
    """One rule of the promotion policy.

    Attributes:
        name: Key of the rule.
        value: What was measured; a bool for a check that holds or not.
        limit: What is required; None for such a check.
        passed: Whether the rule is met.
        decides: Whether a failure excludes a promotion by itself.
        excused: Why the rule is met although the measured value is beyond the limit.
    """

    name: GateName
    value: float | bool
    limit: float | None
    passed: bool
    decides: bool
    excused: Excuse | None = None

    @property
    def relation(self) -> str:
        """How the value must lie to the limit, as a sign."""
        return _RELATIONS.get(self.name, "≥")


def decided_gates(inputs: PromotionInputs) -> tuple[PromotionGate, ...]:
    """Every rule that applied, with measured value and limit, in the order of the policy."""
    return tuple(_gates(inputs))


def _gates(inputs: PromotionInputs) -> Iterator[PromotionGate]:
    model, limits, champion = inputs.candidate, inputs.limits, inputs.champion
    served = champion is not None and all(getattr(champion, name) for name in INTEGRITY)
    for check in INTEGRITY:
        holds = bool(getattr(model, check))
        yield PromotionGate(check, holds, None, holds, True)
    yield PromotionGate(
        "leakage_excluded",
        model.ceiling_bound,
        limits.auc_ceiling,
        _below_ceiling(model.ceiling_bound, model, limits),
        True,
        _excused(model.ceiling_bound, model, limits),
    )
    if model.reference is not None and not math.isnan(model.reference.roc_auc_low):
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
    # Without a champion, too few labels make the promotion provisional.
    counts_decide = served or limits.policy == "strict"
    count, fewest = model.rows, limits.sample_threshold
    yield PromotionGate("rows", count, fewest, count >= fewest, counts_decide)
    count, fewest = model.positives, limits.positive_threshold
    yield PromotionGate("defaults", count, fewest, count >= fewest, counts_decide)
    yield PromotionGate(
        "roc_auc_low", model.roc_auc_low, limits.auc_floor, model.roc_auc_low > limits.auc_floor, True
    )
    yield PromotionGate("ece", model.ece, limits.max_ece, model.ece <= limits.max_ece, True)
    if inputs.comparison is not None:
        low, margin = inputs.comparison.df1_low, limits.f1_margin
        yield PromotionGate("df1_low", low, -margin, low >= -margin, True)
        low, margin = inputs.comparison.dauc_low, limits.auc_margin
        yield PromotionGate("dauc_low", low, -margin, low >= -margin, True)
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


def _below_ceiling(bound: float, model: EvaluatedModel, limits: PromotionLimits) -> bool:
    """Whether the policy excludes leakage by this bound of ROC-AUC alone."""
    return leakage_not_excluded(replace(model, resampled_auc_low=bound, reference=None), limits) is None


def _excused(bound: float, model: EvaluatedModel, limits: PromotionLimits) -> Excuse | None:
    if not bound > limits.auc_ceiling:
        return None
    if model.attested:
        return "attested"
    return "few_defaults" if model.positives < limits.ceiling_positives else None
