"""Whether a candidate replaces the champion: hard gates, non-inferiority on the same rows, the F1 target."""

from dataclasses import dataclass, replace
from typing import Literal

from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.rounding import format_distinct

Decision = Literal[
    "approved",
    "approved_below_target",
    "approved_leakage_not_excluded",
    "provisional",
    "rejected",
    "insufficient_labels",
]
# Verdicts under which the chain promotes, or proposes to promote.
PROMOTING: tuple[Decision, ...] = ("approved", "approved_below_target", "provisional")


@dataclass(frozen=True)
class Verdict:
    """The promotion verdict on a candidate.

    Attributes:
        decision: The recorded outcome.
        promote: Whether the candidate becomes champion.
        reasons: Sentences with the figures that decided.
    """

    decision: Decision
    promote: bool
    reasons: tuple[str, ...]


def decide_promotion(
    candidate: EvaluatedModel,
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
    limits: PromotionLimits,
) -> Verdict:
    """The promotion verdict on a candidate.

    Near-perfect discrimination, of the candidate or of the best reference on the same rows, is leakage until the
    features that carry it are attested: such a candidate is rejected, also where there is no champion; and no model
    is deployed that is not shown to beat chance. A champion that cannot score the rows (its outputs, schema,
    artifact or smoke check fail) counts as absent. The champion itself as candidate is neither rejected nor
    promoted; leakage that is not excluded comes before its F1, which then shows nothing, be it above the target or
    below. A doubt that accuses no feature rejects nothing: its sentence is among the reasons.

    Args:
        candidate: The model to decide on.
        champion: The serving model on the same window; None without one.
        comparison: The paired differences; given exactly with a champion that can score the rows.
        limits: The limits of the policy.

    Raises:
        ValueError: The two models were evaluated on different windows, or the comparison is missing or superfluous.
    """
    verdict = _verdict(candidate, champion, comparison, limits)
    if candidate.doubt is not None and leakage_not_excluded(candidate, limits) is None:
        verdict = replace(verdict, reasons=(*verdict.reasons, candidate.doubt.sentence()))
    reference = candidate.reference
    if reference is None:
        return verdict
    reasons = (*verdict.reasons, reference.sentence(limits.auc_margin))
    if verdict.promote and limits.reference_gate == "require" and reference.behind(limits.auc_margin):
        conclusion = "REFERENCE_GATE=require promotes no model that may be worse than the reference."
        return Verdict("rejected", False, (*reasons, conclusion))
    return replace(verdict, reasons=reasons)


def _verdict(
    candidate: EvaluatedModel,
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
    limits: PromotionLimits,
) -> Verdict:
    if champion is not None and champion.version == candidate.version:
        return _verdict_on_champion(candidate, limits)
    if failures := _integrity_failures(candidate):
        return Verdict("rejected", False, failures)
    notes: tuple[str, ...] = ()
    if champion is not None and (failures := _integrity_failures(champion)):
        notes = (f"Champion {champion.version} cannot score these rows and is not compared.", *failures)
        champion, comparison = None, None
    if champion is not None and (champion.rows, champion.positives) != (candidate.rows, candidate.positives):
        raise ValueError(
            f"{candidate.version} was evaluated on {candidate.rows} rows with {candidate.positives} defaults, "
            f"champion {champion.version} on {champion.rows} with {champion.positives}: "
            "evaluate both on the same window"
        )
    if warning := leakage_not_excluded(candidate, limits):
        return Verdict("rejected", False, (*notes, warning))
    if shortage := _label_shortage(candidate, limits):
        return _verdict_on_few_labels(candidate, champion, notes, shortage, limits)
    if (champion is None) != (comparison is None):
        raise ValueError(
            "a comparison is required with a champion that can score these rows, and refused otherwise"
        )

    passed, failed = _quality_gates(candidate, limits)
    better = False
    if champion is not None and comparison is not None:
        compared = _non_inferiority(champion, comparison, limits)
        passed, failed = passed + compared[0], failed + compared[1]
        better = comparison.df1_low > 0
    if failed:
        return Verdict("rejected", False, notes + failed)
    met, target = _target_check(candidate, limits)
    reasons = (*notes, *passed, target)
    if met:
        return Verdict("approved", True, reasons)
    if limits.policy == "strict":
        return Verdict("rejected", False, (*reasons, "The strict policy deploys no model below the target."))
    if champion is None:
        conclusion = "There is no champion: the candidate is deployed provisionally."
        return Verdict("provisional", True, (*reasons, conclusion))
    if better:
        conclusion = (
            "The candidate is significantly better than the champion: it is deployed, with a warning."
        )
        return Verdict("approved_below_target", True, (*reasons, conclusion))
    conclusion = f"No significant improvement over champion {champion.version}, which keeps serving."
    return Verdict("rejected", False, (*reasons, conclusion))


