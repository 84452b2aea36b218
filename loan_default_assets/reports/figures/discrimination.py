"""How well PDs separate defaults from other loans: curves, score distribution and gains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.proportions import FigureSource

# More points than a figure of this width shows.
MOST_POINTS = 160
HISTOGRAM_BINS = 25


@dataclass(frozen=True)
class Curve:
    """Points of a line, in order."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class GainsBand:
    """A tenth of the loans, from the highest PD down.

    Attributes:
        rows: Loans of the band.
        defaults: Defaults among them.
        captured: Share of all defaults in this band and those above it.
        lift: Default rate of this band and those above it, over that of all loans.
    """

    rows: int
    defaults: int
    captured: float
    lift: float


@dataclass(frozen=True)
class Discrimination:
    """Curves of one model on the evaluation window.

    Attributes:
        roc: Share of defaults against share of other loans with at least a PD.
        precision_recall: Precision against recall.
        defaults_below: Share of defaults with at most a PD, against the PD.
        others_below: The same for other loans.
        ks: Largest share of other loans less that of defaults, the Kolmogorov-Smirnov statistic as `metrics` has it; a
            model whose PDs fall with the risk has a small one.
        ks_at: The PD at which it is reached.
        roc_auc: Area under `roc`.
        gini: 2 * roc_auc - 1.
        pr_auc: Average precision.
        default_rate: Precision of a model without information.
        edges: (HISTOGRAM_BINS + 1) edges of the score distribution, in PD.
        defaults_share: Share of defaults per bin.
        others_share: Share of other loans per bin.
        gains: Tenths of the loans, from the highest PD down.
    """

    roc: Curve
    precision_recall: Curve
    defaults_below: Curve
    others_below: Curve
    ks: float
    ks_at: float
    roc_auc: float
    gini: float
    pr_auc: float
    default_rate: float
    edges: tuple[float, ...]
    defaults_share: tuple[float, ...]
    others_share: tuple[float, ...]
    gains: tuple[GainsBand, ...]
    source: FigureSource


def discrimination(label: np.ndarray, pd: np.ndarray, source: FigureSource) -> Discrimination | None:
    """The curves of a model; None where the rows have one class only.

    Args:
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        source: Where labels and PDs come from.
    """
    from scipy.stats import ks_2samp
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    defaults = label == 1
    if defaults.all() or not defaults.any():
        return None
    false_positives, true_positives, _ = roc_curve(defaults, pd)
    precision, recall, _ = precision_recall_curve(defaults, pd)
    statistic = ks_2samp(pd[~defaults], pd[defaults], alternative="greater", method="asymp")
    grid = np.linspace(0.0, float(pd.max()), MOST_POINTS)
    area = float(roc_auc_score(defaults, pd))
    edges = np.linspace(0.0, max(float(pd.max()), 1e-9), HISTOGRAM_BINS + 1)
    return Discrimination(
        roc=_thinned(false_positives, true_positives),
        precision_recall=_thinned(recall[::-1], precision[::-1]),
        defaults_below=_share_below(pd[defaults], grid),
        others_below=_share_below(pd[~defaults], grid),
        ks=float(statistic.statistic),
        ks_at=float(statistic.statistic_location),
        roc_auc=area,
        gini=2 * area - 1,
        pr_auc=float(average_precision_score(defaults, pd)),
        default_rate=float(defaults.mean()),
        edges=tuple(edges.tolist()),
        defaults_share=_shares(pd[defaults], edges),
        others_share=_shares(pd[~defaults], edges),
        gains=_gains(defaults, pd),
        source=source,
    )


def _thinned(x: np.ndarray, y: np.ndarray) -> Curve:
    """At most MOST_POINTS of the points, evenly along the line, with both ends."""
    if len(x) > MOST_POINTS:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        kept = np.unique(np.searchsorted(along, np.linspace(0.0, along[-1], MOST_POINTS)).clip(0, len(x) - 1))
        x, y = x[kept], y[kept]
    return Curve(tuple(map(float, x)), tuple(map(float, y)))


def _share_below(pd: np.ndarray, grid: np.ndarray) -> Curve:
    shares = np.searchsorted(np.sort(pd), grid, side="right") / len(pd)
    return Curve(tuple(grid.tolist()), tuple(shares.tolist()))


def _shares(pd: np.ndarray, edges: np.ndarray) -> tuple[float, ...]:
    return tuple((np.histogram(pd, edges)[0] / len(pd)).tolist())


def _gains(defaults: np.ndarray, pd: np.ndarray) -> tuple[GainsBand, ...]:
    ordered = defaults[np.argsort(-pd, kind="stable")]
    bands, rows, found = [], 0, 0
    for part in np.array_split(ordered, 10):
        rows, found = rows + len(part), found + int(part.sum())
        if rows:
            lift = (found / rows) / (ordered.sum() / len(ordered))
            bands.append(GainsBand(len(part), int(part.sum()), found / int(ordered.sum()), float(lift)))
    return tuple(bands)
