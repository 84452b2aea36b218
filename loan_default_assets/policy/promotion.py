"""Whether a candidate replaces the champion: hard gates, non-inferiority on the same rows, the F1 target."""

from dataclasses import dataclass
from typing import Literal

Decision = Literal["approved", "approved_below_target", "provisional", "rejected", "insufficient_labels"]
PromotionPolicy = Literal["better_than_champion", "strict"]


@dataclass(frozen=True)
class EvaluatedModel:
    """One model on the evaluation window, as measured by whoever asks for a verdict.

    rows, positives: labelled rows of the window and the defaults among them. f1: of the default class, at the
    threshold stored with the model. roc_auc_low: lower bound of the 95 % interval. ece: expected calibration
    error. All three lie in 0..1; NaN (a window of one class) never passes a gate.
    smoke_passed: a fresh process loaded the artefact and scored a row.
    """

    version: str
    rows: int
    positives: int
    f1: float
    roc_auc_low: float
    ece: float
    outputs_finite: bool
    schema_matches: bool
    artefact_matches: bool
    smoke_passed: bool


@dataclass(frozen=True)
class Comparison:
    """95 % bounds of candidate minus champion, by a bootstrap that draws the same rows for both."""

    df1_low: float
    df1_high: float
    dauc_low: float
    dauc_high: float


@dataclass(frozen=True)
class PromotionLimits:
    """f1_margin and auc_margin: how much worse a candidate may turn out to be at the lower 95 % bound."""

    f1_threshold: float = 0.8
    policy: PromotionPolicy = "better_than_champion"
    sample_threshold: int = 1000
    positive_threshold: int = 100
    auc_floor: float = 0.5
    max_ece: float = 0.15
    f1_margin: float = 0.01
    auc_margin: float = 0.005


@dataclass(frozen=True)
class Verdict:
    """promote: make the candidate champion. reasons: sentences with the figures that decided."""

    decision: Decision
    promote: bool
    reasons: tuple[str, ...]


def decide_promotion(
    candidate: EvaluatedModel,
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
    limits: PromotionLimits,
) -> Verdict:
    """The verdict on a candidate.

    A champion that cannot score the rows (its outputs, schema, artefact or smoke check fail) is replaced as if
    there were none. The champion judged against itself is never rejected and never promoted: it stands.
    Raises ValueError when the two were judged on different windows, or when a comparison is missing or idle.
    """
    if champion is not None and champion.version == candidate.version:
        return _standing(candidate, limits)
    if faults := _faults(candidate):
        return Verdict("rejected", False, faults)
    notes: tuple[str, ...] = ()
    if champion is not None and (faults := _faults(champion)):
        notes = (f"Champion {champion.version} cannot score these rows, so it is not compared with.", *faults)
        champion, comparison = None, None
    if champion is not None and (champion.rows, champion.positives) != (candidate.rows, candidate.positives):
        raise ValueError(
            f"{candidate.version} was judged on {candidate.rows} rows with {candidate.positives} defaults, "
            f"champion {champion.version} on {champion.rows} with {champion.positives}: "
            "judge both on the same window"
        )
    if shortage := _shortage(candidate, limits):
        return _unjudged(champion, notes, shortage, limits)
    if (champion is None) != (comparison is None):
        raise ValueError("a comparison is needed with a champion that scores these rows, and only then")

    passed, failed = _gates(candidate, limits)
    better = False
    if champion is not None and comparison is not None:
        compared = _compare(champion, comparison, limits)
        passed, failed = passed + compared[0], failed + compared[1]
        better = comparison.df1_low > 0
    if failed:
        return Verdict("rejected", False, notes + failed)
    met, target = _target(candidate, limits)
    reasons = (*notes, *passed, target)
    if met:
        return Verdict("approved", True, reasons)
    if limits.policy == "strict":
        return Verdict("rejected", False, (*reasons, "The strict policy deploys nothing below the target."))
    if champion is None:
        answer = (
            "There is no champion to keep: the candidate serves provisionally, so that requests are answered."
        )
        return Verdict("provisional", True, (*reasons, answer))
    if better:
        answer = "The candidate is better than the champion beyond chance: it serves, with a warning."
        return Verdict("approved_below_target", True, (*reasons, answer))
    answer = f"It is not shown to be better than champion {champion.version}, which keeps serving."
    return Verdict("rejected", False, (*reasons, answer))


