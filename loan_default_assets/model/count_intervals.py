"""Intervals of metrics from counts, for windows of which resampled rows know too little: a few defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from loan_default_assets.model.auc_interval import NORMAL_QUANTILE, auc_interval

LEVEL = 0.95


def intervals_of_counts(
    values: Mapping[str, float], defaults: np.ndarray, predicted: np.ndarray
) -> dict[str, tuple[float, float]]:
    """Intervals of all metrics but Brier score and ECE.

    One default is the same one in every resample, and percentiles of resampled rows do not know what they never drew.

    Args:
        values: The metrics, by name.
        defaults: (n,) bool, at least one of each.
        predicted: (n,) bool: whether a default is predicted.

    Examples:
        >>> values = {"roc_auc": 0.75, "pr_auc": 0.8, "ks": 0.5}
        >>> found = intervals_of_counts(values, np.array([True, True, False]), np.array([True, False, False]))
        >>> [round(bound, 3) for bound in found["recall"]]
        [0.061, 0.939]
    """
    rows, positives, found = len(defaults), int(defaults.sum()), int(predicted.sum())
    true_positives = int((defaults & predicted).sum())
    return {
        "f1": f1_interval(true_positives, found, positives),
        "precision": share_interval(true_positives, found),
        "recall": share_interval(true_positives, positives),
        "accuracy": share_interval(int((defaults == predicted).sum()), rows),
        "roc_auc": auc_interval(values["roc_auc"], positives, rows - positives),
        "pr_auc": pr_auc_interval(values["pr_auc"], positives),
        "ks": ks_interval(values["ks"], positives, rows - positives),
    }


def share_interval(events: float, rows: float) -> tuple[float, float]:
    """A share with Jeffreys' 95 % interval, from 0 where no row and to 1 where every row is an event.

    Brown, Cai and DasGupta (Statistical Science 16, 2001).

    Args:
        events: Rows that count, at most `rows`.
        rows: All rows; of none, every share is possible.

    Examples:
        >>> [round(bound, 3) for bound in share_interval(0, 1)], share_interval(0, 0)
        ([0.0, 0.853], (0.0, 1.0))
    """
    from scipy.stats import beta

    if rows == 0:
        return 0.0, 1.0
    low, high = beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], events + 0.5, rows - events + 0.5)
    return 0.0 if events == 0 else float(low), 1.0 if events == rows else float(high)


def f1_interval(true_positives: float, predicted: float, positives: float) -> tuple[float, float]:
    """F1 with the interval of the share of true positives among loans that default or are predicted to.

    F1 = 2 * s / (1 + s) of this share s, and rises with it.

    Args:
        true_positives: Defaults that are predicted.
        predicted: Loans that are predicted to default.
        positives: Defaults.

    Examples:
        >>> [round(bound, 3) for bound in f1_interval(0, 2, 1)]
        [0.0, 0.698]
    """
    low, high = share_interval(true_positives, predicted + positives - true_positives)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def f1_difference_interval(
    label: np.ndarray, one_predicted: np.ndarray, other_predicted: np.ndarray, correlation: float
) -> tuple[float, float]:
    """F1 of one model minus that of another with the square-and-add interval of both (Newcombe, Stat. Med. 17, 1998).

    Args:
        label: (n,) 0 or 1.
        one_predicted: (n,) bool: whether the model predicts a default.
        other_predicted: (n,) bool, of the other model.
        correlation: Of both F1 in resampled rows; NaN where one does not vary, and counts as 0 if below it.

    Examples:
        >>> label, found = np.array([1, 0, 0]), np.array([True, False, False])
        >>> low, high = f1_difference_interval(label, found, ~found, 0.0)
        >>> low < 0 < 1.0 == high
        True
        >>> f1_difference_interval(label, found, found, 1.0)
        (0.0, 0.0)
    """
    if (one_predicted == other_predicted).all():
        return 0.0, 0.0
    positives, shown = int((label == 1).sum()), []
    for predicted in (one_predicted, other_predicted):
        true_positives, count = int((predicted & (label == 1)).sum()), int(predicted.sum())
        shown.append(
            (2 * true_positives / (count + positives), *f1_interval(true_positives, count, positives))
        )
    (one, one_low, one_high), (other, other_low, other_high) = shown
    shared = max(0.0 if math.isnan(correlation) else correlation, 0.0)

    def width(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * shared * a * b + b * b, 0.0))

    return (
        max(one - other - width(one - one_low, other_high - other), -1.0),
        min(one - other + width(one_high - one, other - other_low), 1.0),
    )


def pr_auc_interval(area: float, positives: int) -> tuple[float, float]:
    """PR-AUC with the interval that is normal in its log-odds (Boyd, Eng and Page, ECML PKDD 2013).

    An area of 1 has no log-odds: half a default is taken from it, and the upper bound is 1.

    Args:
        area: Average precision, above 0.
        positives: Defaults, at least one.

    Examples:
        >>> [round(bound, 3) for bound in pr_auc_interval(0.1, 50)]
        [0.042, 0.219]
    """
    from scipy.special import expit, logit

    inside = min(area, 1 - 0.5 / positives)
    half = NORMAL_QUANTILE / math.sqrt(positives * inside * (1 - inside))
    middle = float(logit(inside))
    return float(expit(middle - half)), max(float(expit(middle + half)), area)


def ks_interval(distance: float, positives: int, others: int) -> tuple[float, float]:
    """The KS statistic with the interval of all distances from which `ks_limit` does not exclude it.

    Args:
        distance: Measured statistic, in 0..1.
        positives: Defaults, at least one.
        others: Other loans, at least one.

    Examples:
        >>> [round(bound, 3) for bound in ks_interval(0.7, 1, 1_000)]
        [0.0, 1.0]
    """
    limit = ks_limit(positives, others)
    return max(distance - limit, 0.0), min(distance + limit, 1.0)


def ks_limit(positives: int, others: int) -> float:
    """What the distance of two samples of one distribution exceeds in 5 % of the cases (Kolmogorov; Smirnov 1948).

    SciPy's distribution for m * n / (m + n) rows, as its test of two samples takes it. Smirnov's formula for large
    samples is above 1, which no distance exceeds, for one default.

    Args:
        positives: Rows of one sample, at least one.
        others: Rows of the other, at least one.

    Examples:
        >>> round(ks_limit(1, 1_000), 3), round(ks_limit(500, 2_000), 3)
        (0.975, 0.067)
    """
    from scipy.stats import kstwo

    return float(kstwo.ppf(LEVEL, max(round(positives * others / (positives + others)), 1)))
