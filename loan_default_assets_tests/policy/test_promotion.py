"""The promotion verdict on a candidate, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from loan_default_assets.policy.promotion import PROMOTING, decide_promotion, format_distinct
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_gates import decided_gates
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.reference_gate import ReferenceDifference

NAN = float("nan")
DEFAULT = PromotionLimits()
STRICT = PromotionLimits(policy="strict")
GOOD = EvaluatedModel("new", 1200, 180, 0.83, 0.7, 0.03, True, True, True, True)
LOW = replace(GOOD, f1=0.52)
CHAMPION = replace(GOOD, version="old", f1=0.81)
SMALL = replace(GOOD, rows=999)
FEW = replace(GOOD, positives=99)
SAME = Comparison(-0.009, 0.02, -0.004, 0.01)
BETTER = Comparison(0.004, 0.03, 0.001, 0.02)
WORSE_F1 = Comparison(-0.011, 0.03, 0.001, 0.02)
WORSE_AUC = Comparison(0.004, 0.03, -0.006, 0.02)


@pytest.mark.parametrize(
    ("candidate", "champion", "comparison", "limits", "decision", "promote", "words"),
    [
        (GOOD, None, None, DEFAULT, "approved", True, "F1 0.830 on 1200 rows with 180 defaults meets"),
        (GOOD, None, None, STRICT, "approved", True, "meets the target 0.800"),
        (LOW, None, None, DEFAULT, "provisional", True, "There is no champion"),
        (LOW, None, None, STRICT, "rejected", False, "strict policy"),
        (SMALL, None, None, DEFAULT, "provisional", True, "999 matured rows with 180 defaults"),
        (FEW, None, None, DEFAULT, "provisional", True, "1200 matured rows with 99 defaults"),
        (SMALL, None, None, STRICT, "insufficient_labels", False, "strict policy"),
        (replace(GOOD, f1=0.8), None, None, DEFAULT, "approved", True, "meets"),
        (replace(GOOD, f1=0.79996), None, None, DEFAULT, "provisional", True, "F1 0.79996 on"),
        (GOOD, CHAMPION, SAME, DEFAULT, "approved", True, "between -0.009 and 0.020"),
        (GOOD, CHAMPION, SAME, STRICT, "approved", True, "meets"),
        (GOOD, CHAMPION, WORSE_F1, DEFAULT, "rejected", False, "F1 minus that of champion old"),
        (GOOD, CHAMPION, WORSE_AUC, DEFAULT, "rejected", False, "ROC-AUC minus that of champion old"),
        (GOOD, replace(CHAMPION, f1=0.79), WORSE_F1, DEFAULT, "rejected", False, "is below -0.010"),
        (GOOD, CHAMPION, Comparison(-0.01, 0, -0.005, 0), DEFAULT, "approved", True, "is not below -0.010"),
        (GOOD, CHAMPION, Comparison(NAN, NAN, NAN, NAN), DEFAULT, "rejected", False, "nan"),
        (LOW, CHAMPION, BETTER, DEFAULT, "approved_below_target", True, "with a warning"),
        (LOW, CHAMPION, BETTER, STRICT, "rejected", False, "strict policy"),
        (LOW, CHAMPION, SAME, DEFAULT, "rejected", False, "champion old, which keeps serving"),
        (LOW, CHAMPION, Comparison(0.0, 0.1, 0, 0.1), DEFAULT, "rejected", False, "keeps serving"),
        (LOW, CHAMPION, WORSE_AUC, DEFAULT, "rejected", False, "ROC-AUC"),
        (
            SMALL,
            replace(CHAMPION, rows=999),
            SAME,
            DEFAULT,
            "insufficient_labels",
            False,
            "old keeps serving",
        ),
        (
            SMALL,
            replace(CHAMPION, rows=999),
            None,
            DEFAULT,
            "insufficient_labels",
            False,
            "old keeps serving",
        ),
        (replace(GOOD, roc_auc_low=0.5), None, None, DEFAULT, "rejected", False, "not above 0.500"),
        (replace(GOOD, roc_auc_low=NAN), None, None, DEFAULT, "rejected", False, "nan"),
        (replace(GOOD, ece=0.151), None, None, DEFAULT, "rejected", False, "does not meet the limit 0.150"),
        (replace(GOOD, ece=0.15), None, None, DEFAULT, "approved", True, "meets the limit 0.150"),
        (replace(GOOD, f1=NAN), None, None, DEFAULT, "provisional", True, "F1 nan"),
    ],
)
def test_verdict(
    candidate: EvaluatedModel,
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
    limits: PromotionLimits,
    decision: str,
    promote: bool,
    words: str,
) -> None:
    verdict = decide_promotion(candidate, champion, comparison, limits)
    assert (verdict.decision, verdict.promote) == (decision, promote)
    assert words in " ".join(verdict.reasons)
    assert all(reason.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize("auc", [0.3, 0.5, NAN])
@pytest.mark.parametrize("window", [{}, {"rows": 40, "positives": 8}, {"positives": 99}])
@pytest.mark.parametrize("limits", [DEFAULT, STRICT])
def test_a_model_that_is_not_shown_to_beat_chance_is_never_served(
    auc: float, window: dict[str, int], limits: PromotionLimits
) -> None:
    verdict = decide_promotion(replace(GOOD, roc_auc_low=auc, **window), None, None, limits)
    assert verdict.decision in ("rejected", "insufficient_labels")
    assert not verdict.promote


REQUIRE = replace(DEFAULT, reference_gate="require")
TREES = "HistGradientBoosting"


@pytest.mark.parametrize(
    ("difference", "words", "behind"),
    [
        ((-0.003, 0.02), "the lower bound is not below -0.005", False),
        ((-0.005, 0.02), "the lower bound is not below -0.005", False),
        ((-0.0051, 0.02), "the reference may discriminate better", True),
        ((-0.03, -0.01), "the reference discriminates better", True),
        ((NAN, NAN), "do not define a difference", True),
    ],
)
@pytest.mark.parametrize(("champion", "comparison"), [(None, None), (CHAMPION, BETTER)])
@pytest.mark.parametrize("candidate", [GOOD, LOW, SMALL])
def test_the_reference_warns_or_refuses(
    difference: tuple[float, float],
    words: str,
    behind: bool,
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
    candidate: EvaluatedModel,
) -> None:
    same = replace(champion, rows=candidate.rows) if champion else None
    plain = decide_promotion(candidate, same, comparison, DEFAULT)
    compared = replace(candidate, reference=ReferenceDifference(TREES, *difference))
    warned = decide_promotion(compared, same, comparison, DEFAULT)
    required = decide_promotion(compared, same, comparison, REQUIRE)
    assert (warned.decision, warned.promote) == (plain.decision, plain.promote)
    assert words in warned.reasons[-1]
    assert TREES in warned.reasons[-1]
    assert required.promote == (plain.promote and not behind)
    if plain.promote and behind:
        assert required.decision == "rejected"
        assert "REFERENCE_GATE=require" in required.reasons[-1]


NEAR_PERFECT = replace(GOOD, roc_auc_low=0.971, f1=0.99)


@pytest.mark.parametrize("limits", [DEFAULT, STRICT])
@pytest.mark.parametrize("window", [{}, {"rows": 300, "positives": 20}])
@pytest.mark.parametrize(("champion", "comparison"), [(None, None), (CHAMPION, BETTER)])
def test_near_perfect_discrimination_is_rejected_as_leakage_not_excluded(
    limits: PromotionLimits,
    window: dict[str, Any],
    champion: EvaluatedModel | None,
    comparison: Comparison | None,
) -> None:
    same = replace(champion, **window) if champion else None
    verdict = decide_promotion(replace(NEAR_PERFECT, **window), same, comparison, limits)
    assert (verdict.decision, verdict.promote) == ("rejected", False)
    assert verdict.reasons[-1].startswith("Leakage not excluded: the lower 95 % bound of ROC-AUC is 0.971")
    assert "known_at_application" in verdict.reasons[-1]


@pytest.mark.parametrize(
    ("model", "decision"),
    [
        (replace(NEAR_PERFECT, attested=True), "approved"),
        (replace(NEAR_PERFECT, roc_auc_low=0.97), "approved"),
        (replace(NEAR_PERFECT, positives=19), "provisional"),
    ],
)
def test_an_attestation_or_too_few_defaults_lift_the_ceiling(model: EvaluatedModel, decision: str) -> None:
    assert decide_promotion(model, None, None, DEFAULT).decision == decision


MEMORISED = replace(GOOD, reference=ReferenceDifference(TREES, -0.21, -0.17, 0.993))


@pytest.mark.parametrize("limits", [DEFAULT, STRICT])
@pytest.mark.parametrize(("champion", "comparison"), [(None, None), (CHAMPION, BETTER)])
def test_a_near_perfect_reference_rejects_an_ordinary_candidate(
    limits: PromotionLimits, champion: EvaluatedModel | None, comparison: Comparison | None
) -> None:
    verdict = decide_promotion(MEMORISED, champion, comparison, limits)
    assert (verdict.decision, verdict.promote) == ("rejected", False)
    assert verdict.reasons[0].startswith(f"Leakage not excluded: the lower 95 % bound of ROC-AUC of {TREES}")
    assert "is 0.993, above 0.970" in verdict.reasons[0]
    assert "name the column of the applicant under key" in verdict.reasons[0]


def test_a_champion_beside_a_near_perfect_reference_is_not_simply_approved() -> None:
    assert decide_promotion(MEMORISED, MEMORISED, None, DEFAULT).decision == "approved_leakage_not_excluded"


@pytest.mark.parametrize(
    "model",
    [
        replace(MEMORISED, attested=True),
        replace(MEMORISED, reference=ReferenceDifference(TREES, -0.21, -0.17, 0.97)),
        replace(MEMORISED, reference=ReferenceDifference(TREES, -0.21, -0.17)),
        replace(MEMORISED, reference=None),
    ],
    ids=["attested", "at the ceiling", "not recorded", "no reference"],
)
def test_other_references_reject_nothing(model: EvaluatedModel) -> None:
    assert decide_promotion(model, None, None, DEFAULT).decision == "approved"


def test_a_verdict_under_rules_that_did_not_look_at_the_reference_stands() -> None:
    stored = PromotionInputs(MEMORISED, None, None, DEFAULT).as_dict()
    assert stored["rules"] == 4
    assert PromotionInputs.from_dict(stored).verdict().decision == "rejected"
    del stored["candidate"]["reference"]["roc_auc_low"]
    del stored["candidate"]["doubt"]
    stored["rules"] = 2
    assert PromotionInputs.from_dict(stored).verdict().decision == "approved"


@pytest.mark.parametrize(("bound", "decision"), [(0.98, "rejected"), (0.97, "provisional")])
def test_the_ceiling_is_compared_with_the_bound_by_resampled_rows(bound: float, decision: str) -> None:
    """Newcombe's lower bound of a perfect feature is below the ceiling with 20 defaults."""
    model = replace(GOOD, rows=300, positives=20, roc_auc_low=0.9, resampled_auc_low=bound)
    inputs = PromotionInputs(model, None, None, DEFAULT)
    assert inputs.verdict().decision == decision
    assert PromotionInputs.from_dict(inputs.as_dict()) == inputs
    gate = next(gate for gate in decided_gates(inputs) if gate.name == "leakage_excluded")
    assert (gate.value, gate.passed) == (bound, decision == "provisional")


