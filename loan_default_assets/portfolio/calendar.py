"""Partitions of time: the day, week, month, quarter or year in which a loan was known, and the key that names it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import numpy as np

Cadence = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]
UNDATED_PARTITION = "snapshot"
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


def partition_start(day: date, cadence: Cadence) -> date:
    """First day of the partition that holds `day`: the day itself, its Monday, or the 1st of its month or period."""
    if cadence == "weekly":
        return day - timedelta(days=day.weekday())
    if months := _MONTHS.get(cadence):
        return day.replace(month=day.month - (day.month - 1) % months, day=1)
    return day


def next_partition_start(start: date, cadence: Cadence) -> date:
    """First day of the partition after the one that starts on `start`."""
    if months := _MONTHS.get(cadence):
        year, month = divmod(start.month - 1 + months, 12)
        return date(start.year + year, month + 1, 1)
    return start + timedelta(days=7 if cadence == "weekly" else 1)


def partition_starts_between(first: date, last: date, cadence: Cadence) -> Iterator[date]:
    """First days of all partitions from the one that holds `first` to the one that holds `last`."""
    start = partition_start(first, cadence)
    while start <= last:
        yield start
        start = next_partition_start(start, cadence)


def partition_starts(days: np.ndarray, cadence: Cadence) -> np.ndarray:
    """`partition_start` of every element of a datetime64[D] array."""
    if months := _MONTHS.get(cadence):
        # Month 0 of the epoch is a January.
        month = days.astype("datetime64[M]").astype(np.int64)
        return (month - month % months).astype("datetime64[M]").astype("datetime64[D]")
    if cadence == "weekly":  # day 0 of the epoch is a Thursday
        return days - (days.astype(np.int64) + 3) % 7
    return days
