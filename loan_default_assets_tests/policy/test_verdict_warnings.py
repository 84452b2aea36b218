"""What a reader of a verdict must know besides its word."""

import json
from dataclasses import replace
from datetime import date

import pytest

from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.verdict_warnings import recorded_warnings

GOOD = EvaluatedModel("new", 1200, 180, 0.83, 0.7, 0.03, True, True, True, True)
DOUBT = LeakageDoubt(0.912, 0.88, (("letters", 0.74), ("visits", 0.71)))


def inputs(model: EvaluatedModel) -> PromotionInputs:
    return PromotionInputs(model, None, None, PromotionLimits(), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, []),
        ({"doubt": DOUBT}, ["leakage_doubt"]),
        ({"roc_auc_low": 0.98}, ["leakage_not_excluded"]),
        ({"roc_auc_low": 0.98, "doubt": DOUBT}, ["leakage_not_excluded"]),
        ({"roc_auc_low": 0.98, "attested": True}, []),
        ({"roc_auc_low": 0.98, "positives": 19, "doubt": DOUBT}, ["leakage_doubt"]),
    ],
    ids=["none", "doubt", "near perfect", "the gravest alone", "attested", "few defaults"],
)
def test_the_warnings_follow_from_the_recorded_figures(changes: dict[str, object], kinds: list[str]) -> None:
    stored = json.loads(json.dumps(inputs(replace(GOOD, **changes)).as_dict()))  # type: ignore[arg-type]
    assert [warning.kind for warning in recorded_warnings(stored)] == kinds


@pytest.mark.parametrize("stored", [None, {}, {"candidate": None}])
def test_inputs_that_were_not_recorded_have_no_warnings(stored: dict[str, object] | None) -> None:
    assert recorded_warnings(stored) == ()


@pytest.mark.parametrize("rows", [1200, 100])
@pytest.mark.parametrize("f1", [0.83, 0.5])
def test_a_doubt_changes_no_decision_and_is_among_the_reasons(rows: int, f1: float) -> None:
    model = replace(GOOD, rows=rows, f1=f1)
    certain, doubtful = inputs(model).verdict(), inputs(replace(model, doubt=DOUBT)).verdict()
    assert (doubtful.decision, doubtful.promote) == (certain.decision, certain.promote)
    assert doubtful.reasons == (*certain.reasons, DOUBT.sentence())
    assert "letters (0.740), visits (0.710)" in DOUBT.sentence()


def test_recorded_inputs_give_the_doubt_back() -> None:
    found = inputs(replace(GOOD, doubt=DOUBT))
    assert PromotionInputs.from_dict(json.loads(json.dumps(found.as_dict()))) == found
