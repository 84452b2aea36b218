"""The days that divide training, validation and evaluation window, found from counts of rows per day alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW_SHARE = 0.20
WINDOW_CEILING = 0.40
VALIDATION_SHARE = 0.20
# The part that a row may be in: any, or the only one that its loan may be in.
ANY_PART, TRAIN, VALIDATION, WINDOW = range(4)
# Buckets of a loan's hash, of 100, from which a loan is validated on and from which it is in the window.
VALIDATION_FROM, WINDOW_FROM = 64, 80
_NO_DAY = np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class SplitLimits:
    """Fewest matured rows and fewest defaults of an evaluation window, and most rows of a snapshot.

    Attributes:
        min_rows: Fewest matured rows of the window.
        min_positives: Fewest defaults of the window.
        max_rows: Most rows that are read into memory, beyond which they are sampled; 0 for no limit.

    Examples:
        >>> SplitLimits().min_rows
        1000
    """

    min_rows: int = 1000
    min_positives: int = 100
    max_rows: int = 0


@dataclass(frozen=True)
class MaturedDays:
    """Matured rows, counted by day and by the part that they may be in; the order does not matter.

    Attributes:
        day: (k,) datetime64[D].
        part: (k,) `ANY_PART`, `TRAIN`, `VALIDATION` or `WINDOW`.
        rows: (k,) number of rows.
        positives: (k,) defaults among them.
    """

    day: np.ndarray
    part: np.ndarray
    rows: np.ndarray
    positives: np.ndarray

    @classmethod
    def count(cls, day: np.ndarray, part: np.ndarray, positive: np.ndarray) -> MaturedDays:
        """Count rows.

        Args:
            day: (n,) datetime64[D] of each row.
            part: (n,) part of each row.
            positive: (n,) bool, True for a default.

        Examples:
            >>> days = np.array(["2026-01-02", "2026-01-01", "2026-01-02"], "datetime64[D]")
            >>> MaturedDays.count(days, np.zeros(3, int), np.array([True, False, False])).rows.tolist()
            [1, 2]
        """
        group = day.astype(np.int64) * 4 + part
        found, position, rows = np.unique(group, return_inverse=True, return_counts=True)
        positives = np.bincount(position, weights=positive, minlength=len(found)).astype(np.int64)
        return cls((found // 4).astype("datetime64[D]"), found % 4, rows, positives)

    def of(self, chosen: np.ndarray) -> MaturedDays:
        """The groups that are chosen by a mask (k,).

        Examples:
            >>> counts = MaturedDays.count(np.zeros(2, "datetime64[D]"), np.array([0, 1]), np.zeros(2, bool))
            >>> len(counts.of(counts.part == TRAIN).rows)
            1
        """
        return MaturedDays(self.day[chosen], self.part[chosen], self.rows[chosen], self.positives[chosen])


@dataclass(frozen=True)
class SplitBounds:
    """Days that divide the parts.

    Attributes:
        window_from: First day of the window; a later day than any row's where there is no window.
        validation_from: First day of the validation rows; None where a hash of the loan id chooses them.

    Examples:
        >>> SplitBounds(np.datetime64("2026-01-09"), None).validation_from is None
        True
    """

    window_from: np.datetime64
    validation_from: np.datetime64 | None


def find_bounds(counts: MaturedDays, limits: SplitLimits) -> SplitBounds:
    """Find the first days of window and validation rows.

    The window is the newest 20 % of the rows that may be in it, between `min_rows` and five times that, extended into
    the past for `min_positives`, at most 40 %. The validation rows are the newest 20 % of the rest, by hash where the
    rest is one day.

    Args:
        counts: Matured rows with dates.
        limits: Size of the window.

    Examples:
        >>> days = np.datetime64("2026-01-01") + np.arange(10)
        >>> counts = MaturedDays.count(days, np.zeros(10, int), np.arange(10) % 2 == 1)
        >>> bounds = find_bounds(counts, SplitLimits(2, 1))
        >>> str(bounds.window_from), str(bounds.validation_from)
        ('2026-01-09', '2026-01-08')
    """
    later = counts.of(np.isin(counts.part, (ANY_PART, WINDOW)))
    total = int(later.rows.sum())
    target = min(max(int(total * WINDOW_SHARE), limits.min_rows), 5 * limits.min_rows)
    start = _newest(later, target, limits.min_positives, int(total * WINDOW_CEILING))
    rest = counts.of((counts.day < start) & (counts.part != WINDOW))
    newer = rest.of(rest.part != TRAIN)
    total = int(newer.rows.sum())
    inner = _newest(newer, int(total * VALIDATION_SHARE), 1, total // 2)
    return SplitBounds(start, inner if (rest.day >= inner).any() else None)


def _newest(counts: MaturedDays, rows: int, positives: int, ceiling: int) -> np.datetime64:
    """First of the newest whole days that reach `rows` and `positives`, as far as `ceiling` rows allow."""
    if not len(counts.day):
        return _NO_DAY
    day, position = np.unique(counts.day, return_inverse=True)
    newest_rows = np.bincount(position, weights=counts.rows)[::-1].cumsum()
    newest_positives = np.bincount(position, weights=counts.positives)[::-1].cumsum()
    reached = np.flatnonzero((newest_rows >= rows) & (newest_positives >= positives))
    needed = int(reached[0]) + 1 if len(reached) else len(day)
    included = min(needed, int((newest_rows <= ceiling).sum()))
    return day[len(day) - included] if included else day[-1] + np.timedelta64(1, "D")
