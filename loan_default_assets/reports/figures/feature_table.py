"""The features of a model by name, and rows divided into named groups by one column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

MISSING = "missing"
UNKNOWN = "unknown"
OTHER = "other"
ALL = "all"
MOST_GROUPS = 12
# Digits that tell any two numbers apart.
_MOST_DIGITS = 17


@dataclass(frozen=True)
class Feature:
    """One column that rows are described by.

    Attributes:
        name: Its name in the portfolio.
        kind: Number or category.
        english: What it is, in English.
        korean: What it is, in Korean.
        unit: Unit of a number; empty without one.
        categories: Texts of the codes from 2 on.
        grouped: Whether thousands are separated in a number; they are not in a year or an identifier.
    """

    name: str
    kind: Literal["number", "category"]
    english: str
    korean: str
    unit: str = ""
    categories: tuple[str, ...] = ()
    grouped: bool = True

    def code_text(self, code: int) -> str:
        """The text of a category code: `missing`, `unknown`, or the portfolio's value."""
        return (MISSING, UNKNOWN, *self.categories)[code]


@dataclass(frozen=True)
class Grouping:
    """Rows by the values of one column.

    Attributes:
        column: Name of the column.
        names: Names of the groups; `missing`, `unknown`, `other` and `all` are shown in the reader's language.
        group: (n,) position in `names` of each row's group.
    """

    column: str
    names: tuple[str, ...]
    group: np.ndarray


def group_codes(feature: Feature, codes: np.ndarray) -> Grouping:
    """The categories that occur, the rarest beyond twelve as `other`.

    Args:
        feature: A categorical feature.
        codes: (n,) codes.
    """
    return group_texts(feature.name, [feature.code_text(code) for code in codes.tolist()])


def group_texts(column: str, texts: list[str]) -> Grouping:
    """The values that occur, in order, the rarest beyond twelve as `other`.

    Examples:
        >>> found = group_texts("sex", ["2", "1", "2"])
        >>> found.names, found.group.tolist()
        (('1', '2'), [1, 0, 1])
    """
    values, index, counts = np.unique(np.array(texts, dtype=object), return_inverse=True, return_counts=True)
    if len(values) <= MOST_GROUPS:
        return Grouping(column, tuple(map(str, values)), index)
    named = np.flatnonzero(values != OTHER)
    kept = np.sort(named[np.argsort(-counts[named], kind="stable")[: MOST_GROUPS - 1]])
    position = np.full(len(values), len(kept))
    position[kept] = np.arange(len(kept))
    return Grouping(column, (*(str(values[i]) for i in kept), OTHER), position[index])


def group_numbers(column: str, values: np.ndarray, groups: int = 4, *, grouped: bool = True) -> Grouping:
    """Quantile groups of a number, fewer where values repeat; a column of few values has a group per value.

    Args:
        column: Name of the column.
        values: (n,) numbers, NaN for a missing one.
        groups: Quantile groups.
        grouped: Whether thousands are separated in the names of the groups.

    Examples:
        >>> group_numbers("age", np.array([20.0, 30.0, 40.0, 50.0, 60.0, 70.0]), groups=2).names
        ('<\\xa045', '≥\\xa045')
        >>> group_numbers("zip", np.array([10115.0, 80331.0]), grouped=False).names
        ('10115', '80331')
    """
    present = np.unique(values[~np.isnan(values)])
    if 0 < len(present) <= 2 * groups:
        names = _number_texts(present, 6, grouped)
        names = (*names, MISSING) if np.isnan(values).any() else names
        # NaN sorts after every number.
        return Grouping(column, names, np.searchsorted(present, values))
    edges = (
        np.unique(np.quantile(values[~np.isnan(values)], np.linspace(0, 1, groups + 1)[1:-1]))
        if len(present)
        else np.zeros(0)
    )
    edges = edges[edges > present[0]] if len(present) else edges
    names = _range_names(edges, grouped) if len(present) else ()
    group = np.searchsorted(edges, values, side="right")
    if np.isnan(values).any():
        group = np.where(np.isnan(values), len(names), group)
        names = (*names, MISSING)
    return Grouping(column, names, group)


def _range_names(edges: np.ndarray, grouped: bool) -> tuple[str, ...]:
    # Rounded, an identifier is another one.
    texts = _number_texts(edges, 4 if grouped else _MOST_DIGITS, grouped)
    if not texts:
        return (ALL,)
    middle = [f"{low}\u00a0–\u00a0{high}" for low, high in pairwise(texts)]
    return (f"<\u00a0{texts[0]}", *middle, f"≥\u00a0{texts[-1]}")


def _number_texts(values: np.ndarray, digits: int, grouped: bool = True) -> tuple[str, ...]:
    """Numbers as people write them, with so many significant digits, or as many more as keep them apart.

    Args:
        values: (n,) different numbers.
        digits: Significant digits, at least.

    Examples:
        >>> _number_texts(np.array([0.00001234, 24.75, 1234567.0]), 4)
        ('0.00001234', '24.75', '1,235,000')
        >>> _number_texts(np.array([2000001.0, 2000002.0]), 4)
        ('2,000,001', '2,000,002')
    """
    texts: tuple[str, ...] = ()
    for precision in range(digits, _MOST_DIGITS + 1):
        texts = tuple(_positional(value, precision, grouped) for value in values.tolist())
        if len(set(texts)) == len(texts):
            break
    return texts


def _positional(value: float, digits: int, grouped: bool) -> str:
    text = np.format_float_positional(value, precision=digits, unique=False, fractional=False, trim="-")
    whole, point, fraction = text.partition(".")
    # Without separators, four digits can also be a year.
    return f"{int(whole):,}{point}{fraction}" if grouped and abs(value) >= 10_000 else text
