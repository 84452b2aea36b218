"""Which loans two models decide differently on the same rows, and how these turned out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.proportions import FigureSource, Interval, jeffreys_interval


@dataclass(frozen=True)
class DecisionCell:
    """Loans on which both models decided as this cell says."""

    rows: int
    defaults: int
    bad_rate: Interval


@dataclass(frozen=True)
class SwapSet:
    """Decisions of a model beside those of another.

    Attributes:
        other: Version of the other model.
        threshold: PD from which the model declines here.
        other_threshold: The same of the other model.
        both_approve: Approved by both.
        swapped_in: Approved by the model alone.
        swapped_out: Approved by the other alone.
        both_decline: Declined by both.
    """

    other: str
    threshold: float
    other_threshold: float
    both_approve: DecisionCell
    swapped_in: DecisionCell
    swapped_out: DecisionCell
    both_decline: DecisionCell
    source: FigureSource


def swap_set(
    label: np.ndarray,
    pd: np.ndarray,
    threshold: float,
    other_pd: np.ndarray,
    other_threshold: float,
    *,
    other: str,
    source: FigureSource,
) -> SwapSet:
    """The swap set at the two thresholds.

    Args:
        label: (n,) 0 or 1, n at least 1.
        pd: (n,) PDs of the model.
        threshold: PD from which it declines.
        other_pd: (n,) PDs of the other model.
        other_threshold: PD from which that declines.
        other: Version of the other model.
        source: Where labels and PDs come from.
    """
    approves, other_approves, defaults = pd < threshold, other_pd < other_threshold, label == 1

    def cell(rows: np.ndarray) -> DecisionCell:
        count, bad = int(rows.sum()), int((rows & defaults).sum())
        return DecisionCell(count, bad, jeffreys_interval(bad, count))

    return SwapSet(
        other=other,
        threshold=threshold,
        other_threshold=other_threshold,
        both_approve=cell(approves & other_approves),
        swapped_in=cell(approves & ~other_approves),
        swapped_out=cell(~approves & other_approves),
        both_decline=cell(~approves & ~other_approves),
        source=source,
    )


def threshold_for_approval(pd: np.ndarray, rate: float) -> float:
    """The threshold at which a share of the loans is approved, as nearly as equal PDs allow.

    Args:
        pd: (n,) PDs.
        rate: Share to approve, in 0..1.

    Examples:
        >>> pd = np.array([0.1, 0.2, 0.3, 0.4])
        >>> float((pd < threshold_for_approval(pd, 0.5)).mean())
        0.5
    """
    ordered = np.sort(pd)
    count = round(rate * len(pd))
    if count >= len(pd):
        return float(np.nextafter(ordered[-1], np.inf))
    return float(ordered[count])
