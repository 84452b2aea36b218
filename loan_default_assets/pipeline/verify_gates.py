"""Whether every promotion verdict follows from the figures that were recorded with it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.warehouse.evaluations import EvaluationInputs, EvaluationRecord


@dataclass(frozen=True)
class GateCounts:
    """Verdicts that were computed again, and those whose figures an earlier release did not record."""

    recomputed: int
    not_recorded: int


def verify_gates(evaluations: Iterable[EvaluationInputs], deviations: Deviations) -> GateCounts:
    """Decide on the recorded figures again."""
    recomputed = missing = 0
    for each in evaluations:
        if each.inputs is None:
            missing += 1
            continue
        recomputed += 1
        row = f"evaluation {each.id} of version {each.evaluation.model_version}"
        try:
            inputs = PromotionInputs.from_dict(each.inputs)
            verdict = inputs.verdict().decision
        except ValueError as error:
            deviations.add(
                "gate", "evaluation_inputs", row, expected="figures to decide on", found=str(error)
            )
            continue
        for name, (figure, recorded) in _figures(inputs, each.evaluation).items():
            if figure != recorded and not (_undefined(figure) and _undefined(recorded)):
                deviations.add(
                    "gate",
                    "model_performance",
                    row,
                    expected=f"{name} {figure}, on which the policy decided",
                    found=f"{recorded}",
                )
        if verdict != each.evaluation.verdict:
            deviations.add(
                "gate",
                "model_performance",
                row,
                expected=f"verdict {verdict}, which follows from its figures",
                found=each.evaluation.verdict,
            )
    return GateCounts(recomputed, missing)


def _figures(inputs: PromotionInputs, evaluation: EvaluationRecord) -> dict[str, tuple[object, object]]:
    """Each figure that is recorded twice: as an input of the policy, and in `model_performance`."""
    model, reference = inputs.candidate, inputs.candidate.reference
    recorded = (evaluation.baseline or {}).get("roc_auc_difference", (None, None))
    others = {
        "version": (model.version, evaluation.model_version),
        "rows": (model.rows, evaluation.rows),
        "positives": (model.positives, evaluation.positives),
        "f1": (model.f1, evaluation.metrics.get("f1")),
        "ece": (model.ece, evaluation.metrics.get("ece")),
        "lower bound of roc_auc": (
            model.roc_auc_low,
            evaluation.intervals.get("roc_auc", (math.nan, math.nan))[0],
        ),
        "lower bound of roc_auc_difference": (None if reference is None else reference.dauc_low, recorded[0]),
        "upper bound of roc_auc_difference": (
            None if reference is None else reference.dauc_high,
            recorded[1],
        ),
        "lower bound of roc_auc of the reference": (
            None if reference is None else reference.roc_auc_low,
            (evaluation.baseline or {}).get("roc_auc_low"),
        ),
    }
    if (
        evaluation.role == "candidate"
        and evaluation.compared_with is not None
        and inputs.champion is not None
    ):
        others["champion"] = (inputs.champion.version, evaluation.compared_with)
    return others


def _undefined(value: object) -> bool:
    return value is None or value != value
