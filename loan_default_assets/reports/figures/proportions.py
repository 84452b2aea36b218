"""Where a figure was recorded, and rates of counted rows with their 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.auc_interval import NORMAL_QUANTILE, auc_interval


@dataclass(frozen=True)
class FigureSource:
    """Where a figure comes from, so that a validator can find it.

    Attributes:
        table: Table of the portfolio's schema, or a file of the artifact.
        row: The row, or the rows and the model that scored them.
    """

    table: str
    row: str


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bounds; NaN where the rows do not define it."""

    value: float
    low: float
    high: float


def jeffreys_interval(events: int, rows: int) -> Interval:
    """A default rate with Jeffreys' interval, as the supervisory validation of PDs uses it.

    Bounds are quantiles of Beta(events + 1/2, rows - events + 1/2); 0 and 1 where no row, or every row, is an event
    (Brown, Cai and DasGupta 2001).

    Examples:
        >>> found = jeffreys_interval(1, 10)
        >>> found.value, round(found.low, 4), round(found.high, 4)
        (0.1, 0.011, 0.3813)
    """
    from loan_default_assets.model.count_intervals import share_interval

    if rows == 0:
        return Interval(math.nan, math.nan, math.nan)
    return Interval(events / rows, *share_interval(events, rows))


def ratio_interval(events: int, rows: int, other_events: int, other_rows: int) -> Interval:
    """The ratio of two rates with the interval that follows from Jeffreys' of each (Donner and Zou 2012).

    Katz' interval (1978) has no width where every row is an event, as in a small group that is approved entirely.

    Args:
        events: Events of the first group.
        rows: Rows of the first group.
        other_events: Events of the group in the denominator.
        other_rows: Rows of the group in the denominator.

    Examples:
        >>> found = ratio_interval(30, 100, 60, 100)
        >>> found.value, round(found.low, 3), round(found.high, 3)
        (0.5, 0.351, 0.694)
        >>> found = ratio_interval(40, 40, 970, 1_000)
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (1.031, 0.968, 1.044)
    """
    if not (rows and other_events):
        return Interval(math.nan, math.nan, math.nan)
    one, other = jeffreys_interval(events, rows), jeffreys_interval(other_events, other_rows)
    product = one.value * other.value

    def bound(sign: int, near: float, far: float) -> float:
        below = far * (2 * other.value - far)
        root = math.sqrt(max(product**2 - near * (2 * one.value - near) * below, 0.0))
        return (product + sign * root) / below

    return Interval(one.value / other.value, bound(-1, one.low, other.high), bound(1, one.high, other.low))


def sample_mean(values: np.ndarray, rows: int) -> Interval:
    """The mean of a random sample with the normal 95 % interval of the mean of all rows.

    Args:
        values: (n,) values of the sample, drawn without replacement.
        rows: Rows from which it was drawn, at least n; of all rows the mean is known.

    Examples:
        >>> sample_mean(np.array([1.0, 3.0]), 2)
        Interval(value=2.0, low=2.0, high=2.0)
    """
    if not len(values):
        return Interval(math.nan, math.nan, math.nan)
    mean, error = float(values.mean()), 0.0
    if len(values) < rows:
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        error = NORMAL_QUANTILE * spread * math.sqrt((1 - len(values) / rows) / len(values))
    return Interval(mean, mean - error, mean + error)


def area_interval(label: np.ndarray, score: np.ndarray) -> Interval:
    """ROC-AUC with Newcombe's interval (2006), for parts that are too many for a bootstrap each.

    Args:
        label: (n,) 0 or 1.
        score: (n,) finite scores.
    """
    from loan_default_assets.model.metrics import roc_auc

    positives = int((label == 1).sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return Interval(math.nan, math.nan, math.nan)
    area = roc_auc(label, score)
    return Interval(area, *auc_interval(area, positives, negatives))