def _verdict_on_champion(model: EvaluatedModel, limits: PromotionLimits) -> Verdict:
    notes = (
        f"{model.version} is already the champion; there is nothing to promote.",
        *_integrity_failures(model),
    )
    warning = leakage_not_excluded(model, limits)
    if warning:
        notes = (*notes, warning)
    if shortage := _label_shortage(model, limits):
        return Verdict("insufficient_labels", False, (*notes, shortage))
    met, target = _target_check(model, limits)
    if warning:
        return Verdict("approved_leakage_not_excluded", False, (*notes, target))
    return Verdict("approved" if met else "approved_below_target", False, (*notes, target))


def _verdict_on_few_labels(
    candidate: EvaluatedModel,
    champion: EvaluatedModel | None,
    notes: tuple[str, ...],
    shortage: str,
    limits: PromotionLimits,
) -> Verdict:
    if champion is not None:
        conclusion = f"Champion {champion.version} keeps serving."
        return Verdict("insufficient_labels", False, (*notes, shortage, conclusion))
    if limits.policy == "strict":
        conclusion = "The strict policy deploys no model that has not met the target."
        return Verdict("insufficient_labels", False, (*notes, shortage, conclusion))
    discriminates, sentence = _beats_chance(candidate, limits)
    if not discriminates:
        conclusion = "A model that is not shown to beat chance is not deployed."
        return Verdict("insufficient_labels", False, (*notes, shortage, sentence, conclusion))
    conclusion = (
        "There is no champion: the candidate is deployed provisionally; its quality is not established."
    )
    return Verdict("provisional", True, (*notes, shortage, conclusion))


def _integrity_failures(model: EvaluatedModel) -> tuple[str, ...]:
    checks = (
        (model.outputs_finite, "returns probabilities that are not finite"),
        (model.schema_matches, "was trained with another portfolio than that of these rows"),
        (model.artifact_matches, "has an artifact whose SHA-256 is not the registered one"),
        (model.smoke_passed, "could not be loaded and scored in a fresh process"),
    )
    return tuple(f"{model.version} {failure}." for passed, failure in checks if not passed)


def _label_shortage(model: EvaluatedModel, limits: PromotionLimits) -> str | None:
    if model.rows >= limits.sample_threshold and model.positives >= limits.positive_threshold:
        return None
    return (
        f"The evaluation window has {model.rows} matured rows with {_counted(model.positives)}; a verdict requires "
        f"{limits.sample_threshold} rows with {limits.positive_threshold} defaults."
    )


def _quality_gates(model: EvaluatedModel, limits: PromotionLimits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ece, limit = format_distinct(model.ece, limits.max_ece)
    calibrated = model.ece <= limits.max_ece
    return _passed_and_failed(
        _beats_chance(model, limits),
        (
            calibrated,
            f"The expected calibration error (ECE) {ece} {'meets' if calibrated else 'does not meet'} "
            f"the limit {limit}.",
        ),
    )


def _beats_chance(model: EvaluatedModel, limits: PromotionLimits) -> tuple[bool, str]:
    auc, floor = format_distinct(model.roc_auc_low, limits.auc_floor)
    discriminates = model.roc_auc_low > limits.auc_floor
    return (
        discriminates,
        f"The lower 95 % bound of ROC-AUC is {auc}, {'above' if discriminates else 'not above'} {floor}.",
    )


def _non_inferiority(
    champion: EvaluatedModel, comparison: Comparison, limits: PromotionLimits
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def check(name: str, low: float, high: float, margin: float) -> tuple[bool, str]:
        passed = low >= -margin
        lower, limit = format_distinct(low, -margin)
        return passed, (
            f"{name} minus that of champion {champion.version}, on the same rows, is between {lower} and "
            f"{high:.3f} (95 %); the lower bound is {'not below' if passed else 'below'} {limit}."
        )

    return _passed_and_failed(
        check("F1", comparison.df1_low, comparison.df1_high, limits.f1_margin),
        check("ROC-AUC", comparison.dauc_low, comparison.dauc_high, limits.auc_margin),
    )


def _target_check(model: EvaluatedModel, limits: PromotionLimits) -> tuple[bool, str]:
    met = model.f1 >= limits.f1_threshold
    f1, target = format_distinct(model.f1, limits.f1_threshold)
    rows = f"on {model.rows} rows with {_counted(model.positives)}"
    return met, f"F1 {f1} {rows} {'meets' if met else 'is below'} the target {target}."


def _passed_and_failed(*checks: tuple[bool, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    passed = tuple(sentence for holds, sentence in checks if holds)
    failed = tuple(sentence for holds, sentence in checks if not holds)
    return passed, failed


def _counted(defaults: int) -> str:
    return "1 default" if defaults == 1 else f"{defaults} defaults"
