"""The rules of the promotion policy with the recorded figures that each was decided on."""

from __future__ import annotations

from loan_default_assets.policy.promotion_gates import decided_gates
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.verdict_warnings import leakage_warning
from loan_default_assets.reports.figures.model_facts import PromotionGates
from loan_default_assets.reports.figures.proportions import FigureSource


def promotion_gates(inputs: PromotionInputs, source: FigureSource) -> PromotionGates:
    """Every rule that applied, with measured value and limit."""
    warning = leakage_warning(inputs.candidate, inputs.limits)
    kind = None if warning is None else warning.kind
    return PromotionGates(decided_gates(inputs), inputs.limits, source, kind, inputs.candidate.doubt)
