import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.reports.figures import implied_figures
from loan_default_assets.reports.figures.implied_figures import area_p_value, count_p_value


def test_the_p_value_of_a_count_is_that_of_all_outcomes() -> None:
    pd = np.array([0.02, 0.3, 0.11, 0.6, 0.05])
    chance = np.zeros(6)
    for outcome in itertools.product((0, 1), repeat=5):
        chance[sum(outcome)] += np.where(np.array(outcome) == 1, pd, 1 - pd).prod()
    for defaults in range(6):
        tail = min(chance[: defaults + 1].sum(), chance[defaults:].sum())
        assert count_p_value(defaults, pd) == pytest.approx(min(2 * tail, 1), abs=1e-12)


def test_many_expected_defaults_are_counted_by_the_normal_distribution() -> None:
    pd = np.full(1_000, 0.2)
    assert count_p_value(230, pd) == pytest.approx(2 * norm.sf(30 / math.sqrt(160)))
    assert count_p_value(990, np.full(1_000, 0.999)) < 1e-5
    assert count_p_value(0, np.full(10, 1.0)) == 0


@pytest.mark.parametrize("expected", [0.5, 5, 60])
def test_the_counts_of_many_loans_are_those_of_the_exact_distribution(
    expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd = np.random.default_rng(4).beta(0.5, 0.5 * 3_000 / expected, 3_000)
    mean, deviation = pd.sum(), math.sqrt((pd * (1 - pd)).sum())
    counts = [max(round(mean + z * deviation), 0) for z in (-3, -2, -0.5, 0.5, 2, 3)]
    exact = [count_p_value(count, pd) for count in counts]
    monkeypatch.setattr(implied_figures, "MOST_EXACT", 10)
    assert [count_p_value(count, pd) for count in counts] == pytest.approx(exact, rel=0.03)
    others = [count_p_value(3_000 - count, 1 - pd) for count in counts]
    assert others == pytest.approx(exact, rel=0.03)


def test_loans_that_cannot_default_have_no_default() -> None:
    assert (count_p_value(0, np.zeros(20)), count_p_value(1, np.zeros(20))) == (1, 0)


@pytest.mark.parametrize(("rows", "expected"), [(150, 0.5), (150, 2), (400, 8)])
def test_right_pds_of_few_defaults_are_rarely_found_wrong(rows: int, expected: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(1_500):
        pd = 1 / (1 + np.exp(-rng.normal(-5.5, 1.8, rows)))
        pd = np.clip(pd * expected / pd.sum(), 0, 0.95)
        label = (rng.random(rows) < pd).astype(np.int8)
        area = roc_auc(label, pd) if 0 < label.sum() < rows else math.nan
        found.append((count_p_value(int(label.sum()), pd), area_p_value(area, int(label.sum()), pd)))
    # The correction for a hundred groups looks at p-values of 0.0005: nominal 0.75 of 1,500; normal ones gave up to 18.
    assert ((np.array(found) < 0.0005).sum(0) <= 4).all()
    assert ((np.array(found) < 0.05).sum(0) <= 105).all()


def test_few_other_loans_are_as_few_defaults() -> None:
    rng = np.random.default_rng(1)
    pd = rng.beta(12, 0.4, 300)
    assert area_p_value(0.6, 297, pd) == pytest.approx(area_p_value(0.6, 3, 1 - pd))
    assert area_p_value(0.6, 297, pd) > 1e-4


def test_the_p_value_of_an_area_is_that_of_defaults_drawn_by_the_pds() -> None:
    rng = np.random.default_rng(2)
    pd = rng.beta(0.5, 12, 400)
    drawn = []
    while len(drawn) < 3_000:
        label = (rng.random(400) < pd).astype(np.int8)
        if label.sum() == 9:
            drawn.append(roc_auc(label, pd))
    for quantile in (0.02, 0.1, 0.5):
        area = float(np.quantile(drawn, quantile))
        assert area_p_value(area, 9, pd) == pytest.approx(quantile, abs=0.3 * quantile + 0.02)


def test_the_area_of_one_default_is_as_likely_as_the_pds_of_those_that_rank_as_low() -> None:
    pd = np.sort(np.random.default_rng(3).beta(0.3, 12, 500))
    for rank in (200, 400):
        label = (np.arange(500) == rank).astype(np.int8)
        likely = pd[: rank + 1].sum() / pd.sum()
        assert area_p_value(roc_auc(label, pd), 1, pd) == pytest.approx(likely, rel=0.15)


def test_an_area_that_is_not_defined_shows_no_weakness() -> None:
    assert area_p_value(math.nan, 0, np.full(10, 0.1)) == 1
    assert area_p_value(0.2, 3, np.zeros(10)) == 1
