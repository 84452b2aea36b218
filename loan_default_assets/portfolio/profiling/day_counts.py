"""The dates of a file's loans, counted while its rows pass by: memory grows with the number of days, not of rows."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np


@dataclass
class DayCounts:
    """How many loans are of each day, and on which days outcomes are known.

    Attributes:
        rows: Number of loans by day since 1970.
        known: Number of loans with an outcome by day since 1970.
        undated: Number of loans without a date.
    """

    rows: Counter[int] = field(default_factory=Counter)
    known: Counter[int] = field(default_factory=Counter)
    undated: int = 0

    def add(self, days: np.ndarray, known: np.ndarray) -> None:
        """Count loans.

        Args:
            days: (n,) datetime64[D], NaT for a missing date.
            known: (n,) bool, whether the loan has an outcome.
        """
        dated = ~np.isnat(days)
        self.undated += int((~dated).sum())
        distinct, position = np.unique(days[dated].astype(np.int64), return_inverse=True)
        self.rows.update(dict(zip(distinct.tolist(), np.bincount(position).tolist(), strict=True)))
        outcomes = np.bincount(position, known[dated], len(distinct)).astype(np.int64)
        self.known.update(dict(zip(distinct.tolist(), outcomes.tolist(), strict=True)))

    def table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The days in order, (d,) datetime64[D], the number of loans of each and of those with an outcome, (d,) int."""
        days = sorted(self.rows)
        rows, known = ([counts[day] for day in days] for counts in (self.rows, self.known))
        return np.array(days, "datetime64[D]"), np.array(rows, np.int64), np.array(known, np.int64)
