"""PDs of rows in which one feature has other values, without what the other values decide alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.predictor import Predictor


class AlteredScores:
    """Scores rows that differ from given ones in one feature, with the bits of `Predictor.predict`.

    Of the boosted trees, those that do not split on the feature keep their values.

    Args:
        predictor: The model.
        numerical: (n, N) float32 unscaled values, NaN for a missing value.
        categorical: (n, C) int16 codes.

    Examples:
        >>> from loan_default_assets.model.config import ModelConfig
        >>> from loan_default_assets.model.encoding import Encoding
        >>> from loan_default_assets.model.rows import Rows
        >>> from loan_default_assets.model.training import fit, pretrain
        >>> loans = Rows(np.eye(6, 3, dtype=np.float32), np.full((6, 2), 2, np.int16), np.array([0, 1] * 3))
        >>> config = ModelConfig(num_layers=1, pretrain_epochs=0, max_epochs=1, min_steps=1, members=2)
        >>> model = fit(pretrain(loans, Encoding.fit(loans, (4, 4), config), config), loans, loans, config)
        >>> altered = AlteredScores(Predictor(model, "c0", {}), loans.numerical, loans.categorical)
        >>> twice = loans.numerical[[4, 4]] + np.float32([[0, 0, 1]])
        >>> altered.pd(2, np.array([4, 4]), twice, loans.categorical[[4, 4]]).shape
        (2,)
    """

    def __init__(self, predictor: Predictor, numerical: np.ndarray, categorical: np.ndarray) -> None:
        self._predictor = predictor
        rows = predictor.model.encoding.transform(numerical, categorical)
        trees = predictor.ensemble.trees
        self._trees = AlteredTrees(trees, trees.cells(rows)) if trees is not None else None

    def pd(
        self, feature: int, index: np.ndarray, numerical: np.ndarray, categorical: np.ndarray
    ) -> np.ndarray:
        """Score altered rows.

        Args:
            feature: The feature that differs: numerical, then categorical.
            index: (m,) the row of which each is an alteration.
            numerical: (m, N) values.
            categorical: (m, C) codes.

        Returns:
            (m,) float64 PDs.
        """
        model, ensemble = self._predictor.model, self._predictor.ensemble
        rows = model.encoding.transform(numerical, categorical)
        trees = None
        if self._trees is not None and ensemble.trees is not None:
            trees = self._trees.logits(feature, index, ensemble.trees.cells(rows))
        return model.calibration.probability(ensemble.logits(rows, tree_logits=trees))


class AlteredTrees:
    """Log-odds of boosted trees for rows that differ from given ones in one column.

    Args:
        trees: The trees.
        cells: (n, N + C) cells of the rows, as from `BoostedTrees.cells`.

    Examples:
        >>> import torch
        >>> from loan_default_assets.model.boosting import fit_boosting
        >>> from loan_default_assets.model.encoding import EncodedRows
        >>> numerical = torch.linspace(-1, 1, 60)[:, None].repeat(1, 3)
        >>> rows = EncodedRows(numerical, torch.full((60, 2), 2))
        >>> trees = fit_boosting(rows, numerical[:, 0].numpy() > 0, (4, 4), [], seed=0)[0].trees
        >>> cells = trees.cells(rows)
        >>> changed = cells[[7]]
        >>> changed[0, 1] = 0.5
        >>> AlteredTrees(trees, cells).logits(1, np.array([7]), changed).shape
        (1,)
    """

    def __init__(self, trees: BoostedTrees, cells: np.ndarray) -> None:
        self._trees, self._cells = trees, cells

    def logits(self, column: int, index: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Log-odds of altered rows.

        Args:
            column: Position of the cells that differ.
            index: (m,) the row of which each is an alteration.
            cells: (m, N + C) the altered cells.

        Returns:
            (m,) float64, with the bits of `BoostedTrees.logits`.
        """
        values = self._values[index]
        affected = np.flatnonzero(self._splits[:, column])
        if len(affected):
            part = replace(self._trees, roots=self._trees.roots[affected])
            values[:, affected] = part.leaf_values(cells)
        return self._trees.summed(values)

    @cached_property
    def _values(self) -> np.ndarray:
        """(n, T) what each tree adds for the rows as they are."""
        return self._trees.leaf_values(self._cells)

    @cached_property
    def _splits(self) -> np.ndarray:
        """(T, N + C) bool: whether a tree splits on a column."""
        trees = self._trees
        found = np.zeros((len(trees.roots), self._cells.shape[1]), bool)
        node, tree = trees.roots, np.arange(len(trees.roots))
        while len(node):
            inner = (trees.left[node] != node) | (trees.right[node] != node)
            node, tree = node[inner], tree[inner]
            found[tree, trees.feature[node]] = True
            node = np.concatenate([trees.left[node], trees.right[node]])
            tree = np.concatenate([tree, tree])
        return found
