"""Partitions of time: the day, week or month in which a loan was known, and the key that names it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import numpy as np

Cadence = Literal["daily", "weekly", "monthly"]
UNDATED_PARTITION = "snapshot"


def first_day(day: date, cadence: Cadence) -> date:
    """First day of the partition that holds `day`: the day itself, its Monday, or the 1st of its month."""
    if cadence == "weekly":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if cadence == "monthly" else day


def next_first(first: date, cadence: Cadence) -> date:
    """The first day of the partition after the one that starts on `first`."""
    if cadence == "monthly":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if cadence == "weekly" else 1)


def firsts(first: date, last: date, cadence: Cadence) -> Iterator[date]:
    """First days of all partitions from the one that holds `first` to the one that holds `last`."""
    day = first_day(first, cadence)
    while day <= last:
        yield day
        day = next_first(day, cadence)


def first_days(days: np.ndarray, cadence: Cadence) -> np.ndarray:
    """`first_day` of every element of a datetime64[D] array."""
    if cadence == "monthly":
        return days.astype("datetime64[M]").astype("datetime64[D]")
    if cadence == "weekly":  # day 0 of the epoch is a Thursday
        return days - (days.astype(np.int64) + 3) % 7
    return days
