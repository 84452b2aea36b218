"""Intervals of ROC-AUC, and of the difference of two, that hold for a few defaults too."""

from __future__ import annotations

import math

import numpy as np

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


def auc_difference_interval(label: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the ROC-AUC of one score minus that of another one on the same rows.

    DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), with the quantile of Student's t for the rows of the rarer
    class: two defaults show how far they differ from each other, and hardly anything else. One row shows nothing of
    that, so that its interval has every difference.

    Args:
        label: (n,) 0 or 1, at least one of each.
        one: (n,) finite scores.
        other: (n,) finite scores.

    Examples:
        >>> label, scores = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([1.0, 2, 3, 4, 5, 6, 7])
        >>> auc_difference_interval(label[:5], scores[:5], -scores[:5])
        (-1.0, 1.0)
        >>> [round(bound, 3) for bound in auc_difference_interval(label, scores, np.array([1.0, 3, 5, 7, 2, 4, 6]))]
        [-0.615, 1.0]
    """
    from scipy.stats import t

    defaults = label == 1
    rarer = int(min(defaults.sum(), (~defaults).sum()))
    if rarer < 2:
        return -1.0, 1.0
    by_default, by_other = (
        left - right
        for left, right in zip(_placements(defaults, one), _placements(defaults, other), strict=True)
    )
    difference = float(by_default.mean())
    variance = float(by_default.var(ddof=1) / len(by_default) + by_other.var(ddof=1) / len(by_other))
    half = float(t.ppf(0.975, rarer - 1)) * math.sqrt(variance)
    return max(difference - half, -1.0), min(difference + half, 1.0)


def _placements(defaults: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each default the share of other loans below it, of each other loan the share of defaults above it."""
    from scipy.stats import rankdata

    rank, positives = rankdata(score), int(defaults.sum())
    below = (rank[defaults] - rankdata(score[defaults])) / (len(score) - positives)
    return below, 1 - (rank[~defaults] - rankdata(score[~defaults])) / positives
