"""Vintage curves: the default rate of loans of one period by the time since application."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.drift import periods
from loan_default_assets.reports.figures.proportions import FigureSource, Interval, jeffreys_interval

MOST_VINTAGES = 12
AGES = 12


@dataclass(frozen=True)
class Vintage:
    """The loans of one period.

    Attributes:
        name: First day of the period.
        rows: Loans.
        matured: Loans whose outcome counts by the data cutoff.
        default_rate: Of the matured loans.
        cumulative: Share of the loans that had defaulted by each age of `Vintages.ages`, as far as all loans of the
            vintage have reached it; empty where the date of default is not known.
    """

    name: str
    rows: int
    matured: int
    default_rate: Interval
    cumulative: tuple[float, ...]


@dataclass(frozen=True)
class Vintages:
    """Vintages in order.

    Attributes:
        ages: Days since application at which `cumulative` is given; empty where loans cannot be followed by age.
        sampled: Whether that is because the rows are a case-control sample; else outcomes have no date of their own.
    """

    vintages: tuple[Vintage, ...]
    ages: tuple[int, ...]
    source: FigureSource
    sampled: bool = False


def vintages(
    as_of: np.ndarray,
    label: np.ndarray,
    observed_at: np.ndarray,
    matured: np.ndarray,
    cutoff: np.datetime64,
    *,
    dated_outcomes: bool,
    source: FigureSource,
    sampled: bool = False,
) -> Vintages:
    """Default rates by vintage, and by age where every outcome has its own date.

    Args:
        as_of: (n,) datetime64[D].
        label: (n,) 1, 0, or -1 for an outcome that is not known.
        observed_at: (n,) datetime64[D] of the outcome.
        matured: (n,) bool: whether the outcome counts by the cutoff.
        cutoff: Data cutoff.
        dated_outcomes: Whether `observed_at` is the outcome's own date, and not a fixed horizon.
        source: Where the rows come from.
        sampled: Whether the rows are a case-control sample. A share of all loans cannot be followed by age then.
    """
    divided = periods(as_of, MOST_VINTAGES)
    ages = _ages(as_of, label, observed_at, matured) if dated_outcomes and not sampled else ()
    found = []
    for name, index in zip(divided.names, divided.index, strict=True):
        known = index[matured[index]]
        rate = jeffreys_interval(int((label[known] == 1).sum()), len(known))
        found.append(
            Vintage(
                name,
                len(index),
                len(known),
                rate,
                _cumulative(index, ages, as_of, label, observed_at, matured, cutoff),
            )
        )
    return Vintages(tuple(found), ages, source, sampled)


def _ages(
    as_of: np.ndarray, label: np.ndarray, observed_at: np.ndarray, matured: np.ndarray
) -> tuple[int, ...]:
    """About twelve ages up to the oldest default."""
    defaults = matured & (label == 1) & ~np.isnat(observed_at) & ~np.isnat(as_of)
    if not defaults.any():
        return ()
    oldest = int((observed_at[defaults] - as_of[defaults]).astype("timedelta64[D]").astype(np.int64).max())
    return tuple(sorted({max(1, round(oldest * part / AGES)) for part in range(1, AGES + 1)}))


def _cumulative(
    index: np.ndarray,
    ages: tuple[int, ...],
    as_of: np.ndarray,
    label: np.ndarray,
    observed_at: np.ndarray,
    matured: np.ndarray,
    cutoff: np.datetime64,
) -> tuple[float, ...]:
    newest = as_of[index].max()
    defaults = index[matured[index] & (label[index] == 1)]
    age = (observed_at[defaults] - as_of[defaults]).astype("timedelta64[D]").astype(np.int64)
    reached = [limit for limit in ages if newest + np.timedelta64(limit, "D") <= cutoff]
    return tuple(float((age <= limit).sum() / len(index)) for limit in reached)
