"""The model's decisions and errors by group of a column, and the groups in which it is weak."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loan_default_assets.reports.figures.feature_table import Grouping
from loan_default_assets.reports.figures.proportions import (
    Interval,
    Source,
    area_interval,
    jeffreys_interval,
    ratio_interval,
)

# A smaller group is counted, not described: its figures are noise, and may describe single applicants.
FEWEST_ROWS = 30
WEAK_SHARE = 0.05
WEAK_ROWS = 100
WEAK_LEVEL = 0.05
MOST_WEAK = 10
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
    """

    column: str
    role: Role
    reference: str
    groups: tuple[GroupFigures, ...]
    source: Source


@dataclass(frozen=True)
class WeakSegment:
    """A group whose PDs are off, or in which the model discriminates worse than elsewhere.

    Attributes:
        column: Name of the column.
        name: Name of the group.
        rows: Loans.
        observed: Default rate.
        mean_pd: Predicted default rate.
        p_value: Of the test that the PDs are right, after Holm's correction for all groups that were tested.
        area: ROC-AUC within the group.
        miscalibrated: Whether the test rejects at 5 %.
        less_discriminating: Whether the upper bound of `area` lies below the ROC-AUC of all loans.
    """

    column: str
    name: str
    rows: int
    observed: Interval
    mean_pd: float
    p_value: float
    area: Interval
    miscalibrated: bool
    less_discriminating: bool


@dataclass(frozen=True)
class WeakSegments:
    """What a search over the groups of all columns found.

    Attributes:
        tested: Groups that were tested: those with 5 % of the loans, at least 100.
        found: The most miscalibrated first, at most ten.
    """

    tested: int
    found: tuple[WeakSegment, ...]
    source: Source


def column_groups(
    grouping: Grouping, role: Role, label: np.ndarray, pd: np.ndarray, threshold: float, source: Source
) -> ColumnGroups:
    """Figures of every group of a column.

    Args:
        grouping: The rows' groups.
        role: Why the column is reported on.
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        threshold: PD from which a loan is declined.
        source: Where the values come from.
    """
    sizes = np.bincount(grouping.group, minlength=len(grouping.names))
    largest = int(sizes.argmax())
    reference = grouping.group == largest
    approved = pd < threshold
    groups = tuple(
        _figures(name, grouping.group == index, reference, label == 1, pd, approved)
        for index, name in enumerate(grouping.names)
    )
    return ColumnGroups(grouping.column, role, grouping.names[largest], groups, source)


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
    groupings: Iterable[Grouping], label: np.ndarray, pd: np.ndarray, source: Source
) -> WeakSegments:
    """Search all groups for wrong PDs (binomial test of the sum of PDs, normal) and for weak discrimination.

    Args:
        groupings: Groups by every column.
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        source: Where the values come from.
    """
    from scipy.stats import norm

    defaults, overall = label == 1, area_interval(label, pd).value
    fewest = max(WEAK_ROWS, WEAK_SHARE * len(label))
    tested: list[tuple[str, str, np.ndarray, float]] = []
    for grouping in groupings:
        for index, name in enumerate(grouping.names):
            rows = grouping.group == index
            if fewest <= rows.sum() < len(label):
                spread = math.sqrt(float((pd[rows] * (1 - pd[rows])).sum())) or 1.0
                z = float(defaults[rows].sum() - pd[rows].sum()) / spread
                tested.append((grouping.column, name, rows, float(2 * norm.sf(abs(z)))))
    corrected = holm([p for *_, p in tested])
    found = []
    for (column, name, rows, _), p_value in zip(tested, corrected, strict=True):
        area = area_interval(label[rows], pd[rows])
        wrong, weak = p_value < WEAK_LEVEL, area.high < overall
        if wrong or weak:
            observed = jeffreys_interval(int(defaults[rows].sum()), int(rows.sum()))
            found.append(
                WeakSegment(
                    column,
                    name,
                    int(rows.sum()),
                    observed,
                    float(pd[rows].mean()),
                    p_value,
                    area,
                    wrong,
                    weak,
                )
            )
    found.sort(key=lambda segment: (segment.p_value, segment.area.value))
    return WeakSegments(len(tested), tuple(found[:MOST_WEAK]), source)


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
