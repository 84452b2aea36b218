"""F1 before any outcome is known, expected from calibrated PDs alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DRAWS = 4_000


@dataclass(frozen=True)
class CalibrationSums:
    """Validation rows with one decision: how far the PDs of later loans with that decision may be wrong.

    Attributes:
        expected: Sum of their PDs.
        variance: Sum of PD (1 - PD), the variance of the number of defaults among them.
        defaults: Defaults among them.
    """

    expected: float = 0.0
    variance: float = 0.0
    defaults: int = 0

    @classmethod
    def of(cls, pd: np.ndarray, label: np.ndarray) -> CalibrationSums:
        """Sum over rows.

        Args:
            pd: (v,) calibrated PDs.
            label: (v,) 1 for a default.

        Examples:
            >>> CalibrationSums.of(np.array([0.5, 0.5]), np.array([1, 0]))
            CalibrationSums(expected=1.0, variance=0.5, defaults=1)
        """
        inside = pd.astype(np.float64)
        return cls(float(inside.sum()), float((inside * (1 - inside)).sum()), int((label == 1).sum()))

    @property
    def error(self) -> float:
        """Standard error of the PDs' sum, relative to it: by chance, or as the defaults differ from it if that is more.

        Examples:
            >>> CalibrationSums(expected=99.5, variance=25.0, defaults=80).error
            0.195
        """
        return max(math.sqrt(self.variance), abs(self.defaults - self.expected)) / (self.expected + 0.5)


@dataclass(frozen=True)
class ExpectedF1:
    """Expected F1 of the default class with its 95 % interval; NaN where no default is predicted or expected."""

    f1: float
    low: float
    high: float


def expected_f1(
    pd: np.ndarray,
    threshold: float,
    declined: CalibrationSums = CalibrationSums(),
    approved: CalibrationSums = CalibrationSums(),
    *,
    seed: int = 0,
) -> ExpectedF1:
    """Estimate F1 from confidence (CBPE: NannyML, "Estimation of performance of the monitored model", 2022).

    Each loan defaults with its PD, so true positives and missed defaults are two independent sums of unequal
    Bernoulli variables (Poisson-binomial), here by their normal limits. The interval holds the chance of their outcomes
    and the error of the calibration, by the validation rows. These do not correct the estimate: the calibration was
    fitted on them, and a threshold may have been chosen for their outcomes. The interval holds no change of what the
    features say about default (concept drift): the PDs are then wrong, and nothing but outcomes can show it.

    Args:
        pd: (n,) calibrated PDs.
        threshold: PD from which a default is predicted.
        declined: Validation rows at or above the threshold; without rows, the PDs have no error.
        approved: Those below it.
        seed: Seed of the simulation.

    Examples:
        >>> expected = expected_f1(np.array([0.9] * 100 + [0.1] * 900), 0.5)
        >>> round(expected.f1, 2), round(expected.low, 1), round(expected.high, 1)
        (0.64, 0.6, 0.7)
    """
    decided = pd >= threshold
    predicted = int(decided.sum())
    rng = np.random.default_rng(seed)
    means, drawn = [], []
    for part, sums in ((pd[decided], declined), (pd[~decided], approved)):
        inside = part.astype(np.float64)
        mean = float(inside.sum())
        deviation = math.hypot(math.sqrt((inside * (1 - inside)).sum()), sums.error * mean)
        means.append(mean)
        drawn.append((mean + deviation * rng.standard_normal(DRAWS)).clip(0, len(part)))
    if predicted + sum(means) < 0.5:
        return ExpectedF1(math.nan, math.nan, math.nan)
    found, missed = drawn
    low, high = np.percentile(2 * found / (predicted + found + missed).clip(1e-9), [2.5, 97.5])
    return ExpectedF1(2 * means[0] / (predicted + sum(means)), float(low), float(high))