def test_few_defaults_that_rank_high_by_chance_are_not_deployed() -> None:
    model = replace(GOOD, rows=300, positives=1, roc_auc_low=0.4, resampled_auc_low=0.93)
    verdict = decide_promotion(model, None, None, DEFAULT)
    assert (verdict.decision, verdict.promote) == ("insufficient_labels", False)
    assert "300 matured rows with 1 default;" in verdict.reasons[0]
    # A record of a former release has one bound, on which it was decided.
    stored = PromotionInputs(replace(model, roc_auc_low=0.93), None, None, DEFAULT).as_dict()
    del stored["candidate"]["resampled_auc_low"]
    assert PromotionInputs.from_dict(stored | {"rules": 3}).verdict().decision == "provisional"


@pytest.mark.parametrize(("f1", "words"), [(0.99, "meets the target"), (0.5, "is below the target")])
def test_a_champion_with_leakage_not_excluded_has_a_verdict_of_its_own(f1: float, words: str) -> None:
    """Neither "approved" nor "below the target", whatever its F1, which shows nothing."""
    model = replace(NEAR_PERFECT, f1=f1)
    verdict = decide_promotion(model, model, None, DEFAULT)
    assert (verdict.decision, verdict.promote) == ("approved_leakage_not_excluded", False)
    assert "Leakage not excluded" in verdict.reasons[-2]
    assert words in verdict.reasons[-1]


