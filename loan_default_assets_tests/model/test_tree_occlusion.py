"""Occlusion along the paths equals scoring the rows once per feature."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from loan_default_assets.model.boosted_trees import BoostedTrees, TreesError
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.sklearn_trees import from_histogram_boosting
from loan_default_assets.model.target_statistics import fit_statistics
from loan_default_assets.model.tree_occlusion import TreeOcclusion
from loan_default_assets_tests.model.test_boosted_trees import example


def occluded(rows: EncodedRows, reference: EncodedRows, feature: int) -> EncodedRows:
    numerical, categorical = rows.numerical.clone(), rows.categorical.clone()
    width = numerical.shape[1]
    if feature < width:
        numerical[:, feature] = reference.numerical[0, feature]
    else:
        categorical[:, feature - width] = reference.categorical[0, feature - width]
    return EncodedRows(numerical, categorical)


def trees_of(numerical: int, cardinalities: tuple[int, ...]) -> BoostedTrees:
    """A few trees on the columns of the example, with rates in place of the codes of a large category."""
    rows, outcome = example(numerical, cardinalities)
    statistics, cells = fit_statistics(rows.categorical.numpy(), outcome, cardinalities, seed=0)
    table = np.concatenate([rows.numerical.numpy(), cells], axis=1)
    native = [False] * numerical + (~statistics.replaced()).tolist()
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features=native)
    return from_histogram_boosting(model.fit(table, outcome), numerical, statistics)


@pytest.mark.parametrize(
    ("numerical", "cardinalities"), [(6, ()), (0, (7, 40)), (3, (5, 60)), (2, (5, 300)), (1, ())]
)
def test_every_feature_counts_as_when_the_rows_are_scored_without_it(
    numerical: int, cardinalities: tuple[int, ...]
) -> None:
    trees = trees_of(numerical, cardinalities)
    later, _ = example(numerical, cardinalities, rows=200, seed=1)
    for reference_row in (0, 17, 40):
        reference = later.take(torch.tensor([reference_row]))
        found = TreeOcclusion(trees, reference).drops(later)
        expected = [
            trees.logits(later) - trees.logits(occluded(later, reference, feature))
            for feature in range(numerical + len(cardinalities))
        ]
        np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-12)
        assert np.abs(found).max() > 0.01
        alone = TreeOcclusion(trees, reference).drops(later.take(torch.tensor([3])))
        np.testing.assert_allclose(alone[0], found[3], atol=1e-12)


def test_the_reference_itself_contributes_nothing_and_no_rows_give_none() -> None:
    rows, _ = example(3, (5,))
    reference = rows.take(torch.tensor([0]))
    occlusion = TreeOcclusion(trees_of(3, (5,)), reference)
    assert not occlusion.drops(reference).any()
    assert occlusion.drops(rows.take(torch.zeros(0, dtype=torch.int64))).shape == (0, 4)
    with pytest.raises(TreesError, match="the rows have 1"):
        occlusion.drops(example(1, ())[0])
