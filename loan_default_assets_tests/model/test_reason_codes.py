"""Reason codes: the largest contributions, in two languages, each text once."""

import numpy as np
import pytest

from loan_default_assets.model.reason_codes import MAX_REASONS, ReasonRanking
from loan_default_assets_tests.bento.small_portfolio import portfolio

# In the order of the features: income, debt, children, hired, burden, then grade, job, model config.
NAMES = ["income", "debt", "children", "hired", "burden", "grade", "job", "model config"]
RANKING = ReasonRanking(portfolio().reason_texts())


@pytest.mark.parametrize(
    ("parts", "adverse", "codes"),
    [
        ({"income": 1.0}, True, ["income"]),
        ({"income": -1.0}, True, []),
        ({"income": -1.0}, False, ["income"]),
        ({"income": 0.3, "debt": 0.2, "burden": 0.2}, True, ["debt", "income"]),
        ({"debt": 0.5, "burden": -0.5}, True, []),
        ({"burden": 0.5}, True, ["debt"]),
        ({name: 1.0 + n for n, name in enumerate(NAMES)}, True, ["model config", "debt", "job", "grade"]),
        ({"grade": 0.1, "job": -0.4, "income": 0.2}, False, ["job", "income", "grade"]),
        ({}, True, []),
    ],
)
def test_the_largest_contributions_come_first(
    parts: dict[str, float], adverse: bool, codes: list[str]
) -> None:
    assert [*portfolio().features.numerical, *portfolio().features.categorical] == NAMES
    assert [code for code, _, _ in portfolio().reason_texts()] == NAMES
    assert len(RANKING) == len(NAMES)
    found = RANKING.rank(np.array([parts.get(name, 0.0) for name in NAMES]), adverse=adverse)
    assert [reason.code for reason in found] == codes
    assert len(found) <= MAX_REASONS


def test_texts_are_the_portfolios() -> None:
    (reason,) = RANKING.rank(np.eye(len(NAMES))[0], adverse=True)
    assert (reason.en, reason.ko, reason.contribution) == ("Income", "소득", 1.0)
    (plain,) = RANKING.rank(np.eye(len(NAMES))[5], adverse=True)
    assert (plain.en, plain.ko) == ("grade", "grade")