def test_too_few_labels_do_not_hide_leakage_of_the_champion() -> None:
    model = replace(NEAR_PERFECT, rows=300, positives=20)
    verdict = decide_promotion(model, model, None, DEFAULT)
    assert verdict.decision == "insufficient_labels"
    assert "Leakage not excluded" in verdict.reasons[-2]


def test_leakage_that_is_not_excluded_is_no_reason_to_promote() -> None:
    assert "approved_leakage_not_excluded" not in PROMOTING


@pytest.mark.parametrize(
    ("model", "former", "present"),
    [
        (NEAR_PERFECT, "approved_below_target", "approved_leakage_not_excluded"),
        (LOW, "approved_below_target", "approved_below_target"),
        (GOOD, "approved", "approved"),
    ],
)
def test_recorded_verdicts_keep_the_word_of_their_rules(
    model: EvaluatedModel, former: str, present: str
) -> None:
    inputs = PromotionInputs(model, model, None, DEFAULT)
    stored = inputs.as_dict()
    assert PromotionInputs.from_dict(stored).verdict().decision == present
    assert inputs.verdict().decision == present
    del stored["rules"]
    assert PromotionInputs.from_dict(stored).verdict().decision == former


INTEGRITY_FAILURES = {
    "outputs_finite": "not finite",
    "schema_matches": "another portfolio",
    "artifact_matches": "SHA-256",
    "smoke_passed": "fresh process",
}


