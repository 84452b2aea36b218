"""Scores of rows that differ in one feature: those of the predictor, from fewer paths through the trees."""

import numpy as np
import pytest
import torch

from loan_default_assets.model.altered_scores import AlteredScores, AlteredTrees
from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.predictor import Predictor
from loan_default_assets_tests.model.examples import fitted, loans
from loan_default_assets_tests.model.test_boosted_trees import example
from loan_default_assets_tests.model.test_tree_occlusion import trees_of


@pytest.mark.parametrize("boosting", [True, False])
def test_altered_rows_have_the_score_of_the_predictor(boosting: bool) -> None:
    predictor = Predictor(fitted(boosting=boosting), "c1", {})
    assert (predictor.ensemble.trees is not None) == boosting
    rows, other = loans(120, seed=5), loans(120, seed=6)
    altered = AlteredScores(predictor, rows.numerical, rows.categorical)
    index = np.random.default_rng(0).integers(0, 120, 300)
    for feature in range(5):
        numerical, categorical = rows.numerical[index], rows.categorical[index]
        if feature < 3:
            numerical[:, feature] = other.numerical[index, feature]
        else:
            categorical[:, feature - 3] = other.categorical[index, feature - 3]
        expected = predictor.predict(numerical, categorical).pd
        np.testing.assert_array_equal(altered.pd(feature, index, numerical, categorical), expected)


@pytest.mark.parametrize(
    ("numerical", "cardinalities"), [(6, ()), (0, (7, 40)), (3, (5, 60)), (2, (5, 300)), (1, ())]
)
def test_only_trees_that_split_on_the_column_are_descended_again(
    numerical: int, cardinalities: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = trees_of(numerical, cardinalities)
    rows, _ = example(numerical, cardinalities, rows=200, seed=1)
    other, _ = example(numerical, cardinalities, rows=200, seed=2)
    altered = AlteredTrees(trees, trees.cells(rows))
    index = np.arange(0, 200, 3)
    chosen = torch.from_numpy(index)
    first = rows.take(chosen)
    altered.logits(0, index, trees.cells(first))
    descended: list[int] = []
    leaf_values = BoostedTrees.leaf_values

    def counted(part: BoostedTrees, cells: np.ndarray) -> np.ndarray:
        descended.append(len(part.roots))
        return leaf_values(part, cells)

    monkeypatch.setattr(BoostedTrees, "leaf_values", counted)
    for column in range(numerical + len(cardinalities)):
        numbers, codes = first.numerical.clone(), first.categorical.clone()
        if column < numerical:
            numbers[:, column] = other.numerical[chosen, column]
        else:
            codes[:, column - numerical] = other.categorical[chosen, column - numerical]
        changed = EncodedRows(numbers, codes)
        descended.clear()
        found = altered.logits(column, index, trees.cells(changed))
        np.testing.assert_array_equal(found, trees.logits(changed))
        asking = sum(_splits(trees, int(root), column) for root in trees.roots)
        assert descended == ([asking] if asking else [])


def _splits(trees: BoostedTrees, node: int, column: int) -> bool:
    """Whether the tree below a node splits on a column."""
    left, right = int(trees.left[node]), int(trees.right[node])
    if left == node:
        return False
    return int(trees.feature[node]) == column or _splits(trees, left, column) or _splits(trees, right, column)
