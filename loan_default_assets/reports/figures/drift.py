"""Drift over time since the training: PSI of the score, CSI of each feature, default rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from loan_default_assets.model.metrics import psi_of_counts, quantile_counts
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.proportions import (
    FigureSource,
    Interval,
    jeffreys_interval,
    sample_mean,
)

BINS = 10
AMBER, RED = 0.10, 0.25
MOST_PERIODS = 18
FEWEST_ROWS = 50
Light = Literal["green", "amber", "red"]
_UNITS = ("D", "W", "M", "Q", "Y")


@dataclass(frozen=True)
class StabilityIndex:
    """A population or characteristic stability index.

    Attributes:
        value: The index; NaN with too few rows.
        chance: What it exceeds in 5 % of the cases without drift, for these numbers of rows and bins.
    """

    value: float
    chance: float

    @property
    def light(self) -> Light | None:
        """By the rule of thumb .10 and .25; green where chance explains the index, None with too few rows."""
        if math.isnan(self.value):
            return None
        if self.value <= max(AMBER, self.chance):
            return "green"
        return "red" if self.value > RED else "amber"


@dataclass(frozen=True)
class DriftPeriod:
    """The loans of one period.

    Attributes:
        name: First day of the period.
        rows: Loans.
        matured: Loans with a known outcome.
        default_rate: Of the matured loans.
        mean_pd: Mean PD of the loans that were scored, with the interval of that of all loans.
        score: PSI of the score; None where the period was not scored.
        in_training: Whether the model was fitted on loans of this period.
    """

    name: str
    rows: int
    matured: int
    default_rate: Interval
    mean_pd: Interval
    score: StabilityIndex | None
    in_training: bool


@dataclass(frozen=True)
class FeatureDrift:
    """CSI of one feature.

    Attributes:
        feature: The feature.
        window: Evaluation window against reference rows.
        periods: Every period against reference rows.
    """

    feature: Feature
    window: StabilityIndex
    periods: tuple[StabilityIndex, ...]


@dataclass(frozen=True)
class Drift:
    """Drift of a model's inputs and scores.

    Attributes:
        window_score: PSI of the score, evaluation window against the PDs of the reference.
        periods: In order; empty for loans without dates.
        features: The most drifted first.
    """

    window_score: StabilityIndex
    periods: tuple[DriftPeriod, ...]
    features: tuple[FeatureDrift, ...]
    source: FigureSource


@dataclass(frozen=True)
class PeriodRows:
    """Positions of the rows of each period.

    Attributes:
        names: First day of each period.
        index: (k,) positions of the rows of each period.
    """

    names: tuple[str, ...]
    index: tuple[np.ndarray, ...]


def periods(as_of: np.ndarray, most: int = MOST_PERIODS) -> PeriodRows:
    """Divide rows into days, weeks, months, quarters or years, the finest of these that gives few enough periods.

    Args:
        as_of: (n,) datetime64[D]; rows without a date are in no period.
        most: Most periods.

    Examples:
        >>> found = periods(np.arange("2026-01-30", "2026-02-04", dtype="datetime64[D]"), most=2)
        >>> found.names
        ('2026-01-26', '2026-02-02')
    """
    dated = np.flatnonzero(~np.isnat(as_of))
    if not len(dated):
        return PeriodRows((), ())
    for unit in _UNITS:
        starts = _starts(as_of[dated].astype("datetime64[D]"), unit)
        names, number = np.unique(starts, return_inverse=True)
        if len(names) <= most:
            break
    index = tuple(dated[number == position] for position in range(len(names)))
    return PeriodRows(tuple(str(name) for name in names), index)


def _starts(days: np.ndarray, unit: str) -> np.ndarray:
    if unit == "W":
        # Weeks of datetime64 begin on Thursday, the first day of 1970.
        monday = np.datetime64("1970-01-05", "D")
        return monday + (days - monday) // np.timedelta64(7, "D") * np.timedelta64(7, "D")
    if unit == "Q":
        months = days.astype("datetime64[M]").astype(np.int64)
        return (months // 3 * 3).astype("datetime64[M]").astype("datetime64[D]")
    return days.astype(f"datetime64[{unit}]").astype("datetime64[D]")


def stability_index(expected: np.ndarray, actual: np.ndarray) -> StabilityIndex:
    """PSI of numbers over tenths of the first sample, or over their values where they have at most ten.

    Args:
        expected: (n,) reference values, NaN a bin of its own.
        actual: (m,) values to compare.
    """
    if min(len(expected), len(actual)) < FEWEST_ROWS:
        return StabilityIndex(math.nan, math.nan)
    values, position = np.unique(np.concatenate([expected, actual]), return_inverse=True)
    if len(values) <= BINS:
        # A number of few values has fewer bins than quantiles, and what chance explains depends on their number.
        return category_index(position[: len(expected)], position[len(expected) :], len(values))
    before, after = quantile_counts(expected, actual, BINS)
    # Values that repeat make fewer bins than quantiles, too.
    return StabilityIndex(psi_of_counts(before, after), _chance(len(before), len(expected), len(actual)))


def category_index(expected: np.ndarray, actual: np.ndarray, codes: int) -> StabilityIndex:
    """CSI of categories, a bin per code that occurs.

    Args:
        expected: (n,) reference codes.
        actual: (m,) codes to compare.
        codes: Number of codes.
    """
    if min(len(expected), len(actual)) < FEWEST_ROWS:
        return StabilityIndex(math.nan, math.nan)
    before, after = (np.bincount(sample, minlength=codes) for sample in (expected, actual))
    occurs = (before + after) > 0
    return StabilityIndex(
        psi_of_counts(before[occurs], after[occurs]), _chance(int(occurs.sum()), len(expected), len(actual))
    )


def _chance(bins: int, expected: int, actual: int) -> float:
    """The 95 % quantile without drift: (1/n + 1/m) times a chi-squared with bins - 1 (Yurdakul and Naranjo 2020)."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, max(bins - 1, 1)) * (1 / expected + 1 / actual))


