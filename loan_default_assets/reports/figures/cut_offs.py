"""What a cut-off on PD means for approvals, bad rate and loss, and what the decision threshold costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.proportions import FigureSource

BANDS = 20
THRESHOLDS = 101


@dataclass(frozen=True)
class Economics:
    """What a decision is worth, as shares of a loan's amount.

    Attributes:
        lgd: Loss given default.
        margin: Earned on a loan that is repaid.
        stated: Whether the portfolio states them; otherwise they are the defaults of this release.
    """

    lgd: float = 0.45
    margin: float = 0.05
    stated: bool = False

    @property
    def break_even_pd(self) -> float:
        """The PD at which margin and expected loss are equal."""
        return self.margin / (self.margin + self.lgd)


@dataclass(frozen=True)
class CutOffBand:
    """Loans with neighbouring PDs, and what approving them and all with a lower PD would mean.

    Attributes:
        highest_pd: The largest PD of the band: the cut-off.
        rows: Loans of the band.
        defaults: Defaults among them.
        approval_rate: Share of all loans up to the cut-off.
        bad_rate: Default rate of the loans up to the cut-off.
        expected_loss: Mean PD of the loans up to the cut-off, times LGD.
        result: Margin less loss of the loans up to the cut-off, per loan applied for.
    """

    highest_pd: float
    rows: int
    defaults: int
    approval_rate: float
    bad_rate: float
    expected_loss: float
    result: float

    @property
    def marginal_bad_rate(self) -> float:
        """Default rate of the band alone."""
        return self.defaults / self.rows


@dataclass(frozen=True)
class ThresholdCosts:
    """Costs per loan applied for, by decision threshold: losses of approved defaults and margins of declined loans.

    Attributes:
        threshold: Thresholds, ascending.
        cost: Cost at each.
        approval_rate: Share of loans with a PD below each.
        f1: F1 of the default class at each.
        at_threshold: Cost at the model's threshold.
        cheapest: Threshold with the lowest cost.
        cheapest_cost: That cost.
    """

    threshold: tuple[float, ...]
    cost: tuple[float, ...]
    approval_rate: tuple[float, ...]
    f1: tuple[float, ...]
    at_threshold: float
    cheapest: float
    cheapest_cost: float


@dataclass(frozen=True)
class CutOffs:
    """The cut-off table and the cost curve of a model on the evaluation window.

    Attributes:
        bands: From the lowest PD up; loans with equal PDs are in one band.
        threshold: The model's decision threshold.
        approval_rate: Share of loans that the model approves at it.
        bad_rate: Default rate of these; NaN where it approves none.
    """

    bands: tuple[CutOffBand, ...]
    costs: ThresholdCosts
    economics: Economics
    threshold: float
    approval_rate: float
    bad_rate: float
    source: FigureSource


def cut_offs(
    label: np.ndarray, pd: np.ndarray, threshold: float, economics: Economics, source: FigureSource
) -> CutOffs:
    """Cut-offs at about every 20th of the loans.

    Args:
        label: (n,) 0 or 1, n at least 1.
        pd: (n,) PDs.
        threshold: PD from which a loan is declined.
        economics: Loss given default and margin.
        source: Where labels and PDs come from.
    """
    order = np.argsort(pd, kind="stable")
    pd, defaults = pd[order], (label == 1)[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(pd) != 0, True))
    wanted = np.linspace(0, len(pd), BANDS + 1)[1:] - 1
    ends = np.unique(last_of_tie[np.searchsorted(last_of_tie, np.ceil(wanted)).clip(0, len(last_of_tie) - 1)])
    bands, first = [], 0
    for last in ends:
        below = slice(0, last + 1)
        bad, share = float(defaults[below].mean()), (last + 1) / len(pd)
        bands.append(
            CutOffBand(
                highest_pd=float(pd[last]),
                rows=int(last + 1 - first),
                defaults=int(defaults[first : last + 1].sum()),
                approval_rate=float(share),
                bad_rate=bad,
                expected_loss=float(pd[below].mean()) * economics.lgd,
                result=float(share * ((1 - bad) * economics.margin - bad * economics.lgd)),
            )
        )
        first = last + 1
    approved = pd < threshold
    return CutOffs(
        bands=tuple(bands),
        costs=_costs(defaults, pd, threshold, economics),
        economics=economics,
        threshold=threshold,
        approval_rate=float(approved.mean()),
        bad_rate=float(defaults[approved].mean()) if approved.any() else float("nan"),
        source=source,
    )


def _costs(defaults: np.ndarray, pd: np.ndarray, threshold: float, economics: Economics) -> ThresholdCosts:
    grid = np.linspace(0.0, min(1.0, float(pd[-1]) * 1.02 + 1e-6), THRESHOLDS)
    at = np.union1d(grid, [threshold])

    def figures(thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        below = np.searchsorted(pd, thresholds, side="left")
        approved_defaults = np.concatenate([[0], np.cumsum(defaults)])[below]
        declined_others = (~defaults).sum() - (below - approved_defaults)
        cost = (approved_defaults * economics.lgd + declined_others * economics.margin) / len(pd)
        found = defaults.sum() - approved_defaults
        f1 = 2 * found / np.maximum(len(pd) - below + defaults.sum(), 1)
        return cost, below / len(pd), f1

    cost, approval, f1 = figures(at)
    best = int(cost.argmin())
    return ThresholdCosts(
        threshold=tuple(at.tolist()),
        cost=tuple(cost.tolist()),
        approval_rate=tuple(approval.tolist()),
        f1=tuple(f1.tolist()),
        at_threshold=float(cost[np.searchsorted(at, threshold)]),
        cheapest=float(at[best]),
        cheapest_cost=float(cost[best]),
    )
