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


def draft_calendar(days: np.ndarray, today: date, cadence: Cadence | None = None) -> DraftCalendar | None:
    """The calendar of a file's dates; dates after `today` are not counted.

    Args:
        days: (n,) datetime64[D], NaT for a missing date.
        today: The last date that a loan may have.
        cadence: To be used, where it is decided already.

    Returns:
        The calendar, or None where no date lies before today.
    """
    usable = days[~np.isnat(days) & (days <= np.datetime64(today))]
    if not len(usable):
        return None
    first, last = usable.min().item(), usable.max().item()
    cadence = cadence or _cadence(usable, (last - first).days + 1)
    newest = partition_start(last, cadence)
    end = next_partition_start(newest, cadence)
    if end <= today:
        return DraftCalendar(cadence, first, end)
    return DraftCalendar(cadence, first, None, int((usable >= np.datetime64(newest)).sum()))


def _cadence(days: np.ndarray, span: int) -> Cadence:
    distinct = np.unique(days)
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
        if len(days) * length / span >= ROWS_PER_PARTITION and span / length <= MOST_PARTITIONS:
            return cadence
    return "monthly"


def finer_cadence(days: np.ndarray, keys: np.ndarray, cadence: Cadence) -> Cadence | None:
    """The coarsest cadence, `cadence` or finer, in which no partition holds a key twice.

    Args:
        days: (n,) datetime64[D] without NaT.
        keys: (n,) hashes of the keys.
        cadence: The cadence that is wanted.
    """
    cadences: tuple[Cadence, ...] = ("yearly", "quarterly", "monthly", "weekly", "daily")
    for finer in cadences[cadences.index(cadence) :]:
        starts = partition_starts(days, finer)
        if not len(np.unique(starts)) <= MOST_PARTITIONS:
            return None
        pairs = np.stack([starts.astype(np.int64).astype(np.uint64), keys], axis=1)
        if len(np.unique(pairs, axis=0)) == len(pairs):
            return finer
    return None


def draft_horizon(days: np.ndarray, known: np.ndarray) -> Horizon:
    """Days until an outcome is known: the age of the newest loans that have one, or else a share of the history.

    Args:
        days: (n,) datetime64[D], NaT for a missing date.
        known: (n,) bool, whether the loan has an outcome.
    """
    dated = ~np.isnat(days)
    days, known = days[dated], known[dated]
    if not len(days) or not known.any():
        return Horizon(_USUAL_HORIZON, "a guess: the file shows no outcome", certain=False)
    last, newest_known = days.max(), days[known].max()
    gap = int((last - newest_known) / np.timedelta64(1, "D"))
    if gap >= _LEAST_GAP and known[days <= newest_known].mean() >= _SURE:
        return Horizon(
            gap, f"the newest loans with an outcome are {gap} days older than the newest loans", certain=True
        )
    span = int((last - days.min()) / np.timedelta64(1, "D"))
    return Horizon(
        min(_USUAL_HORIZON, span // 4),
        "a guess, which this file cannot show: set the days from the loan's date until its outcome is final",
        certain=False,
    )
