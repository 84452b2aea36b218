"""The time of a drafted portfolio, from a file's own dates: cadence, start, end, and days until an outcome is known."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from loan_default_assets.portfolio.calendar import (
    Cadence,
    next_partition_start,
    partition_start,
    partition_starts,
)
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes

MOST_PARTITIONS = 1000
# A partition should hold enough rows for its checks to say something.
ROWS_PER_PARTITION = 20
_USUAL_HORIZON = 365
_LEAST_GAP = 28
_SURE = 0.95


@dataclass(frozen=True)
class DraftCalendar:
    """Cadence, first day and end of a history.

    Attributes:
        cadence: How the rows are divided.
        start: The first date.
        end: The first day that is not read; None while the last partition is not over.
        running_rows: Rows of the last partition, where it is not over; `run` loads them when it is.
    """

    cadence: Cadence
    start: date
    end: date | None
    running_rows: int = 0


@dataclass(frozen=True)
class Horizon:
    """Days from a loan's date until its outcome is known, and why."""

    days: int
    why: str
    certain: bool


def draft_calendar(counts: DayCounts, today: date, cadence: Cadence | None = None) -> DraftCalendar | None:
    """The calendar of a file's dates; dates after `today` are not counted.

    Args:
        counts: The file's dates.
        today: The last date that a loan may have.
        cadence: To be used, where it is decided already.

    Returns:
        The calendar, or None where no date lies before today.
    """
    days, rows, _ = counts.table()
    usable = days <= np.datetime64(today)
    days, rows = days[usable], rows[usable]
    if not len(days):
        return None
    first, last = days[0].item(), days[-1].item()
    cadence = cadence or _cadence(days, int(rows.sum()), (last - first).days + 1)
    newest = partition_start(last, cadence)
    end = next_partition_start(newest, cadence)
    if end <= today:
        return DraftCalendar(cadence, first, end)
    return DraftCalendar(cadence, first, None, int(rows[days >= np.datetime64(newest)].sum()))


def _cadence(distinct: np.ndarray, rows: int, span: int) -> Cadence:
    months = distinct.astype("datetime64[M]")
    first_of_month = bool((distinct == months.astype("datetime64[D]")).all())
    last_of_month = bool((distinct == (months + 1).astype("datetime64[D]") - 1).all())
    if (first_of_month or last_of_month) and len(distinct) > 1:
        number = set((months.astype(np.int64) % 12).tolist())
        if len(number) == 1 and len(distinct) > 2:
            return "yearly"
        return "quarterly" if len(distinct) > 2 and len({n % 3 for n in number}) == 1 else "monthly"
    cadences: tuple[tuple[Cadence, int], ...] = (("daily", 1), ("weekly", 7))
    for cadence, length in cadences:
        if rows * length / span >= ROWS_PER_PARTITION and span / length <= MOST_PARTITIONS:
            return cadence
    return "monthly"


def finer_cadence(counts: DayCounts, keys: KeyHashes, cadence: Cadence) -> Cadence | None:
    """The coarsest cadence, `cadence` or finer, in which no partition holds a key twice.

    Args:
        counts: The file's dates; no row is without one.
        keys: The file's keys.
        cadence: The cadence that is wanted.
    """
    cadences: tuple[Cadence, ...] = ("yearly", "quarterly", "monthly", "weekly", "daily")
    for finer in cadences[cadences.index(cadence) :]:
        starts = partition_starts(counts.table()[0], finer)
        if not len(np.unique(starts)) <= MOST_PARTITIONS:
            return None
        if not keys.repeats_within(finer):
            return finer
    return None


def draft_horizon(counts: DayCounts) -> Horizon:
    """Days until an outcome is known: the age of the newest loans that have one, or else a share of the history."""
    days, rows, known = counts.table()
    if not known.any():
        return Horizon(_USUAL_HORIZON, "a guess: the file shows no outcome", certain=False)
    last, newest_known = days[-1], days[known > 0][-1]
    gap = int((last - newest_known) / np.timedelta64(1, "D"))
    if gap >= _LEAST_GAP and known.sum() / rows[days <= newest_known].sum() >= _SURE:
        return Horizon(
            gap, f"the newest loans with an outcome are {gap} days older than the newest loans", certain=True
        )
    span = int((last - days[0]) / np.timedelta64(1, "D"))
    return Horizon(
        min(_USUAL_HORIZON, span // 4),
        "a guess, which this file cannot show: set the days from the loan's date until its outcome is final",
        certain=False,
    )
