"""Recorded facts of a model by group, each with the table row, or the file, that it was read from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Value = str | int | float | bool | tuple[float, ...]


@dataclass(frozen=True)
class FactSource:
    """Where a value is recorded.

    Attributes:
        table: A table of the portfolio's schema, or the name of a file.
        key: Columns that select the row, with their values; of a file its SHA-256.
        path: The column or the first key of the file, then the keys inside of its JSON value.
    """

    table: str
    key: tuple[tuple[str, str], ...]
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`table[key].column`.

        Examples:
            >>> str(FactSource("model_performance", (("id", "3"),), ("metrics", "f1")))
            'model_performance[id=3].metrics.f1'
        """
        keys = ", ".join(f"{name}={value}" for name, value in self.key)
        parts = (part if re.fullmatch(r"[\w()*-]+", part) else json.dumps(part) for part in self.path)
        return ".".join((f"{self.table}[{keys}]", *parts))

    def at(self, *path: str) -> FactSource:
        """A value of the same row or file."""
        return FactSource(self.table, self.key, (*self.path, *path))


def row(table: str, **key: str | int) -> FactSource:
    """The source of a row of a table."""
    return FactSource(table, tuple((name, str(value)) for name, value in key.items()))


def file(name: str, sha256: str) -> FactSource:
    """The source of a file."""
    return FactSource(name, (("sha256", sha256),))


@dataclass(frozen=True)
class RecordedFact:
    """One statement.

    Attributes:
        name: Unique in its group; the name that table or file have for it.
        value: As it is recorded, never rounded.
    """

    name: str
    value: Value
    source: FactSource


@dataclass(frozen=True)
class DossierFacts:
    """What is recorded of a version.

    Attributes:
        title: Of the portfolio.
        version: The model.
        groups: Facts by group; a group of which nothing is recorded has none.
    """

    title: str
    version: str
    groups: Mapping[str, tuple[RecordedFact, ...]]


def facts_of(source: FactSource, values: Mapping[str, Any]) -> tuple[RecordedFact, ...]:
    """The facts of columns or keys; those without a recorded value are omitted.

    Args:
        source: The row or the file.
        values: Value by column or key. Mappings and sequences become one fact per entry, but two numbers with decimals
            are one interval.

    Examples:
        >>> [(each.name, each.value) for each in facts_of(row("t", id=1), {"a": None, "b": {"c": 1, "d": [0.2, 0.3]}})]
        [('b.c', 1), ('b.d', (0.2, 0.3))]
    """
    return tuple(
        RecordedFact(".".join(path), value, source.at(*path))
        for name, given in values.items()
        for path, value in _entries((name,), given)
    )


def _entries(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Value]]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _entries((*path, str(name)), entry)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) == 2 and all(isinstance(entry, float) for entry in value):
            if all(math.isfinite(entry) for entry in value):
                yield path, (value[0], value[1])
            return
        for position, entry in enumerate(value):
            yield from _entries((*path, str(position)), entry)
    elif isinstance(value, date):
        yield path, value.isoformat()
    elif value is not None and value != "" and not (isinstance(value, float) and math.isnan(value)):
        yield path, value
