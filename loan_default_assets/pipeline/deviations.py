"""What a verification finds: each deviation with its table and row, what was expected and what is there."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Check = Literal[
    "signature",
    "files",
    "snapshot",
    "registry",
    "gate",
    "decision",
    "approval",
    "chain",
    "row",
    "provenance",
    "tombstone",
    "features",
    "score",
]


@dataclass(frozen=True)
class Deviation:
    """One deviation.

    Attributes:
        check: The check that failed.
        table: The table, or `files` for those of a model.
        row: Request id and position, version, or number of the row or link.
        expected: What the other records say.
        found: What is there.
    """

    check: Check
    table: str
    row: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.check}: {self.table}, {self.row}: expected {self.expected}; found {self.found}"


@dataclass
class Deviations:
    """All deviations, counted by kind of check; of each kind the first is kept, in the order of discovery."""

    counts: Counter[Check] = field(default_factory=Counter)
    first: dict[Check, Deviation] = field(default_factory=dict)

    def add(self, check: Check, table: str, row: str, *, expected: str, found: str) -> None:
        """Record a deviation."""
        self.counts[check] += 1
        if check not in self.first:
            self.first[check] = Deviation(check, table, row, expected, found)

    def __bool__(self) -> bool:
        return bool(self.counts)
