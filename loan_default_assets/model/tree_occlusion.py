"""How much each feature adds to the log-odds of boosted trees, exactly, without scoring the rows once per feature."""

from __future__ import annotations

import numpy as np

from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.encoding import EncodedRows


class TreeOcclusion:
    """Sets one feature at a time to its reference, and descends again only where that changes a row's path.

    A feature that a row's path through a tree does not ask for, or for which the reference goes the same way, leaves
    that tree's value as it is.

    Args:
        trees: The trees.
        reference: One encoded row.

    Examples:
        >>> import torch
        >>> from loan_default_assets.model.boosting import fit_boosting
        >>> numerical = torch.linspace(-1, 1, 60)[:, None].repeat(1, 3)
        >>> rows = EncodedRows(numerical, torch.full((60, 2), 2))
        >>> trees = fit_boosting(rows, numerical[:, 0].numpy() > 0, (4, 4), [], seed=0)[0].trees
        >>> TreeOcclusion(trees, rows.take(torch.tensor([30]))).drops(rows).shape
        (60, 5)
    """

    def __init__(self, trees: BoostedTrees, reference: EncodedRows) -> None:
        self._trees = trees
        nodes = np.arange(len(trees.feature))
        self._is_leaf = trees.left == nodes
        self._reference_left = trees.goes_left(nodes, trees.cells(reference)[0][trees.feature])

    def drops(self, rows: EncodedRows) -> np.ndarray:
        """The drop in log-odds when one feature is set to its reference.

        Args:
            rows: N encoded rows.

        Returns:
            (n, N + C) float64, numerical features first.

        Raises:
            TreesError: The rows have fewer columns than the trees split on.
        """
        trees, cells = self._trees, self._trees.cells(rows)
        n, columns = cells.shape
        path = np.stack(list(trees.levels(cells)))
        row, tree, feature, node = self._first_turns(path, cells)
        node = np.where(self._reference_left[node], trees.left[node], trees.right[node])
        descending = np.flatnonzero(~self._is_leaf[node])
        while len(descending):
            at = node[descending]
            split_on = trees.feature[at]
            own = trees.goes_left(at, cells[row[descending], split_on])
            goes_left = np.where(split_on == feature[descending], self._reference_left[at], own)
            at = np.where(goes_left, trees.left[at], trees.right[at])
            node[descending] = at
            descending = descending[~self._is_leaf[at]]
        change = trees.value[path[-1, row, tree]] - trees.value[node]
        return np.bincount(row * columns + feature, change, n * columns).reshape(n, columns)

    def _first_turns(
        self, path: np.ndarray, cells: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The first node of each path and feature from which the reference goes another way than the row.

        Args:
            path: (L, n, T) nodes by level, from the roots to the leaves.
            cells: (n, N + C) cells of the rows.

        Returns:
            Row, tree, feature and node of each.
        """
        trees = self._trees
        went_left = path[1:] == trees.left[path[:-1]]
        turns = (went_left != self._reference_left[path[:-1]]) & ~self._is_leaf[path[:-1]]
        # In the order of the levels, so that the first of equal keys is the one nearest to the root.
        level, row, tree = turns.nonzero()
        node = path[level, row, tree]
        feature = trees.feature[node]
        key = (row * len(trees.roots) + tree) * cells.shape[1] + feature
        _, first = np.unique(key, return_index=True)
        return row[first], tree[first], feature[first], node[first]
