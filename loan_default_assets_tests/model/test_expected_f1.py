"""F1 expected from PDs: right within its interval while the PDs are, and wrong without notice under concept drift."""

import math
from functools import cache

import numpy as np
import pytest

from loan_default_assets.model.calibration import expected_f1_threshold, platt
from loan_default_assets.model.expected_f1 import CalibrationSums, expected_f1

LOANS = 1_000


def loans(rng: np.random.Generator, count: int, weight: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of loans, and their outcomes; `weight` is what the first column says about default."""
    columns = rng.normal(size=(count, 2))
    log_odds = weight * 2 * columns[:, 0] + columns[:, 1] - 2
    return columns, (rng.random(count) < 1 / (1 + np.exp(-log_odds))).astype(int)


@cache
def histories(weight: float = 1.0) -> tuple[int, int]:
    """Windows whose measured F1 lies in the interval, and all windows, of forty models with two windows each.

    Each model is fitted on 1,000 loans and calibrated on 600 others, as few as a training may have.
    """
    from sklearn.linear_model import LogisticRegression

    rng, inside, windows = np.random.default_rng(0), 0, 0
    for _ in range(40):
        model = LogisticRegression().fit(*loans(rng, 1_000))
        columns, label = loans(rng, 600)
        logit = model.decision_function(columns)
        calibration = platt(logit, label)
        validation = calibration.probability(logit)
        threshold = expected_f1_threshold(validation)
        above = validation >= threshold
        sums = [CalibrationSums.of(validation[part], label[part]) for part in (above, ~above)]
        for _ in range(2):
            columns, label = loans(rng, LOANS, weight)
            pd = calibration.probability(model.decision_function(columns))
            expected = expected_f1(pd, threshold, *sums)
            decided, default = pd >= threshold, label == 1
            measured = 2 * (decided & default).sum() / (decided.sum() + default.sum())
            inside, windows = inside + (expected.low <= measured <= expected.high), windows + 1
    return inside, windows


def test_the_measured_f1_lies_in_the_interval_of_nine_windows_in_ten() -> None:
    inside, windows = histories()
    assert inside >= 0.9 * windows


def test_concept_drift_is_not_seen_by_the_estimate() -> None:
    inside, windows = histories(weight=-0.2)
    assert inside <= 0.1 * windows


def test_the_interval_holds_the_chance_of_outcomes() -> None:
    rng = np.random.default_rng(1)
    pd = 1 / (1 + np.exp(-rng.normal(-1.5, 2, LOANS)))
    expected, decided = expected_f1(pd, 0.4), pd >= 0.4
    outcomes = rng.random((4_000, LOANS)) < pd
    drawn = 2 * (outcomes & decided).sum(1) / (decided.sum() + outcomes.sum(1))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert expected.f1 == pytest.approx(drawn.mean(), abs=0.002)
    assert (expected.low, expected.high) == pytest.approx((low, high), abs=0.006)


@pytest.mark.parametrize(("rows", "wider"), [(300, 2.1), (30_000, 1.0)])
def test_few_validation_rows_widen_the_interval(rows: int, wider: float) -> None:
    pd = 1 / (1 + np.exp(-np.random.default_rng(1).normal(-1.5, 2, LOANS)))
    known, above = expected_f1(pd, 0.4), pd >= 0.4
    sums = [
        CalibrationSums(mean * rows, variance * rows, round(mean * rows))
        for mean, variance in (
            (pd[part].sum() / LOANS, (pd[part] * (1 - pd[part])).sum() / LOANS) for part in (above, ~above)
        )
    ]
    fitted = expected_f1(pd, 0.4, *sums)
    assert fitted.f1 == pytest.approx(known.f1, abs=0.005)
    assert (fitted.high - fitted.low) / (known.high - known.low) == pytest.approx(wider, rel=0.25)


def test_pds_that_do_not_fit_the_validation_rows_widen_the_interval() -> None:
    pd = np.array([0.8] * 100 + [0.1] * 900)
    fits, does_not = (CalibrationSums(8_000, 1_600, defaults) for defaults in (8_000, 6_400))
    known, unknown = expected_f1(pd, 0.5, fits, fits), expected_f1(pd, 0.5, does_not, does_not)
    assert unknown.f1 == known.f1 == pytest.approx(160 / 270)
    assert unknown.high - unknown.low > 1.5 * (known.high - known.low)


@pytest.mark.parametrize(
    ("pd", "f1"), [([], math.nan), ([0.0] * 20, math.nan), ([1.0] * 20, 1.0), ([0.2] * 50, 0.0)]
)
def test_portfolios_without_defaults_or_without_decisions(pd: list[float], f1: float) -> None:
    expected = expected_f1(np.array(pd), 0.5)
    assert expected.f1 == pytest.approx(f1, abs=1e-6, nan_ok=True)
    assert math.isnan(f1) or expected.low <= expected.f1 <= expected.high
