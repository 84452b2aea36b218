"""The model's decisions and errors by group of a column, and the groups in which it is weak."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from loan_default_assets.reports.figures.feature_table import Feature, Grouping
from loan_default_assets.reports.figures.implied_figures import area_p_value, count_p_value, implied_area
from loan_default_assets.reports.figures.proportions import (
    FigureSource,
    Interval,
    area_interval,
    jeffreys_interval,
    ratio_interval,
)

# A smaller group is counted, not described: its figures are noise, and may describe single applicants.
FEWEST_ROWS = 30
WEAK_SHARE = 0.05
WEAK_ROWS = 100
# Of a larger group the figures are nearly those of all loans.
WEAK_MOST_SHARE = 0.8
WEAK_LEVEL = 0.05
Role = Literal["protected", "segment"]


@dataclass(frozen=True)
class GroupFigures:
    """The loans of one group; figures are NaN with fewer than 30 loans.

    Attributes:
        name: Name of the group.
        rows: Loans.
        defaults: Defaults among them; -1 with fewer than 30 loans.
        approval_rate: Share with a PD below the threshold, with Jeffreys' interval.
        ratio: Approval rate over that of the largest group, with Katz' interval; 1 without one for that group itself.
        f1: F1 of the default class at the model's threshold.
        mean_pd: Predicted default rate.
        observed: Default rate with its interval.
    """

    name: str
    rows: int
    defaults: int
    approval_rate: Interval
    ratio: Interval
    f1: float
    mean_pd: float
    observed: Interval

    @property
    def calibrated(self) -> bool | None:
        """Whether the predicted rate lies in the interval of the observed one; None for a small group."""
        if math.isnan(self.mean_pd):
            return None
        return self.observed.low <= self.mean_pd <= self.observed.high


@dataclass(frozen=True)
class ColumnGroups:
    """The groups of one column.

    Attributes:
        column: Name of the column.
        role: Whether the portfolio names it as protected or as a segment.
        reference: Name of the largest group, with which approval rates are compared.
        described: What the column is, in both languages; None where only its name is known.
    """

    column: str
    role: Role
    reference: str
    groups: tuple[GroupFigures, ...]
    source: FigureSource
    described: Feature | None = None


@dataclass(frozen=True)
class WeakSegment:
    """A group whose PDs are off, or in which the model discriminates worse than its own PDs imply.

    Attributes:
        column: Name of the column.
        name: Name of the group.
        rows: Loans.
        observed: Default rate.
        mean_pd: Predicted default rate.
        p_value: Of the test that the PDs are right on average, after Holm's correction for all tests.
        area: ROC-AUC within the group.
        implied_area: ROC-AUC that these PDs have where they are right.
        area_p_value: Of the test that `area` is not below it, after the same correction.
    """

    column: str
    name: str
    rows: int
    observed: Interval
    mean_pd: float
    p_value: float
    area: Interval
    implied_area: float
    area_p_value: float


@dataclass(frozen=True)
class WeakSegments:
    """What a search over the groups of all columns found.

    Attributes:
        tested: Groups that were tested: those with 5 % to 80 % of the loans, at least 100.
        found: The most certain first.
    """

    tested: int
    found: tuple[WeakSegment, ...]
    source: FigureSource


def column_groups(
    grouping: Grouping,
    role: Role,
    label: np.ndarray,
    pd: np.ndarray,
    threshold: float,
    source: FigureSource,
    described: Feature | None = None,
) -> ColumnGroups:
    """Figures of every group of a column.

    Args:
        grouping: The rows' groups.
        role: Why the column is reported on.
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        threshold: PD from which a loan is declined.
        source: Where the values come from.
        described: What the column is.
    """
    sizes = np.bincount(grouping.group, minlength=len(grouping.names))
    largest = int(sizes.argmax())
    reference = grouping.group == largest
    approved = pd < threshold
    groups = tuple(
        _figures(name, grouping.group == index, reference, label == 1, pd, approved)
        for index, name in enumerate(grouping.names)
    )
    return ColumnGroups(grouping.column, role, grouping.names[largest], groups, source, described)


def _figures(
    name: str,
    rows: np.ndarray,
    reference: np.ndarray,
    defaults: np.ndarray,
    pd: np.ndarray,
    approved: np.ndarray,
) -> GroupFigures:
    count, unknown = int(rows.sum()), Interval(math.nan, math.nan, math.nan)
    if count < FEWEST_ROWS:
        return GroupFigures(name, count, -1, unknown, unknown, math.nan, math.nan, unknown)
    found, bad = int((rows & approved).sum()), int((rows & defaults).sum())
    true_positives = int((rows & defaults & ~approved).sum())
    denominator = (count - found) + bad
    return GroupFigures(
        name=name,
        rows=count,
        defaults=bad,
        approval_rate=jeffreys_interval(found, count),
        ratio=Interval(1.0, math.nan, math.nan)
        if np.array_equal(rows, reference)
        else ratio_interval(found, count, int((reference & approved).sum()), int(reference.sum())),
        f1=2 * true_positives / denominator if denominator else math.nan,
        mean_pd=float(pd[rows].mean()),
        observed=jeffreys_interval(bad, count),
    )


def weak_segments(
    groupings: Iterable[Grouping], label: np.ndarray, pd: np.ndarray, source: FigureSource
) -> WeakSegments:
    """Search all groups for wrong PDs and for less discrimination than the PDs imply.

    A group that is defined by a feature of the model discriminates less than all loans even where every PD is right,
    so its ROC-AUC is compared with the one that its own PDs imply.

    Args:
        groupings: Groups by every column.
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        source: Where the values come from.
    """
    fewest, most = max(WEAK_ROWS, WEAK_SHARE * len(label)), WEAK_MOST_SHARE * len(label)
    tested = [
        _tested(grouping.column, name, label[rows], pd[rows])
        for grouping in groupings
        for name, rows in ((name, grouping.group == index) for index, name in enumerate(grouping.names))
        if fewest <= rows.sum() <= most
    ]
    corrected = holm([p for segment in tested for p in (segment.p_value, segment.area_p_value)])
    found = [
        replace(segment, p_value=corrected[2 * index], area_p_value=corrected[2 * index + 1])
        for index, segment in enumerate(tested)
    ]
    weak = [one for one in found if min(one.p_value, one.area_p_value) < WEAK_LEVEL]
    weak.sort(key=lambda one: (min(one.p_value, one.area_p_value), one.column, one.name))
    return WeakSegments(len(tested), tuple(weak), source)


def _tested(column: str, name: str, label: np.ndarray, pd: np.ndarray) -> WeakSegment:
    """A group with the p-values of both tests, before correction."""
    defaults, rows = int((label == 1).sum()), len(label)
    area = area_interval(label, pd)
    return WeakSegment(
        column=column,
        name=name,
        rows=rows,
        observed=jeffreys_interval(defaults, rows),
        mean_pd=float(pd.mean()),
        p_value=count_p_value(defaults, pd),
        area=area,
        implied_area=implied_area(pd),
        area_p_value=area_p_value(area.value, defaults, pd),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979).

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda position: p_values[position])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
