"""The checks of the asset `evaluation`, from what was measured and what the promotion policy decides on."""

from loan_default_assets.pipeline.check_results import (
    F1_TARGET,
    FINITE_OUTPUTS,
    LEAKAGE_EXCLUDED,
    REFERENCE,
    CheckResult,
)
from loan_default_assets.pipeline.model_evaluation import ModelEvaluation
from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.verdict_warnings import leakage_warning


def evaluation_checks(model: ModelEvaluation, limits: PromotionLimits) -> tuple[CheckResult, ...]:
    """The checks of the asset `evaluation` on the evaluated model; none of them stops anything."""
    f1, target = model.metrics.values["f1"], limits.f1_threshold
    return (
        CheckResult(FINITE_OUTPUTS, passed=model.policy_input.outputs_finite),
        CheckResult(
            F1_TARGET,
            passed=bool(f1 >= target),
            description=f"F1 of the default class {f1:.3f}, target {target}",
            figures={"f1": f1, "target": target},
            warning=True,
        ),
        _reference_check(model, limits),
        _leakage_check(model, limits),
    )


def _reference_check(model: ModelEvaluation, limits: PromotionLimits) -> CheckResult:
    reference, margin = model.policy_input.reference, limits.auc_margin
    if reference is None:
        return CheckResult(
            REFERENCE, passed=False, description="The model has no probabilities.", warning=True
        )
    return CheckResult(
        REFERENCE,
        passed=not reference.behind(margin),
        description=reference.sentence(margin),
        figures={
            name: value
            for name, value in (
                ("difference_low", reference.dauc_low),
                ("difference_high", reference.dauc_high),
            )
            if value == value
        },
        warning=True,
    )


def _leakage_check(model: ModelEvaluation, limits: PromotionLimits) -> CheckResult:
    found = leakage_warning(model.policy_input, limits)
    return CheckResult(
        LEAKAGE_EXCLUDED,
        passed=found is None,
        description="" if found is None else found.text,
        warning=True,
    )
