"""Which rows repeat a key: of each row a hash of its key, its day and its outcome are kept, 13 bytes."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.calendar import partition_starts
from loan_default_assets.portfolio.description import Cadence
from loan_default_assets.portfolio.errors import ROWS_SHOWN

_BLOCK = 100_000
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class ContradictedKeys:
    """Keys that stand in a file with both outcomes.

    Attributes:
        keys: Number of keys.
        rows: Number of their rows with an outcome.
        first: The numbers of the first ROWS_SHOWN of these rows, 1 = first row.
    """

    keys: int
    rows: int
    first: tuple[int, ...]


@dataclass
class KeyHashes:
    """The keys of a file.

    Attributes:
        capacity: The most rows that are added.
        count: Number of rows so far.
    """

    capacity: int
    count: int = 0
    _keys: np.ndarray = field(init=False, repr=False)
    _days: np.ndarray = field(init=False, repr=False)
    _outcome: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._keys, self._days = np.empty(self.capacity, np.uint64), np.empty(self.capacity, np.int32)
        self._outcome = np.empty(self.capacity, np.int8)

    def add(self, keys: np.ndarray, days: np.ndarray | None, outcome: np.ndarray) -> None:
        """Add rows.

        Args:
            keys: (n,) texts, None for a missing one.
            days: (n,) datetime64[D]; None without dates.
            outcome: (n,) 1 for a default, 0 for none, -1 for an outcome that is not known.
        """
        place = slice(self.count, self.count + len(keys))
        missing = pd.isna(keys)
        hashes = pd.util.hash_array(np.where(missing, "", keys).astype(object))
        # Rows without a key are not rows of one loan.
        hashes[missing] = (np.flatnonzero(missing) + self.count + 1).astype(np.uint64) * _ODD
        self._keys[place] = hashes
        self._days[place] = 0 if days is None else days.astype(np.int64)
        self._outcome[place] = outcome
        self.count += len(keys)

    @property
    def hashes(self) -> np.ndarray:
        """(n,) uint64 hashes of the keys."""
        return self._keys[: self.count]

    @property
    def days(self) -> np.ndarray:
        """(n,) datetime64[D]."""
        return self._days[: self.count].astype("datetime64[D]")

    @property
    def outcome(self) -> np.ndarray:
        """(n,) int8, as it was added."""
        return self._outcome[: self.count]

    def repeats(self) -> int:
        """Number of rows whose key an earlier row has."""
        return _repeats(self._keys[: self.count])

    def repeats_within(self, cadence: Cadence) -> int:
        """Number of rows whose key an earlier row of the same partition has, where every row has a date."""
        mixed = np.empty(self.count, np.uint64)
        for first in range(0, self.count, _BLOCK):
            block = slice(first, min(first + _BLOCK, self.count))
            starts = partition_starts(self._days[block].astype("datetime64[D]"), cadence).astype(
                "datetime64[D]"
            )
            mixed[block] = self._keys[block] ^ (starts.astype(np.int64).astype(np.uint64) * _ODD)
        return _repeats(mixed)

    def contradicted(self) -> "ContradictedKeys":
        """The keys that a row with a default and a row without one have."""
        outcome = self.outcome
        both = np.intersect1d(self.hashes[outcome == 1], self.hashes[outcome == 0])
        rows, first = 0, list[int]()
        for start in range(0, self.count if len(both) else 0, _BLOCK):
            block = slice(start, min(start + _BLOCK, self.count))
            place = np.minimum(np.searchsorted(both, self._keys[block]), len(both) - 1)
            found = np.flatnonzero((both[place] == self._keys[block]) & (outcome[block] >= 0)) + start + 1
            rows += len(found)
            first += found[: ROWS_SHOWN - len(first)].tolist()
        return ContradictedKeys(len(both), rows, tuple(first))

    def first_repeats(self) -> list[int]:
        """The numbers of the first ROWS_SHOWN rows whose key an earlier row has, 1 = first row."""
        keys = self._keys[: self.count]
        ordered = np.sort(keys)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        del ordered
        seen = np.zeros(len(twice), bool)
        found: list[int] = []
        for first in range(0, len(keys) if len(twice) else 0, _BLOCK):
            block = keys[first : first + _BLOCK]
            place = np.minimum(np.searchsorted(twice, block), len(twice) - 1)
            rows = np.flatnonzero(twice[place] == block)
            again = seen[place[rows]] | pd.Series(place[rows]).duplicated().to_numpy()
            found += (rows[again] + first + 1).tolist()
            if len(found) >= ROWS_SHOWN:
                break
            seen[place[rows]] = True
        return found[:ROWS_SHOWN]


def _repeats(hashes: np.ndarray) -> int:
    ordered = np.sort(hashes)
    return int((ordered[1:] == ordered[:-1]).sum())