def _standing(model: EvaluatedModel, limits: PromotionLimits) -> Verdict:
    notes = (f"{model.version} is the champion already: nothing to promote.", *_faults(model))
    if shortage := _shortage(model, limits):
        return Verdict("insufficient_labels", False, (*notes, shortage))
    met, target = _target(model, limits)
    return Verdict("approved" if met else "approved_below_target", False, (*notes, target))


def _unjudged(
    champion: EvaluatedModel | None, notes: tuple[str, ...], shortage: str, limits: PromotionLimits
) -> Verdict:
    if champion is not None:
        answer = f"Champion {champion.version} keeps serving."
        return Verdict("insufficient_labels", False, (*notes, shortage, answer))
    if limits.policy == "strict":
        answer = "The strict policy deploys nothing that has not met the target."
        return Verdict("insufficient_labels", False, (*notes, shortage, answer))
    answer = "There is no champion to keep: the candidate serves provisionally, its quality not yet shown."
    return Verdict("provisional", True, (*notes, shortage, answer))


def _faults(model: EvaluatedModel) -> tuple[str, ...]:
    checks = (
        (model.outputs_finite, "gives probabilities that are not finite"),
        (model.schema_matches, "was trained under another portfolio than these rows"),
        (model.artefact_matches, "has an artefact whose SHA-256 is not the registered one"),
        (model.smoke_passed, "could not be loaded and asked for a prediction in a fresh process"),
    )
    return tuple(f"{model.version} {fault}." for holds, fault in checks if not holds)


def _shortage(model: EvaluatedModel, limits: PromotionLimits) -> str | None:
    if model.rows >= limits.sample_threshold and model.positives >= limits.positive_threshold:
        return None
    return (
        f"The window has {model.rows} matured rows with {model.positives} defaults; a verdict needs "
        f"{limits.sample_threshold} rows with {limits.positive_threshold} defaults."
    )


def _gates(model: EvaluatedModel, limits: PromotionLimits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    auc, floor = figures(model.roc_auc_low, limits.auc_floor)
    ece, most = figures(model.ece, limits.max_ece)
    ranks, calibrated = model.roc_auc_low > limits.auc_floor, model.ece <= limits.max_ece
    return _sorted(
        (ranks, f"ROC-AUC at its lower 95 % bound is {auc}, {'above' if ranks else 'not above'} {floor}."),
        (
            calibrated,
            f"The calibration error (ECE) is {ece}, {'within' if calibrated else 'not within'} {most}.",
        ),
    )


def _compare(
    champion: EvaluatedModel, comparison: Comparison, limits: PromotionLimits
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def line(name: str, low: float, high: float, margin: float) -> tuple[bool, str]:
        holds = low >= -margin
        shown, least = figures(low, -margin)
        return holds, (
            f"{name} minus that of champion {champion.version}, on the same rows, lies between {shown} and "
            f"{high:.3f} (95 %): the lower bound is {'not under' if holds else 'under'} {least}."
        )

    return _sorted(
        line("F1", comparison.df1_low, comparison.df1_high, limits.f1_margin),
        line("ROC-AUC", comparison.dauc_low, comparison.dauc_high, limits.auc_margin),
    )


def _target(model: EvaluatedModel, limits: PromotionLimits) -> tuple[bool, str]:
    met = model.f1 >= limits.f1_threshold
    f1, target = figures(model.f1, limits.f1_threshold)
    rows = f"on {model.rows} rows with {model.positives} defaults"
    return met, f"F1 {f1} {rows} {'meets' if met else 'is below'} the target {target}."


def _sorted(*checks: tuple[bool, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    passed = tuple(sentence for holds, sentence in checks if holds)
    failed = tuple(sentence for holds, sentence in checks if not holds)
    return passed, failed


def figures(value: float, limit: float) -> tuple[str, str]:
    """Both with three decimals, or with as many as it takes to tell them apart: 0.79996 is not 0.800."""
    for digits in range(3, 17):
        shown, bound = f"{value:.{digits}f}", f"{limit:.{digits}f}"
        if shown != bound or value == limit:
            return shown, bound
    return repr(value), repr(limit)
