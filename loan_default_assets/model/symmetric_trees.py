"""Gradient boosting with symmetric trees: all nodes of a level split on the same feature at the same value.

docs/decisions/symmetric-trees.md says why it is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DEPTH = 5
LEARNING_RATE = 0.05
L2 = 3.0
MAX_BINS = 96
# Share of the standard deviation of the gains that is added to them as noise, so that trees differ.
GAIN_NOISE = 0.3
# Rows that the splits and leaves of one tree are found on, drawn for each tree.
ROWS_PER_TREE = 8192
# Rounds without a lower loss on the held-out rows after which a fit stops.
PATIENCE = 40


@dataclass(frozen=True)
class SymmetricTrees:
    """R trees of depth D over F columns.

    Attributes:
        feature: (R, D) columns that the levels split on.
        split: (R, D) numbers of bins: a cell in a later bin goes right.
        value: (R, 2^D) log-odds of the leaves; the first level is the highest bit of a leaf's number.
        base: Log-odds that the trees add to.
    """

    feature: np.ndarray
    split: np.ndarray
    value: np.ndarray
    base: float


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows that a fit was stopped by.

    Attributes:
        rounds: Trees with the lowest log loss on them, at least one.
        log_odds: (m,) of the rows by these trees.
    """

    rounds: int
    log_odds: np.ndarray


class Binning:
    """Columns as small numbers: bin 0 for a missing value, then the bins between the edges.

    Args:
        table: (n, F) float32 or float64, NaN for a missing value.

    Examples:
        >>> binning = Binning(np.array([[1.0], [2.0], [np.nan], [2.0]]))
        >>> binning.apply(np.array([[np.nan], [0.0], [9.0]])).ravel().tolist(), binning.edges[0].tolist()
        ([0, 1, 2], [1.5])
    """

    def __init__(self, table: np.ndarray) -> None:
        self.edges = [_edges(column[~np.isnan(column)]) for column in table.T]

    def apply(self, table: np.ndarray) -> np.ndarray:
        """(n, F) bins of the cells, uint8, column by column in memory."""
        bins = np.empty(table.shape, np.uint8, order="F")
        for column, edges in enumerate(self.edges):
            cells = table[:, column]
            # Not a number sorts behind every edge.
            bins[:, column] = np.where(np.isnan(cells), 0, np.searchsorted(edges, cells) + 1)
        return bins


def fit_symmetric(
    bins: np.ndarray,
    outcome: np.ndarray,
    rounds: int,
    seed: int,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[SymmetricTrees, HeldOut | None]:
    """Fit trees to the log loss by Newton steps (Friedman 2001; symmetric trees: Prokhorenkova et al. 2018).

    Args:
        bins: (n, F) bins, each below 256.
        outcome: (n,) bool, True for a default; both classes occur.
        rounds: Most trees.
        seed: Seed of the rows and of the noise.
        held_out: Bins and outcomes of rows whose log loss stops the fit; None for `rounds` trees.

    Examples:
        >>> bins = np.arange(100, dtype=np.uint8)[:, None]
        >>> trees, _ = fit_symmetric(bins, bins[:, 0] >= 50, 3, seed=0)
        >>> trees.feature.shape, trees.value.shape
        ((3, 5), (3, 32))
    """
    rng = np.random.default_rng(seed)
    share = outcome.mean()
    base = float(np.log(share / (1 - share)))
    scored, later = np.full(len(outcome), base), None
    features, splits, values = [], [], []
    best = HeldOut(1, np.empty(0))
    if held_out is not None:
        later, lowest = np.full(len(held_out[1]), base), np.inf
    finder = _SplitFinder(bins)
    for number in range(1, rounds + 1):
        chosen = (
            rng.choice(len(bins), ROWS_PER_TREE, replace=False) if len(bins) > ROWS_PER_TREE else slice(None)
        )
        pd = 1 / (1 + np.exp(-scored[chosen]))
        gradient, curvature = outcome[chosen] - pd, pd * (1 - pd)
        feature, split, leaf = finder.levels(chosen, gradient, curvature, rng)
        leaves = 1 << DEPTH
        value = LEARNING_RATE * (
            np.bincount(leaf, gradient, leaves) / (np.bincount(leaf, curvature, leaves) + L2)
        )
        scored += value[_leaves(bins, feature, split)]
        features.append(feature)
        splits.append(split)
        values.append(value)
        if held_out is None or later is None:
            continue
        later = later + value[_leaves(held_out[0], feature, split)]
        loss = float(np.logaddexp(0, np.where(held_out[1], -later, later)).mean())
        if loss < lowest:
            lowest, best = loss, HeldOut(number, later)
        elif number - best.rounds >= PATIENCE:
            break
    trees = SymmetricTrees(np.array(features), np.array(splits), np.array(values), base)
    return trees, None if held_out is None else best


class _SplitFinder:
    """Sums of gradients and curvatures by column, node and bin, and the splits that gain most."""

    def __init__(self, bins: np.ndarray) -> None:
        self.bins = bins
        self.columns, self.size = bins.shape[1], int(bins.max(initial=0)) + 1
        self.cells = self._cells(bins) if len(bins) <= ROWS_PER_TREE else None

    def levels(
        self,
        chosen: np.ndarray | slice,
        gradient: np.ndarray,
        curvature: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column and bin of each level's split, and the leaf of each chosen row."""
        bins = self.bins[chosen]
        cells = self._cells(bins) if self.cells is None else self.cells
        weights = [np.repeat(of, self.columns) for of in (gradient, curvature)]
        leaf = np.zeros(len(bins), np.int64)
        feature, split = np.zeros(DEPTH, np.int64), np.zeros(DEPTH, np.int64)
        for level in range(DEPTH):
            nodes, stride = 1 << level, self.columns * self.size
            keys = (cells + (leaf * stride)[:, None]).ravel()
            below, curved = (
                np.bincount(keys, weight, nodes * stride).reshape(nodes * self.columns, self.size).cumsum(1)
                for weight in weights
            )
            above, curved_above = below[:, -1:] - below, curved[:, -1:] - curved
            gain = below**2 / (curved + L2) + above**2 / (curved_above + L2)
            # The last bin leaves nothing to the right.
            of_level = gain.reshape(nodes, self.columns, self.size).sum(0)[:, :-1]
            of_level += GAIN_NOISE * of_level.std() * rng.standard_normal(of_level.shape)
            feature[level], split[level] = divmod(int(of_level.argmax()), max(self.size - 1, 1))
            leaf = leaf * 2 + (bins[:, feature[level]] > split[level])
        return feature, split, leaf

    def _cells(self, bins: np.ndarray) -> np.ndarray:
        """Where the sums of each cell are at a tree's root, (m, F) int64."""
        return np.ascontiguousarray(bins).astype(np.int64) + np.arange(self.columns) * self.size


def _leaves(bins: np.ndarray, feature: np.ndarray, split: np.ndarray) -> np.ndarray:
    leaf = np.zeros(len(bins), np.int64)
    for column, last in zip(feature, split, strict=True):
        leaf = leaf * 2 + (bins[:, column] > last)
    return leaf


def _edges(values: np.ndarray) -> np.ndarray:
    """Bounds between the bins of a column; a value on a bound belongs to the bin below it."""
    distinct = np.unique(values)
    if len(distinct) <= MAX_BINS - 1:
        return (distinct[1:] + distinct[:-1]) / 2
    return np.unique(np.quantile(values, np.linspace(0, 1, MAX_BINS)[1:-1]).astype(values.dtype))
