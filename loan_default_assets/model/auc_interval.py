"""The interval of ROC-AUC from its value and the counts of both classes, which holds for a few defaults too."""

from __future__ import annotations

import math

NORMAL_QUANTILE = 1.959963984540054


def auc_error(true: float, positives: int, negatives: int) -> float:
    """The standard error of a measured ROC-AUC (Hanley and McNeil 1982, with the mean count of both classes).

    Args:
        true: The true ROC-AUC, in 0..1.
        positives: Rows of one class, at least one.
        negatives: Rows of the other, at least one.

    Examples:
        >>> round(auc_error(0.5, 1, 10**9), 3), round((1 / 12) ** 0.5, 3)
        (0.289, 0.289)
    """
    others = (positives + negatives) / 2 - 1
    spread = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
    return math.sqrt(true * (1 - true) * spread / (positives * negatives))


def auc_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """The 95 % interval of ROC-AUC: all areas from which the measured one is not further than their own error.

    Newcombe (Statistics in Medicine 25, 2006, method 5). Percentiles of resampled rows do not know what they never
    drew: one default that ranks high by chance has an interval of high ranks only.

    Args:
        area: Measured ROC-AUC, in 0..1.
        positives: Rows of one class, at least one.
        negatives: Rows of the other, at least one.

    Examples:
        >>> low, high = auc_interval(1.0, 1, 39)
        >>> round(low, 3), high
        (0.427, 1.0)
        >>> [round(bound, 3) for bound in auc_interval(0.8, 200, 1_000)]
        [0.764, 0.831]
    """
    from scipy.optimize import brentq

    def beyond(true: float) -> float:
        return abs(area - true) - NORMAL_QUANTILE * auc_error(true, positives, negatives)

    def bound(end: float) -> float:
        if area == end:
            return end
        # An area of 0 or 1 has no error, and is a bound by itself; another one is looked for.
        low, high = sorted((area + (end - area) * 1e-9, end))
        return float(brentq(beyond, low, high))

    return bound(0.0), bound(1.0)