def feature_drift(
    features: Sequence[Feature],
    numerical: np.ndarray,
    categorical: np.ndarray,
    reference: np.ndarray,
    window: np.ndarray,
    by_period: PeriodRows,
) -> tuple[FeatureDrift, ...]:
    """CSI of every feature, the most drifted first.

    Args:
        features: Numerical, then categorical features.
        numerical: (n, N) values.
        categorical: (n, C) codes.
        reference: (k,) positions of the reference rows.
        window: (m,) positions of the window's rows.
        by_period: The rows of each period.
    """
    found = []
    for position, feature in enumerate(features):
        parts = (window, *by_period.index)
        if feature.kind == "number":
            values = numerical[:, position]
            indices = [stability_index(values[reference], values[part]) for part in parts]
        else:
            codes = categorical[:, position - numerical.shape[1]]
            count = len(feature.categories) + 2
            indices = [category_index(codes[reference], codes[part], count) for part in parts]
        found.append(FeatureDrift(feature, indices[0], tuple(indices[1:])))
    return tuple(sorted(found, key=lambda drift: -np.nan_to_num(drift.window.value)))


def drift_periods(
    by_period: PeriodRows,
    label: np.ndarray,
    matured: np.ndarray,
    pd: np.ndarray,
    expected: np.ndarray,
    trained_to: date | None,
) -> tuple[DriftPeriod, ...]:
    """Rows, default rate and PSI of the score of every period.

    Args:
        by_period: The rows of each period.
        label: (n,) 1, 0, or -1 for an outcome that is not known.
        matured: (n,) bool: whether the outcome counts by the data cutoff.
        pd: (n,) PDs, NaN for a row that was not scored.
        expected: (k,) PDs of the reference.
        trained_to: Last day of the rows that the model was fitted on.
    """
    found = []
    for name, index in zip(by_period.names, by_period.index, strict=True):
        known = index[matured[index]]
        scored = pd[index][~np.isnan(pd[index])]
        found.append(
            DriftPeriod(
                name=name,
                rows=len(index),
                matured=len(known),
                default_rate=jeffreys_interval(int((label[known] == 1).sum()), len(known)),
                mean_pd=sample_mean(scored, len(index)),
                score=stability_index(expected, scored) if len(scored) else None,
                in_training=trained_to is not None and name <= trained_to.isoformat(),
            )
        )
    return tuple(found)
