"""The rows that the leakage search examines, and what each feature alone tells about their outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.leakage_evidence import (
    UnivariateEvidence,
    filled_rows,
    univariate_evidence,
)
from loan_default_assets.model.leakage_timing import periods

# In fewer defaults than this, or other rows, of a part of the rows nothing is concluded.
FEWEST_DEFAULTS_OF_A_PART = 15


@dataclass(frozen=True)
class ExaminedRows:
    """A sample of matured rows.

    Attributes:
        table: (n, N + C) numerical features with NaN, then codes.
        cardinalities: Number of codes of each categorical feature.
        names: Feature names.
        outcome: (n,) bool, True for a default.
        fold: (n,) fold of each row.
        alone: Evidence of each feature alone.
        attested: Positions of the features that are known at application.
        dates: Positions of the features that are days from a date to `as_of`.
        as_of: (n,) datetime64; None without dates.
        immature: (m, N + C) features of rows without a known outcome.
        immature_as_of: (m,) datetime64.
        other_weight: Loans that a row without default stands for.

    Examples:
        >>> outcome = np.arange(300) % 3 == 0
        >>> fold, table = np.arange(300) // 3 % 3, np.stack([outcome, np.arange(300) % 2], 1).astype(np.float32)
        >>> alone = tuple(univariate_evidence(column, outcome, fold) for column in table.T)
        >>> ExaminedRows(table, (), ("paid", "age"), outcome, fold, alone, frozenset({0})).not_attested()
        [1]
    """

    table: np.ndarray
    cardinalities: tuple[int, ...]
    names: tuple[str, ...]
    outcome: np.ndarray
    fold: np.ndarray
    alone: tuple[UnivariateEvidence, ...]
    attested: frozenset[int] = frozenset()
    dates: frozenset[int] = frozenset()
    as_of: np.ndarray | None = None
    immature: np.ndarray | None = None
    immature_as_of: np.ndarray | None = None
    other_weight: float = 1.0

    @property
    def numerical(self) -> int:
        """Number of numerical features."""
        return self.table.shape[1] - len(self.cardinalities)

    def not_attested(self, without: Iterable[int] = ()) -> list[int]:
        """Features that are neither attested nor given."""
        omitted = self.attested.union(without)
        return [index for index in range(len(self.names)) if index not in omitted]

    def filled_parts(self, index: int) -> list[tuple[str, UnivariateEvidence]]:
        """Evidence of a feature in the rows in which it is filled, by a phrase for them."""
        return [
            (phrase, self.evidence_in(index, rows))
            for phrase, rows in filled_rows(self.table[:, index])
            if FEWEST_DEFAULTS_OF_A_PART
            <= int(self.outcome[rows].sum())
            <= int(rows.sum()) - FEWEST_DEFAULTS_OF_A_PART
        ]

    def periods(self) -> list[tuple[str, np.ndarray]]:
        """Name and rows of each period that has enough defaults; none without dates."""
        if self.as_of is None:
            return []
        return list(periods(self.as_of, self.outcome, FEWEST_DEFAULTS_OF_A_PART))

    def evidence_in(self, index: int, rows: np.ndarray) -> UnivariateEvidence:
        """Evidence of a feature in some rows, (n,) bool."""
        return univariate_evidence(
            self.table[rows, index],
            self.outcome[rows],
            self.fold[rows],
            self.other_weight,
            codes=index >= self.numerical,
        )
