"""Redundant copies among features: groups whose ranks are nearly the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

COPY_CORRELATION = 0.95


def group_copies(table: np.ndarray, features: Sequence[int]) -> dict[int, int]:
    """Number the groups of features whose ranks are nearly the same, or nearly reversed.

    Args:
        table: (n, k) features, NaN for a missing value.
        features: Positions of the features to compare, ascending.

    Returns:
        Number of the group per position; features without copies have none.

    Examples:
        >>> table = np.array([[1.0, 10.0, 3.0], [2.0, 20.0, 1.0], [3.0, 30.0, 2.0], [4.0, 50.0, 2.5]])
        >>> group_copies(table, (0, 1, 2))
        {0: 1, 1: 1}
    """
    groups: dict[int, int] = {}
    if len(features) < 2:
        return groups
    ranks = np.stack([_rank(table[:, index]) for index in features])
    with np.errstate(all="ignore"):
        alike = np.abs(np.corrcoef(ranks)) >= COPY_CORRELATION
    for row, index in enumerate(features):
        copies = [other for place, other in enumerate(features) if place > row and alike[row, place]]
        if copies and index not in groups:
            groups[index] = max(groups.values(), default=0) + 1
        for copy in copies:
            groups.setdefault(copy, groups[index])
    return groups


def _rank(values: np.ndarray) -> np.ndarray:
    """Ranks, ties alike, missing values below all others."""
    distinct, position, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    if len(distinct) and np.isnan(distinct[-1]):
        middle = np.append(middle[:-1] + count[-1], count[-1] / 2)
    return middle[position]
