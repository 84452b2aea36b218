"""Figures of the score equal those of scikit-learn, SciPy, published examples, or a computation by hand."""

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2, fisher_exact
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from loan_default_assets.model.auc_interval import auc_error, auc_interval
from loan_default_assets.model.metrics import evaluate
from loan_default_assets.reports.figures import calibration_bands as bands_module
from loan_default_assets.reports.figures.calibration_bands import calibration_figures
from loan_default_assets.reports.figures.calibration_line import calibration_line
from loan_default_assets.reports.figures.cut_offs import Economics, cut_offs
from loan_default_assets.reports.figures.discrimination import MOST_POINTS, Curve, discrimination
from loan_default_assets.reports.figures.proportions import (
    FigureSource,
    area_interval,
    jeffreys_interval,
    ratio_interval,
)
from loan_default_assets.reports.figures.rating_grades import grade_bounds, rating_grades
from loan_default_assets.reports.figures.sample_discrimination import sample_discrimination
from loan_default_assets.reports.figures.swap_set import swap_set, threshold_for_approval

HERE = FigureSource("a table", "a row")


def sample(rows: int = 4_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from their PDs, so that the PDs are right."""
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.2, 5, rows)
    return (rng.random(rows) < pd).astype(np.int8), pd


def area(curve: Curve) -> float:
    return float(np.trapezoid(curve.y, curve.x))


# Brown, Cai and DasGupta (2001), table 5, and the bounds that hold for no event and for every one.
@pytest.mark.parametrize(
    ("events", "rows", "low", "high"),
    [(0, 10, 0.0, 0.217), (1, 10, 0.011, 0.381), (3, 10, 0.093, 0.606), (10, 10, 0.783, 1.0)],
)
def test_jeffreys_interval(events: int, rows: int, low: float, high: float) -> None:
    found = jeffreys_interval(events, rows)
    assert found.value == events / rows
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


def test_figures_that_no_row_defines_are_nan() -> None:
    assert math.isnan(jeffreys_interval(0, 0).value)
    assert math.isnan(ratio_interval(3, 10, 0, 10).value)
    assert math.isnan(area_interval(np.zeros(3), np.arange(3.0)).value)


def test_the_ratio_of_large_samples_has_katz_interval() -> None:
    found = ratio_interval(2_000, 10_000, 1_000, 10_000)
    error = math.sqrt(1 / 2_000 - 1 / 10_000 + 1 / 1_000 - 1 / 10_000)
    assert found.value == 2.0
    assert found.low == pytest.approx(2 * math.exp(-1.96 * error), rel=5e-3)
    assert found.high == pytest.approx(2 * math.exp(1.96 * error), rel=5e-3)


@pytest.mark.parametrize(("rate", "rows"), [(0.97, 40), (0.99, 73), (0.02, 60), (0.5, 50)])
def test_the_ratio_of_equal_rates_is_rarely_said_to_differ(rate: float, rows: int) -> None:
    rng = np.random.default_rng(0)
    drawn = zip(rng.binomial(rows, rate, 1_000), rng.binomial(500, rate, 1_000), strict=True)
    found = [ratio_interval(int(one), rows, max(int(other), 1), 500) for one, other in drawn]
    # Nominal 50 of 1,000; Katz' interval says it in 300 of 40 loans of which 97 % are approved.
    assert sum(not one.low <= 1 <= one.high for one in found) <= 70


def test_the_ratio_of_a_group_without_events_is_bounded() -> None:
    found = ratio_interval(0, 30, 50, 100)
    assert (found.value, found.low) == (0.0, 0.0)
    assert 0.05 < found.high < 0.3


def test_ks_of_a_model_that_ranks_defaults_lowest_is_that_of_the_metrics() -> None:
    label, pd = sample(500)
    inverted = 1 - pd
    recorded = evaluate(label, inverted, 0.5, bootstrap=0).values["ks"]
    found = discrimination(label, inverted, HERE)
    assert found is not None
    assert found.ks == pytest.approx(recorded)
    assert sample_discrimination(label, inverted, HERE).ks == pytest.approx(recorded)
    assert recorded < 0.1


def test_area_interval_of_a_sample() -> None:
    rng = np.random.default_rng(1)
    label = np.repeat([1, 0], [51, 58])
    found = area_interval(label, np.where(label == 1, rng.normal(1.75, 1, 109), rng.normal(0, 1, 109)))
    assert (found.low, found.high) == auc_interval(found.value, 51, 58)
    assert 0 < found.low < found.value < found.high < 1
    # The example of Hanley and McNeil (1982): area .893, 51 abnormal and 58 normal images, standard error .032.
    assert auc_error(0.893, 51, 58) == pytest.approx(0.032, abs=1e-3)


def test_discrimination_equals_scikit_learn() -> None:
    label, pd = sample()
    found = discrimination(label, pd, HERE)
    assert found is not None
    assert found.roc_auc == roc_auc_score(label, pd)
    assert found.gini == 2 * roc_auc_score(label, pd) - 1
    assert found.pr_auc == average_precision_score(label, pd)
    # The drawn curves lose points, not shape.
    assert len(found.roc.x) <= MOST_POINTS + 1
    assert area(found.roc) == pytest.approx(found.roc_auc, abs=2e-3)
    assert area(found.precision_recall) == pytest.approx(found.pr_auc, abs=0.01)
    assert (found.roc.x[0], found.roc.y[0], found.roc.x[-1], found.roc.y[-1]) == (0, 0, 1, 1)
    assert sum(found.defaults_share) == pytest.approx(1)
    assert sum(found.others_share) == pytest.approx(1)


def test_ks_and_gains_by_hand() -> None:
    pd = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    label = np.array([0, 0, 0, 1, 0, 0, 1, 1, 1, 1])
    found = discrimination(label, pd, HERE)
    assert found is not None
    # Up to .6 all five other loans, and one of five defaults.
    assert (found.ks, found.ks_at) == (pytest.approx(0.8), 0.6)
    assert [band.captured for band in found.gains] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 1, 1, 1, 1]
    )
    assert found.gains[3].lift == pytest.approx((4 / 4) / (5 / 10))
    assert found.gains[-1].lift == 1


@pytest.mark.parametrize("label", [np.zeros(5), np.ones(5)])
def test_one_class_has_no_curves(label: np.ndarray) -> None:
    assert discrimination(label, np.linspace(0, 1, 5), HERE) is None


def test_calibration_by_tenths() -> None:
    label, pd = sample()
    found = calibration_figures(label, pd, HERE)
    assert [band.rows for band in found.bands] == [400] * 10
    assert sum(band.defaults for band in found.bands) == label.sum()
    # Right PDs: nearly all tenths lie within their interval, and the test does not reject.
    assert sum(band.within for band in found.bands) >= 8
    assert found.p_value > 0.01
    statistic = sum(
        (band.defaults - band.rows * band.mean_pd) ** 2 / (band.rows * band.mean_pd * (1 - band.mean_pd))
        for band in found.bands
    )
    assert found.hosmer_lemeshow == pytest.approx(statistic)
    assert found.p_value == pytest.approx(chi2.sf(statistic, 10))
    wrong = calibration_figures(label, np.sqrt(pd), HERE)
    assert wrong.p_value < 1e-6
    assert sum(band.within for band in wrong.bands) <= 2


def test_the_line_of_right_pds_has_slope_1_and_intercept_0_within_its_intervals() -> None:
    # Of 200 samples about 190 intervals hold the true value, and about 10 p-values are below 0.05.
    found = [calibration_line(*sample(1_000, seed=seed)) for seed in range(200)]
    lines = [line for line in found if line]
    assert len(lines) == 200
    for interval, true in (
        *((line.slope, 1) for line in lines),
        *((line.in_the_large, 0) for line in lines),
    ):
        assert interval.low < interval.value < interval.high
        assert true - 1 < interval.value < true + 1
    assert 180 <= sum(line.slope.low <= 1 <= line.slope.high for line in lines) <= 198
    assert 180 <= sum(line.intercept.low <= 0 <= line.intercept.high for line in lines) <= 198
    assert 180 <= sum(line.in_the_large.low <= 0 <= line.in_the_large.high for line in lines) <= 198
    assert 2 <= sum(line.p_value < 0.05 for line in lines) <= 20


@pytest.mark.parametrize(
    ("slope", "intercept"), [(1.0, 0.0), (0.5, 0.0), (2.0, 0.0), (1.0, 1.0), (1.0, -1.0), (0.6, -0.8)]
)
def test_the_line_finds_how_pds_were_altered(slope: float, intercept: float) -> None:
    label, pd = sample(20_000, seed=5)
    # log-odds of a default = intercept + slope * those of the altered PD.
    found = calibration_line(label, expit((logit(pd) - intercept) / slope))
    assert found is not None
    assert found.slope.low <= slope <= found.slope.high
    assert found.intercept.low <= intercept <= found.intercept.high
    assert (found.p_value < 1e-6) is ((slope, intercept) != (1.0, 0.0))
    if slope == 1.0:
        assert found.in_the_large.low <= intercept <= found.in_the_large.high


def test_the_line_of_two_pds_by_hand() -> None:
    # 3 of 10 default where the PD is .2, 5 of 10 where it is .5: a line through two points fits both rates.
    label = np.array([1] * 3 + [0] * 7 + [1] * 5 + [0] * 5)
    found = calibration_line(label, np.repeat([0.2, 0.5], 10))
    assert found is not None
    assert found.intercept.value == pytest.approx(logit(0.5), abs=1e-9)
    assert found.slope.value == pytest.approx(-logit(0.3) / math.log(4))
    error = math.sqrt(1 / (10 * 0.3 * 0.7) + 1 / (10 * 0.5 * 0.5)) / math.log(4)
    assert found.slope.high - found.slope.value == pytest.approx(1.959963984540054 * error)
    assert found.intercept.high == pytest.approx(1.959963984540054 / math.sqrt(10 * 0.5 * 0.5))
    ratio = 2 * (3 * math.log(0.3 / 0.2) + 7 * math.log(0.7 / 0.8))
    assert found.p_value == pytest.approx(chi2.sf(ratio, 2))


@pytest.mark.parametrize(
    ("label", "pd"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3]),
        ([1, 1, 1], [0.1, 0.2, 0.3]),
        ([0, 1, 0], [0.2, 0.2, 0.2]),
        ([0, 0, 1], [0.1, 0.2, 0.3]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.3]),
        ([1, 1, 0], [0.1, 0.2, 0.3]),
        ([1], [0.5]),
    ],
)
def test_a_line_that_no_sample_defines_is_none(label: list[int], pd: list[float]) -> None:
    assert calibration_line(np.array(label), np.array(pd)) is None


def test_pds_of_0_and_1_have_a_line() -> None:
    found = calibration_line(np.array([0, 1, 0, 1]), np.array([0.0, 0.4, 0.6, 1.0]))
    assert found is not None
    assert math.isfinite(found.slope.value)


def test_parts_of_the_brier_score_add_up() -> None:
    # With one PD per tenth the decomposition of Murphy (1973) is exact.
    label, _ = sample(1_000, seed=3)
    pd = np.repeat(np.linspace(0.05, 0.5, 10), 100)
    found = calibration_figures(label, pd, HERE)
    total = found.reliability - found.resolution + found.uncertainty
    assert total == pytest.approx(brier_score_loss(label, pd))


def test_cut_offs_by_hand() -> None:
    pd = np.repeat([0.1, 0.2, 0.4, 0.8], 5)
    label = np.array([0] * 5 + [1, 0, 0, 0, 0] + [1, 1, 0, 0, 0] + [1, 1, 1, 1, 0])
    found = cut_offs(label, pd, 0.4, Economics(lgd=0.5, margin=0.1, stated=True), HERE)
    # Equal PDs are never divided.
    assert [(band.rows, band.defaults, band.highest_pd) for band in found.bands] == [
        (5, 0, 0.1),
        (5, 1, 0.2),
        (5, 2, 0.4),
        (5, 4, 0.8),
    ]
    assert [band.approval_rate for band in found.bands] == [0.25, 0.5, 0.75, 1.0]
    assert [band.bad_rate for band in found.bands] == pytest.approx([0, 0.1, 0.2, 0.35])
    assert [band.marginal_bad_rate for band in found.bands] == pytest.approx([0, 0.2, 0.4, 0.8])
    assert [band.expected_loss for band in found.bands] == pytest.approx(
        [0.05, 0.075, 0.5 * 0.7 / 3, 0.5 * 0.375]
    )
    assert [band.result for band in found.bands] == pytest.approx(
        [0.25 * 0.1, 0.5 * (0.9 * 0.1 - 0.1 * 0.5), 0.75 * (0.8 * 0.1 - 0.2 * 0.5), 0.65 * 0.1 - 0.35 * 0.5]
    )
    assert (found.approval_rate, found.bad_rate) == (0.5, pytest.approx(0.1))
    # One approved default, and four declined loans that would have been repaid, of twenty.
    assert found.costs.at_threshold == pytest.approx((1 * 0.5 + 4 * 0.1) / 20)
    assert found.economics.break_even_pd == pytest.approx(1 / 6)


def test_the_cheapest_threshold_of_right_pds_is_the_break_even_pd() -> None:
    label, pd = sample(60_000, seed=5)
    found = cut_offs(label, pd, 0.5, Economics(lgd=0.4, margin=0.1), HERE)
    assert found.costs.cheapest == pytest.approx(found.economics.break_even_pd, abs=0.03)
    assert found.costs.cheapest_cost <= found.costs.at_threshold
    assert len(found.bands) == 20


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_is_cheaper_than_the_cheapest(seed: int) -> None:
    label, pd = sample(300, seed)
    costs = cut_offs(label, pd, 0.1, Economics(), HERE).costs
    assert costs.cheapest_cost <= costs.at_threshold


def test_a_swap_set_by_hand() -> None:
    label = np.array([0, 1, 0, 1, 1, 0])
    pd = np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    other = np.array([0.1, 0.1, 0.9, 0.1, 0.9, 0.9])
    found = swap_set(label, pd, 0.5, other, 0.4, other="c0", source=HERE)
    assert [
        (cell.rows, cell.defaults)
        for cell in (found.both_approve, found.swapped_in, found.swapped_out, found.both_decline)
    ] == [(2, 1), (1, 0), (1, 1), (2, 1)]


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 1.0])
def test_a_threshold_approves_the_rate(rate: float) -> None:
    _, pd = sample(1_000)
    assert (pd < threshold_for_approval(pd, rate)).mean() == pytest.approx(rate, abs=1e-3)


def test_grades_are_monotone_where_they_are_chosen() -> None:
    rng = np.random.default_rng(2)
    label, pd = sample(3_000, seed=2)
    noisy = np.clip(pd + rng.normal(0, 0.15, len(pd)), 0.001, 0.999)
    bounds = grade_bounds(label, noisy)
    rates = [
        label[np.searchsorted(bounds, noisy, side="right") == grade].mean()
        for grade in range(len(bounds) + 1)
    ]
    assert rates == sorted(rates)
    assert list(bounds) == sorted(set(bounds))


def test_neighbouring_bands_are_pooled_until_no_rate_falls() -> None:
    pd = np.repeat([0.1, 0.2, 0.3, 0.4], 10)
    label = np.concatenate([np.repeat([1, 0], [k, 10 - k]) for k in (1, 4, 2, 8)])
    # The second and the third band have rates .4 and .2 and become one of .3.
    assert grade_bounds(label, pd, grades=4).tolist() == [0.2, 0.4]


def test_grades_hold_all_loans_of_the_window() -> None:
    validation, window = sample(2_000, seed=6), sample(1_500, seed=7)
    found = rating_grades(*validation, *window, HERE)
    bands = [grade.band for grade in found.grades if grade.band]
    assert sum(band.rows for band in bands) == 1_500
    assert sum(band.defaults for band in bands) == window[0].sum()
    assert (found.grades[0].lowest_pd, found.grades[-1].highest_pd) == (0.0, 1.0)
    for grade in found.grades:
        assert grade.band is None or grade.lowest_pd <= grade.band.mean_pd <= grade.highest_pd
    upside_down = rating_grades(*validation, 1 - window[0], window[1], HERE)
    assert found.inversions <= 1 < upside_down.inversions
    assert upside_down.inversion_p_value < 0.001


@pytest.mark.parametrize(
    ("defaults", "p_value"), [((0, 0, 1, 0), 1.0), ((5, 20, 0, 30), 0.0), ((1, 2, 3, 4), 1.0)]
)
def test_inverted_grades_are_told_from_chance(defaults: tuple[int, ...], p_value: float) -> None:
    """By Fisher's exact test as SciPy computes it, with Holm's correction for three pairs."""
    pd = np.repeat([0.1, 0.2, 0.3, 0.4], 100)
    validation = np.concatenate([np.repeat([1, 0], [k, 100 - k]) for k in (10, 20, 30, 40)])
    label = np.concatenate([np.repeat([1, 0], [k, 100 - k]) for k in defaults])
    found = rating_grades(validation, pd, label, pd, HERE)
    assert len(found.grades) == 4
    assert found.inversion_p_value == pytest.approx(p_value, abs=1e-4)
    if defaults == (5, 20, 0, 30):
        by_scipy = fisher_exact([[0, 100], [20, 80]], alternative="less").pvalue
        assert found.inversion_p_value == pytest.approx(3 * by_scipy, rel=1e-9)


def test_right_grades_are_rarely_inverted_beyond_chance() -> None:
    rng, failed = np.random.default_rng(0), 0
    for _ in range(200):
        pd = rng.beta(0.7, 12, 1_400)
        found = rating_grades(
            *((rng.random(1_400) < pd).astype(int), pd), (rng.random(1_400) < pd).astype(int), pd, HERE
        )
        failed += found.inversion_p_value < 0.05
    # 141 of these windows have an inversion.
    assert failed <= 10


@pytest.mark.parametrize(("expected", "most"), [(1, 12), (3, 16), (10, 18), (2_000, 22)])
def test_right_pds_fail_hosmer_and_lemeshow_as_often_as_the_level_says(expected: float, most: int) -> None:
    rng = np.random.default_rng(0)
    failed = 0
    for _ in range(200):
        pd = rng.beta(0.7, 12, 1_400) if expected < 100 else rng.beta(5, 5, 4_000)
        pd = np.clip(pd * expected / pd.sum(), 0, 1)
        failed += calibration_figures((rng.random(len(pd)) < pd).astype(int), pd, HERE).p_value < 0.05
    # Nominal 10 of 200; chi-squared rejects in 40, 38, 25 and 10.
    assert failed <= most


def test_draws_and_chi_squared_agree_where_both_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    pd = rng.beta(2, 5, 3_000)
    label = (rng.random(3_000) < pd).astype(int)
    exact = calibration_figures(label, pd, HERE).p_value
    monkeypatch.setattr(bands_module, "FEWEST_EXPECTED", 10**6)
    assert calibration_figures(label, pd, HERE).p_value == pytest.approx(exact, abs=0.02)
