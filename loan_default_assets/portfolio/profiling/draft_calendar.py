"""The time of a drafted portfolio, from a file's own dates: cadence, start, end, and the data cutoff."""

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


@dataclass(frozen=True)
class DraftCalendar:
    """Cadence, first day and end of a history.

    Attributes:
        cadence: How the rows are divided.
        start: The first date.
        end: The first day that is not read; None while the last partition is not over.
        running_rows: Rows of the last partition, where it is not over; `run` loads them when it is.
        cutoff: The data cutoff of a first run: the end of the last partition that is over.
    """

    cadence: Cadence
    start: date
    end: date | None
    cutoff: date
    running_rows: int = 0


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
        return DraftCalendar(cadence, first, end, end)
    running = int(rows[days >= np.datetime64(newest)].sum())
    return DraftCalendar(cadence, first, None, newest, running)


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
