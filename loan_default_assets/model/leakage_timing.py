"""Signs of time: single periods, dates after `as_of`, and differences between matured and immature rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loan_default_assets.model.leakage_evidence import auc_with_error

SHARE_AFTER_AS_OF = 0.05
FEWEST_ROWS_OF_AN_AGE = 20


def periods(as_of: np.ndarray, outcome: np.ndarray, fewest_defaults: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name and rows of each year, or of each quarter where there are fewer than three years.

    Periods with fewer defaults or non-defaults than `fewest_defaults` are omitted.

    Examples:
        >>> days = np.array(["2020-01-01", "2020-02-01", "2021-05-01"], "datetime64[D]")
        >>> [name for name, _ in periods(days, np.array([True, False, True]), 1)]
        ['2020 Q1']
    """
    dated = ~np.isnat(as_of)
    if not dated.any():
        return
    quarter = as_of.astype("datetime64[M]").astype(np.int64) // 3
    years = len(np.unique(quarter[dated] // 4)) >= 3
    number = quarter // 4 if years else quarter
    for value in np.unique(number[dated]):
        rows = dated & (number == value)
        defaults = int(outcome[rows].sum())
        if min(defaults, int(rows.sum()) - defaults) >= fewest_defaults:
            year = 1970 + int(value) // (1 if years else 4)
            yield (str(year) if years else f"{year} Q{int(value) % 4 + 1}"), rows


def share_after_as_of(days_before: np.ndarray) -> float:
    """Share of the dates that lie after `as_of`.

    Args:
        days_before: (n,) days from each date to `as_of`, NaN for a missing date.

    Examples:
        >>> share_after_as_of(np.array([10.0, -3.0, np.nan, 0.0]))
        0.3333333333333333
    """
    present = days_before[~np.isnan(days_before)]
    return float((present < 0).mean()) if len(present) else 0.0


def maturity_auc(
    matured: np.ndarray, matured_as_of: np.ndarray, immature: np.ndarray, immature_as_of: np.ndarray
) -> float:
    """ROC-AUC with which a feature tells matured from immature rows of the same month, averaged over months.

    Args:
        matured: (n,) values of the feature, NaN for a missing one.
        matured_as_of: (n,) dates.
        immature: (m,) values of the feature.
        immature_as_of: (m,) dates.

    Returns:
        ROC-AUC of the feature or of its negative; 0.5 where no month has enough rows of both.

    Examples:
        >>> days = np.full(30, np.datetime64("2024-05-03"))
        >>> maturity_auc(np.zeros(30), days, np.ones(30), days)
        1.0
    """
    months, immature_months = (days.astype("datetime64[M]") for days in (matured_as_of, immature_as_of))
    areas, weights = [], []
    for month in np.intersect1d(months[~np.isnat(months)], immature_months[~np.isnat(immature_months)]):
        one, other = matured[months == month], immature[immature_months == month]
        if min(len(one), len(other)) < FEWEST_ROWS_OF_AN_AGE:
            continue
        values = np.concatenate([one, other])
        present = values[~np.isnan(values)]
        # A missing value ranks below all others.
        filled = np.where(np.isnan(values), (present.min() if len(present) else 0.0) - 1, values)
        areas.append(auc_with_error(np.arange(len(values)) < len(one), filled)[0])
        weights.append(min(len(one), len(other)))
    if not areas:
        return 0.5
    average = float(np.average(areas, weights=weights))
    return max(average, 1 - average)