@pytest.mark.parametrize(("failure", "words"), INTEGRITY_FAILURES.items())
@pytest.mark.parametrize("limits", [DEFAULT, STRICT])
@pytest.mark.parametrize("champion", [None, CHAMPION])
@pytest.mark.parametrize("window", [{}, {"rows": 10, "positives": 1}])
def test_a_failed_hard_gate_rejects_whatever_else_passes(
    failure: str, words: str, limits: PromotionLimits, champion: EvaluatedModel | None, window: dict[str, int]
) -> None:
    broken: dict[str, Any] = {failure: False, **window}
    comparison = BETTER if champion else None
    verdict = decide_promotion(replace(GOOD, **broken), champion, comparison, limits)
    assert (verdict.decision, verdict.promote) == ("rejected", False)
    assert words in verdict.reasons[0]


@pytest.mark.parametrize("failure", INTEGRITY_FAILURES)
@pytest.mark.parametrize(
    ("candidate", "limits", "decision"),
    [
        (GOOD, DEFAULT, "approved"),
        (LOW, DEFAULT, "provisional"),
        (SMALL, DEFAULT, "provisional"),
        (LOW, STRICT, "rejected"),
        (SMALL, STRICT, "insufficient_labels"),
        (replace(GOOD, ece=0.4), DEFAULT, "rejected"),
    ],
)
def test_a_champion_that_cannot_score_these_rows_counts_as_absent(
    failure: str, candidate: EvaluatedModel, limits: PromotionLimits, decision: str
) -> None:
    broken: dict[str, Any] = {failure: False, "rows": 0, "positives": 0}
    verdict = decide_promotion(candidate, replace(CHAMPION, **broken), None, limits)
    assert verdict.decision == decision
    assert verdict.reasons[0] == "Champion old cannot score these rows and is not compared."


@pytest.mark.parametrize("limits", [DEFAULT, STRICT])
@pytest.mark.parametrize(
    ("model", "decision"),
    [
        (GOOD, "approved"),
        (LOW, "approved_below_target"),
        (SMALL, "insufficient_labels"),
        (replace(GOOD, smoke_passed=False), "approved"),
    ],
)
def test_the_champion_itself_is_neither_promoted_nor_rejected(
    model: EvaluatedModel, decision: str, limits: PromotionLimits
) -> None:
    verdict = decide_promotion(model, model, None, limits)
    assert (verdict.decision, verdict.promote) == (decision, False)
    assert "already the champion" in verdict.reasons[0]


def test_every_failed_gate_is_named() -> None:
    bad = replace(GOOD, roc_auc_low=0.4, ece=0.4)
    verdict = decide_promotion(bad, CHAMPION, Comparison(-0.2, -0.1, -0.3, -0.2), DEFAULT)
    assert len(verdict.reasons) == 4


@pytest.mark.parametrize(
    ("champion", "comparison"),
    [
        (CHAMPION, None),
        (None, SAME),
        (replace(CHAMPION, rows=1199), SAME),
        (replace(CHAMPION, positives=1), SAME),
    ],
)
def test_figures_of_two_windows_are_refused(
    champion: EvaluatedModel | None, comparison: Comparison | None
) -> None:
    with pytest.raises(ValueError, match=r"window|comparison"):
        decide_promotion(GOOD, champion, comparison, DEFAULT)


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (0.5, 0.8, ("0.500", "0.800")),
        (0.8, 0.8, ("0.800", "0.800")),
        (0.7999, 0.8, ("0.7999", "0.8000")),
        (NAN, 0.8, ("nan", "0.800")),
    ],
)
def test_rounding_never_hides_a_difference(value: float, limit: float, shown: tuple[str, str]) -> None:
    assert format_distinct(value, limit) == shown
