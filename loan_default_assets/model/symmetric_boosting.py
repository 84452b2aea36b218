"""Boosting with symmetric trees on encoded rows: categories as numbers, rounds from held-out folds, trees as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loan_default_assets.model.boosted_trees import MAX_CODES, BoostedTrees
from loan_default_assets.model.boosting import FittedBoosting, rounds_on_all_rows
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.symmetric_trees import DEPTH, Binning, SymmetricTrees, fit_symmetric
from loan_default_assets.model.target_statistics import fit_statistics

# Rows at the rate of all rows that the rate of a code counts beside its own.
PRIOR_ROWS = 10


def fit_symmetric_boosting(
    rows: EncodedRows,
    outcome: np.ndarray,
    cardinalities: Sequence[int],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int,
    max_rounds: int = ModelConfig.boosting_rounds,
) -> FittedBoosting:
    """Fit symmetric trees; their number is the one with the lowest loss on the held-out folds.

    Args:
        rows: N encoded training rows.
        outcome: (n,) bool, True for a default.
        cardinalities: Number of codes of each categorical feature.
        folds: Positions of fitted and of held-out rows; with none, the rounds are a sixth of the most, and the base
            rate stands in for the out-of-fold log-odds.
        seed: Seed of the trees.
        max_rounds: Most rounds of a fit.

    Examples:
        >>> import torch
        >>> rows = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> fitted = fit_symmetric_boosting(rows, np.arange(60) >= 30, (), [], seed=0)
        >>> fitted.out_of_fold.shape, fitted.trees.logits(rows).shape
        ((60,), (60,))
    """
    numerical, codes = rows.numerical.cpu().numpy(), rows.categorical.cpu().numpy()
    share = outcome.mean()
    log_odds, best = np.full(len(outcome), np.log(share / (1 - share))), []
    for fitted, held_out in folds:
        table = _BinnedTable(numerical[fitted], codes[fitted], outcome[fitted], cardinalities, seed)
        later = table.bins(numerical[held_out], codes[held_out]), outcome[held_out]
        _, found = fit_symmetric(table.fitted, outcome[fitted], max_rounds, seed, later)
        if found is not None:
            best.append(found.rounds)
            log_odds[held_out] = found.log_odds
    table = _BinnedTable(numerical, codes, outcome, cardinalities, seed)
    trees, _ = fit_symmetric(table.fitted, outcome, rounds_on_all_rows(best, max_rounds), seed)
    return FittedBoosting(_arrays(trees, table), log_odds)


def _ranks(codes: np.ndarray, outcome: np.ndarray, size: int) -> np.ndarray:
    """(size,) int64 ranks of the codes of one feature in the order of their smoothed default rates."""
    count = np.bincount(codes, minlength=size)
    rate = (np.bincount(codes, outcome, size) + PRIOR_ROWS * outcome.mean()) / (count + PRIOR_ROWS)
    return np.argsort(np.argsort(rate, kind="stable"), kind="stable")


class _BinnedTable:
    """Rows as bins: numerical features, then codes by rank, or their rates where there are many."""

    def __init__(
        self,
        numerical: np.ndarray,
        codes: np.ndarray,
        outcome: np.ndarray,
        cardinalities: Sequence[int],
        seed: int,
    ) -> None:
        self.statistics, cells = fit_statistics(codes, outcome, cardinalities, seed)
        self.numerical = numerical.shape[1]
        self.ranks = [
            _ranks(codes[:, column], outcome, size)
            if size <= MAX_CODES and not self.statistics.replaced()[column]
            else None
            for column, size in enumerate(cardinalities)
        ]
        table = self._joined(numerical, codes, cells)
        self.binning = Binning(table)
        self.fitted = self.binning.apply(table)

    def bins(self, numerical: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """(m, F) bins of other rows."""
        return self.binning.apply(self._joined(numerical, codes, self.statistics.apply(codes)))

    def _joined(self, numerical: np.ndarray, codes: np.ndarray, cells: np.ndarray) -> np.ndarray:
        cells = cells.copy()
        for column, ranks in enumerate(self.ranks):
            if ranks is not None:
                cells[:, column] = ranks[codes[:, column]]
        return np.concatenate([numerical, cells], axis=1)


def _arrays(trees: SymmetricTrees, table: _BinnedTable) -> BoostedTrees:
    """The trees node by node, in the order of a heap: the children of node i are 2i + 1 and 2i + 2."""
    count, splits, leaves = len(trees.feature), (1 << DEPTH) - 1, 1 << DEPTH
    nodes = splits + leaves
    level = np.repeat(np.arange(DEPTH), 1 << np.arange(DEPTH))
    threshold = np.zeros(trees.feature.shape)
    split_codes = np.full(trees.feature.shape, -1, np.int32)
    codes_left: list[np.ndarray] = []
    for place in np.ndindex(*trees.feature.shape):
        feature, last = int(trees.feature[place]), int(trees.split[place])
        edges = table.binning.edges[feature]
        edge = -np.inf if last == 0 else edges[last - 1] if last <= len(edges) else np.inf
        ranks = table.ranks[feature - table.numerical] if feature >= table.numerical else None
        if ranks is None:
            threshold[place] = edge
        else:
            goes_left = np.zeros(MAX_CODES, bool)
            goes_left[: len(ranks)] = ranks <= edge
            split_codes[place] = len(codes_left)
            codes_left.append(goes_left)

    def per_node(of_levels: np.ndarray, of_leaves: np.ndarray | int) -> np.ndarray:
        filled = np.broadcast_to(of_leaves, (count, leaves))
        return np.concatenate([of_levels[:, level], filled], axis=1).ravel()

    own = np.arange(count * nodes)
    first = np.repeat(np.arange(count) * nodes, nodes)
    is_leaf = np.tile(np.arange(nodes) >= splits, count)
    zeros = np.zeros(trees.feature.shape)
    return BoostedTrees(
        roots=(np.arange(count) * nodes).astype(np.int32),
        feature=per_node(trees.feature, 0).astype(np.int32),
        threshold=per_node(threshold, 0),
        left=np.where(is_leaf, own, 2 * own - first + 1).astype(np.int32),
        right=np.where(is_leaf, own, 2 * own - first + 2).astype(np.int32),
        missing_left=~is_leaf,
        value=per_node(zeros, trees.value),
        split_codes=per_node(split_codes, -1).astype(np.int32),
        codes_left=np.array(codes_left, bool).reshape(-1, MAX_CODES),
        depth=np.array([DEPTH], np.int32),
        base=np.array([trees.base]),
        starts=table.statistics.starts,
        rates=table.statistics.rates,
    )
