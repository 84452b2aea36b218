"""Default rates in place of the codes of categories that have too many to be split on one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A feature with more codes than this is replaced; the states of a country are still split on one by one.
MANY_CODES = 64
FOLDS = 5


@dataclass(frozen=True)
class TargetStatistics:
    """Smoothed default rates per code of some categorical features.

    Attributes:
        starts: (C,) int32 positions of each feature's rates in `rates`, -1 for a feature that keeps its codes.
        rates: (r,) float64 rates by code.
    """

    starts: np.ndarray
    rates: np.ndarray

    def replaced(self) -> np.ndarray:
        """(C,) bool: which features have rates in place of codes.

        Examples:
            >>> TargetStatistics(np.array([-1, 0], np.int32), np.zeros(100)).replaced().tolist()
            [False, True]
        """
        return self.starts >= 0

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Replace codes by rates.

        Args:
            codes: (n, C) codes.

        Returns:
            (n, C) float32: rates of the replaced features, codes of the others.

        Examples:
            >>> statistics = TargetStatistics(np.array([-1, 0], np.int32), np.array([0.5, 0.25]))
            >>> statistics.apply(np.array([[7, 1]])).tolist()
            [[7.0, 0.25]]
        """
        cells = codes.astype(np.float32)
        for column in np.flatnonzero(self.replaced()):
            cells[:, column] = self.rates[self.starts[column] + codes[:, column]]
        return cells


def fit_statistics(
    codes: np.ndarray, outcome: np.ndarray, cardinalities: Sequence[int], seed: int
) -> tuple[TargetStatistics, np.ndarray]:
    """Learn the rates from training rows with scikit-learn's `TargetEncoder` (Micci-Barreca 2001).

    Args:
        codes: (n, C) codes.
        outcome: (n,) bool, True for a default.
        cardinalities: C numbers of codes.
        seed: Seed of the folds.

    Returns:
        The rates of all rows, for later rows; and the training rows' cells (n, C) float32, each with the rates of the
        other folds, so that no row sees its own outcome.

    Examples:
        >>> codes = np.arange(400)[:, None] % 100
        >>> statistics, cells = fit_statistics(codes, codes[:, 0] < 50, (100,), seed=0)
        >>> statistics.rates.shape, cells.shape, bool(cells[10] > cells[90])
        ((100,), (400, 1), True)
    """
    many = [column for column, size in enumerate(cardinalities) if size > MANY_CODES]
    starts = np.full(len(cardinalities), -1, np.int32)
    nothing = TargetStatistics(starts, np.zeros(0))
    folds = min(FOLDS, int(outcome.sum()), int((~outcome).sum()))
    if not many or folds < 2:
        return nothing, nothing.apply(codes)
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import TargetEncoder

    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    encoder = TargetEncoder(target_type="binary", cv=splits)
    cells = codes.astype(np.float32)
    cells[:, many] = encoder.fit_transform(codes[:, many], outcome)
    rates: list[np.ndarray] = []
    for column, known, encoded in zip(many, encoder.categories_, encoder.encodings_, strict=True):
        starts[column] = sum(len(found) for found in rates)
        by_code = np.full(cardinalities[column], float(encoder.target_mean_))
        by_code[known.astype(np.int64)] = encoded
        rates.append(by_code)
    return TargetStatistics(starts, np.concatenate(rates)), cells
