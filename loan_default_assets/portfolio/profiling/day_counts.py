"""The dates of a file's loans, counted while its rows pass by: memory grows with the number of days, not of rows."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from loan_default_assets.portfolio.ingest.date_formats import SENTINEL_DATES

# Days before all others by so much are slips or stand for a missing date, where they hold a small share of the rows;
# the usual spellings of a missing date do so whatever their share.
_LEAST_GAP, _MOST_APART, _LEAST_GAP_OF_SENTINEL = 3650, 0.01, 366


@dataclass
class DayCounts:
    """How many loans are of each day, and on which days outcomes are known.

    Attributes:
        rows: Number of loans by day since 1970.
        known: Number of loans with an outcome by day since 1970.
        undated: Number of loans without a date.
        first_row: The number of the first row of each day, 1 = first row, by day since 1970.
    """

    rows: Counter[int] = field(default_factory=Counter)
    known: Counter[int] = field(default_factory=Counter)
    undated: int = 0
    first_row: dict[int, int] = field(default_factory=dict)

    def add(self, days: np.ndarray, known: np.ndarray, before: int = 0) -> None:
        """Count loans.

        Args:
            days: (n,) datetime64[D], NaT for a missing date.
            known: (n,) bool, whether the loan has an outcome.
            before: Number of rows of the file before these.
        """
        dated = ~np.isnat(days)
        self.undated += int((~dated).sum())
        distinct, first, position = np.unique(
            days[dated].astype(np.int64), return_index=True, return_inverse=True
        )
        rows = np.flatnonzero(dated)[first] + before + 1
        self.first_row = dict(zip(distinct.tolist(), rows.tolist(), strict=True)) | self.first_row
        self.rows.update(dict(zip(distinct.tolist(), np.bincount(position).tolist(), strict=True)))
        outcomes = np.bincount(position, known[dated], len(distinct)).astype(np.int64)
        self.known.update(dict(zip(distinct.tolist(), outcomes.tolist(), strict=True)))

    def table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The days in order, (d,) datetime64[D], the number of loans of each and of those with an outcome, (d,) int."""
        days = sorted(self.rows)
        rows, known = ([counts[day] for day in days] for counts in (self.rows, self.known))
        return np.array(days, "datetime64[D]"), np.array(rows, np.int64), np.array(known, np.int64)

    def apart(self) -> list[date]:
        """The days long before all others that are slips or stand for a missing date, such as 1900-01-01."""
        days, rows, _ = self.table()
        gaps = np.diff(days.astype(np.int64))
        far = (gaps >= _LEAST_GAP) & (rows.cumsum()[:-1] <= _MOST_APART * rows.sum())
        found = set(days[: int(np.flatnonzero(far).max(initial=-1)) + 1].tolist())
        for day, gap in zip(days.tolist(), gaps.tolist(), strict=False):
            if day not in found and (day not in SENTINEL_DATES or gap < _LEAST_GAP_OF_SENTINEL):
                break
            found.add(day)
        return sorted(found)

    def without(self, days: Collection[date]) -> "DayCounts":
        """The counts of the other days."""
        omitted = {int(np.datetime64(day, "D").astype(np.int64)) for day in days}
        rows, known = (
            Counter({day: count for day, count in counts.items() if day not in omitted})
            for counts in (self.rows, self.known)
        )
        return DayCounts(rows, known, self.undated, self.first_row)

    def rows_of(self, day: date) -> tuple[int, int]:
        """Number of loans of a day, and the number of the first row of them."""
        number = int(np.datetime64(day, "D").astype(np.int64))
        return self.rows[number], self.first_row[number]
