"""The nearest changes that alter a decision: one column at a time, and pairs of columns where no single one does.

Every change that is found was scored with exactly the values that it names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from loan_default_assets.model.decision_explanation import DecisionChange, Value, ValueChange
from loan_default_assets.model.reason_codes import ReasonText

Row = Mapping[str, Value]
# (n,) PDs of n applications.
Score = Callable[[Sequence[Row]], np.ndarray]

# Values per column that are tried first, and at least as many between two of them for the nearest.
LEVELS = 48
FINER = 10
# Columns of which pairs are tried, and values of each.
PAIRED_COLUMNS = 6
PAIRED_VALUES = 6
SHOWN_PAIRS = 3
# A PD nearer to the threshold may be on its other side when the row is scored alone.
MARGIN = 1e-6


@dataclass(frozen=True)
class ActionableColumn:
    """A column whose value the applicant can change.

    Attributes:
        column: Name and texts.
        unit: Empty where it has none.
        levels: Of a number: ascending values from its lowest to its highest possible value in the training rows.
        ranks: Share of the training rows up to each level.
        integer: Whether only whole numbers are values.
        values: Of a category: its values.
        grouped: Whether thousands are separated in its values.

    Examples:
        >>> name = ReasonText("income", "Income", "소득")
        >>> income = ActionableColumn(name, "USD", (0.0, 50.0, 100.0), (0.0, 0.5, 1.0))
        >>> income.distance(25.0, 50.0)
        0.25
    """

    column: ReasonText
    unit: str = ""
    levels: tuple[float, ...] = ()
    ranks: tuple[float, ...] = ()
    integer: bool = False
    values: tuple[str, ...] = ()
    grouped: bool = True

    def distance(self, before: Value, after: Value) -> float:
        """Share of the training rows between two numbers; 1 for another category."""
        if self.values or not isinstance(after, float | int):
            return 1.0
        start = self.levels[len(self.levels) // 2] if before is None else before
        low, high = np.interp([float(start), float(after)], self.levels, self.ranks)
        return abs(float(high - low))


@dataclass(frozen=True)
class _Trial:
    """Values of one column that were scored: ascending for a number."""

    column: ActionableColumn
    values: tuple[Value, ...]
    pd: np.ndarray


def nearest_changes(
    row: Row, columns: Sequence[ActionableColumn], score: Score, threshold: float
) -> tuple[DecisionChange, ...]:
    """The nearest change of each column that alters the decision; where there is none, the nearest pairs.

    Args:
        row: The values that were scored.
        columns: What may change.
        score: The model.
        threshold: PD from which the decision is adverse.

    Returns:
        The nearest first: by the share of training rows that a number passes; another category comes last.

    Examples:
        >>> debt = ActionableColumn(ReasonText("debt", "Debt", "부채"), "USD", (0.0, 100.0), (0.0, 1.0))
        >>> def score(rows):
        ...     return np.array([row["debt"] / 100 for row in rows])
        >>> [found] = nearest_changes({"debt": 80.0}, [debt], score, 0.5)
        >>> found.values[0].after, found.pd
        (49.9, 0.499)
    """
    adverse = bool(score([row])[0] >= threshold)
    trials = _scored(row, [(column, _values(column, row)) for column in columns], score)
    finer = [(trial.column, _between(trial, row, adverse, threshold)) for trial in trials]
    singles: list[tuple[float, DecisionChange]] = []
    for first, second in zip(trials, _scored(row, finer, score), strict=True):
        found = [
            (first.column.distance(row.get(first.column.column.code), value), pd, value)
            for trial in (first, second)
            for value, pd in zip(trial.values, trial.pd.tolist(), strict=True)
            if _alters(pd, adverse, threshold)
        ]
        if found:
            distance, pd, value = min(found, key=lambda each: (each[0], each[1] if adverse else -each[1]))
            singles.append((distance, DecisionChange((_change(first.column, row, value),), pd)))
    if singles:
        return tuple(change for _, change in sorted(singles, key=lambda each: each[0]))
    return _pairs(row, trials, score, adverse, threshold)


def _alters(pd: float, adverse: bool, threshold: float) -> bool:
    """Whether a PD is clearly on the other side of the threshold."""
    return pd < threshold - MARGIN if adverse else pd >= threshold + MARGIN


def _values(column: ActionableColumn, row: Row) -> tuple[Value, ...]:
    """Values of a column other than the present one."""
    before = row.get(column.column.code)
    if column.values:
        return tuple(value for value in column.values if value != before)
    if not column.levels:
        return ()
    low, high = column.levels[0], column.levels[-1]
    spread = np.interp(np.linspace(column.ranks[0], column.ranks[-1], LEVELS), column.ranks, column.levels)
    step = _step((high - low) / LEVELS, column.integer)
    rounded = {round(round(value / step) * step, 9) for value in spread.tolist()}
    inside = {value for value in (*rounded, low, high) if low <= value <= high}
    whole = {value for value in inside if value.is_integer()} if column.integer else inside
    return tuple(sorted(value for value in whole if value != before))


def _between(trial: _Trial, row: Row, adverse: bool, threshold: float) -> tuple[Value, ...]:
    """Finer values between the nearest one that alters the decision, on either side, and its neighbour."""
    before = row.get(trial.column.column.code)
    if trial.column.values or not isinstance(before, float | int):
        return ()
    numbers = np.array(trial.values, np.float64)
    altered = np.array([_alters(pd, adverse, threshold) for pd in trial.pd.tolist()], bool)
    found: set[float] = set()
    for side, nearest in ((numbers < before, np.max), (numbers > before, np.min)):
        hits = numbers[side & altered]
        if not len(hits):
            continue
        hit = float(nearest(hits))
        inner = numbers[side & ((numbers > hit) if hit < before else (numbers < hit))]
        neighbour = float(before)
        if len(inner):
            neighbour = float(inner.min() if hit < before else inner.max())
        low, high = sorted((hit, neighbour))
        # The present value may lie outside of what may be suggested.
        low, high = max(low, trial.column.levels[0]), min(high, trial.column.levels[-1])
        step = _step((high - low) / FINER, trial.column.integer)
        first, last = math.ceil(low / step), math.floor(high / step)
        values = (round(number * step, 9) for number in range(first, last + 1))
        found |= {value for value in values if low <= value <= high and value != before}
    return tuple(sorted(found))


def _step(width: float, integer: bool) -> float:
    """The power of ten that is at most a width; 1 where only whole numbers are values."""
    step = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    return max(step, 1.0) if integer else step


def _scored(
    row: Row, columns: Sequence[tuple[ActionableColumn, tuple[Value, ...]]], score: Score
) -> list[_Trial]:
    """All values of all columns, scored at once."""
    rows = [{**row, column.column.code: value} for column, values in columns for value in values]
    pd = score(rows) if rows else np.empty(0)
    ends = np.cumsum([len(values) for _, values in columns])[:-1]
    return [
        _Trial(column, values, part)
        for (column, values), part in zip(columns, np.split(pd, ends), strict=False)
    ]


def _pairs(
    row: Row, trials: Sequence[_Trial], score: Score, adverse: bool, threshold: float
) -> tuple[DecisionChange, ...]:
    """The nearest change per pair of those columns that move the PD most in the direction of the other decision."""
    sign = 1.0 if adverse else -1.0
    moving = sorted((trial for trial in trials if trial.values), key=lambda trial: (sign * trial.pd).min())
    tried: list[tuple[_Trial, _Trial, Value, Value]] = []
    for first, second in combinations(moving[:PAIRED_COLUMNS], 2):
        tried += [(first, second, *values) for values in product(_some(first), _some(second))]
    if not tried:
        return ()
    rows = [{**row, a.column.column.code: one, b.column.column.code: two} for a, b, one, two in tried]
    nearest: dict[tuple[str, str], tuple[float, DecisionChange]] = {}
    for (a, b, one, two), pd in zip(tried, score(rows).tolist(), strict=True):
        if not _alters(pd, adverse, threshold):
            continue
        distance = a.column.distance(row.get(a.column.column.code), one)
        distance += b.column.distance(row.get(b.column.column.code), two)
        change = DecisionChange((_change(a.column, row, one), _change(b.column, row, two)), pd)
        names = (a.column.column.code, b.column.column.code)
        if names not in nearest or distance < nearest[names][0]:
            nearest[names] = (distance, change)
    return tuple(change for _, change in sorted(nearest.values(), key=lambda each: each[0])[:SHOWN_PAIRS])


def _some(trial: _Trial) -> list[Value]:
    """A few of the values, the first and the last among them."""
    index = np.unique(np.linspace(0, len(trial.values) - 1, PAIRED_VALUES).round().astype(int))
    return [trial.values[position] for position in index.tolist()]


def _change(column: ActionableColumn, row: Row, after: Value) -> ValueChange:
    return ValueChange(column.column, row.get(column.column.code), after, column.unit, column.grouped)
