"""Reason codes: the largest contributions, in two languages, each text once."""

import numpy as np
import pytest

from loan_default_assets.model.reason_codes import CANDIDATES, MAX_REASONS, ReasonRanking
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


def test_candidates_are_the_features_with_the_largest_estimates() -> None:
    ranking = ReasonRanking([(f"f{i}", f"f{i}", f"f{i}") for i in range(20)])
    estimates = np.stack([np.arange(20.0) - 10, -np.arange(20.0), np.arange(20.0)])
    differs = np.ones((3, 20), bool)
    differs[2, 12:] = False
    found = ranking.candidates(estimates, differs, np.array([True, False, True]))
    assert [np.flatnonzero(row).tolist() for row in found] == [
        list(range(20 - CANDIDATES, 20)),
        list(range(20 - CANDIDATES, 20)),
        list(range(12 - CANDIDATES, 12)),
    ]


@pytest.mark.parametrize(
    ("sizes", "largest", "expected"),
    [
        # Texts of one feature each, and one of three: whole, although that is more than the seven.
        ([1] * 6 + [3] + [1] * 9, 6, 9),
        # Four texts always, however many features they have.
        ([5] * 6, 3, 20),
        ([9, 1, 1, 1, 1, 1, 1], 3, 12),
    ],
)
def test_features_of_one_text_are_candidates_together(sizes: list[int], largest: int, expected: int) -> None:
    text_of = np.repeat(np.arange(len(sizes)), sizes)
    ranking = ReasonRanking([(f"f{i}", f"t{text}", f"t{text}") for i, text in enumerate(text_of)])
    estimates = (len(sizes) - text_of) / np.array(sizes)[text_of]
    found = ranking.candidates(estimates[None], np.ones((1, len(text_of)), bool), np.array([True]))[0]
    chosen = np.unique(text_of[found])
    assert chosen.tolist() == list(range(len(chosen)))
    assert chosen[-1] >= largest
    assert found.sum() == expected == np.isin(text_of, chosen).sum()
    reasons = ranking.rank(np.where(found, estimates, 0.0), adverse=True)
    assert reasons == ranking.rank(estimates, adverse=True)
