"""Trees as arrays score as scikit-learn does, and arrays that are no trees are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from loan_default_assets.model.boosted_trees import BoostedTrees, TreesError, weighted_sum
from loan_default_assets.model.boosting import filled, fit_boosting
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.sklearn_trees import from_histogram_boosting
from loan_default_assets.model.target_statistics import TargetStatistics, fit_statistics


def example(
    numerical: int, cardinalities: tuple[int, ...], rows: int = 800, seed: int = 0
) -> tuple[EncodedRows, np.ndarray]:
    """Encoded rows with missing numbers, and an outcome that depends on all columns."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(rows, numerical)).astype(np.float32)
    codes = (
        np.stack([rng.integers(0, size, rows) for size in cardinalities], 1).astype(np.int64)
        if cardinalities
        else np.zeros((rows, 0), np.int64)
    )
    signal = np.sin(3 * cells).sum(1) + (codes % 3 == 1).sum(1) + rng.logistic(0, 0.4, rows)
    cells[rng.random(cells.shape) < 0.15] = np.nan
    return EncodedRows(torch.from_numpy(cells), torch.from_numpy(codes)), signal > np.median(signal)


def table(rows: EncodedRows) -> np.ndarray:
    return np.concatenate([rows.numerical.numpy(), rows.categorical.numpy().astype(np.float32)], axis=1)


def kept(categorical: int) -> TargetStatistics:
    """No feature is replaced."""
    return TargetStatistics(np.full(categorical, -1, np.int32), np.zeros(0))


@pytest.mark.parametrize(
    ("numerical", "cardinalities", "native"),
    [
        (4, (), ()),
        (0, (7, 40), (True, True)),
        (3, (5, 250), (True, True)),
        (3, (5, 600), (True, False)),
        (3, (600, 5), (False, True)),
    ],
)
def test_scores_equal_those_of_scikit_learn(
    numerical: int, cardinalities: tuple[int, ...], native: tuple[bool, ...]
) -> None:
    rows, outcome = example(numerical, cardinalities)
    categorical = [False] * numerical + list(native)
    model = HistGradientBoostingClassifier(max_iter=30, categorical_features=categorical)
    model.fit(table(rows), outcome)
    trees = from_histogram_boosting(model, numerical, kept(len(cardinalities)))
    later, _ = example(numerical, cardinalities, rows=3000, seed=1)
    np.testing.assert_allclose(trees.logits(later), model.decision_function(table(later)), atol=1e-10)
    one = later.take(torch.tensor([5]))
    np.testing.assert_allclose(trees.logits(one), trees.logits(later)[5:6], atol=1e-12)


def test_a_code_that_was_not_fitted_on_goes_where_missing_values_go() -> None:
    rows, outcome = example(2, (6,))
    seen = EncodedRows(rows.numerical, rows.categorical.clamp_min(2))
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features=[False, False, True])
    model.fit(table(seen), outcome)
    trees = from_histogram_boosting(model, 2, kept(1))
    unknown = EncodedRows(rows.numerical, torch.ones_like(rows.categorical))
    missing = table(unknown)
    missing[:, 2] = np.nan
    np.testing.assert_allclose(trees.logits(unknown), model.decision_function(missing), atol=1e-10)


def test_rates_in_place_of_codes_score_as_in_scikit_learn() -> None:
    rows, outcome = example(2, (5, 100))
    statistics, cells = fit_statistics(rows.categorical.numpy(), outcome, (5, 100), seed=0)
    fitted_on = np.concatenate([rows.numerical.numpy(), cells], axis=1)
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features=[False, False, True, False])
    trees = from_histogram_boosting(model.fit(fitted_on, outcome), 2, statistics)
    later, _ = example(2, (5, 100), rows=500, seed=1)
    with_rates = np.concatenate(
        [later.numerical.numpy(), statistics.apply(later.categorical.numpy())], axis=1
    )
    assert (trees.feature == 3).any()
    np.testing.assert_allclose(trees.logits(later), model.decision_function(with_rates), atol=1e-10)


def test_a_weighted_sum_of_trees_scores_as_the_weighted_sum_of_their_scores() -> None:
    rows, outcome = example(3, (5, 100))
    parts = [part.trees for part in fit_boosting(rows, outcome, (5, 100), [], seed=0)]
    weights = [0.5, 0.2, 0.3]
    expected = sum(weight * part.logits(rows) for weight, part in zip(weights, parts, strict=True))
    together = weighted_sum(list(zip(weights, parts, strict=True)))
    np.testing.assert_allclose(together.logits(rows), expected, atol=1e-12)


def test_arrays_are_the_inverse_of_from_arrays() -> None:
    rows, outcome = example(3, (5,))
    trees = fit_boosting(rows, outcome, (5,), [], seed=0)[0].trees
    again = BoostedTrees.from_arrays(trees.arrays())
    assert np.array_equal(trees.logits(rows), again.logits(rows))
    with pytest.raises(TreesError, match="lack roots"):
        BoostedTrees.from_arrays({name: value for name, value in trees.arrays().items() if name != "roots"})


@pytest.mark.parametrize("name", ["roots", "left", "right", "split_codes", "starts"])
@pytest.mark.parametrize("position", [-2, 10**6])
def test_positions_out_of_range_are_refused(name: str, position: int) -> None:
    rows, outcome = example(3, (5,), rows=100)
    trees = fit_boosting(rows, outcome, (5,), [], seed=0)[0].trees
    altered = getattr(trees, name).copy()
    altered[0] = position
    with pytest.raises(TreesError, match="positions in the trees"):
        replace(trees, **{name: altered})


def test_rows_with_fewer_columns_are_refused() -> None:
    rows, outcome = example(3, (5,))
    trees = fit_boosting(rows, outcome, (5,), [], seed=0)[0].trees
    fewer, _ = example(1, ())
    with pytest.raises(TreesError, match="the rows have 1"):
        trees.logits(fewer)


def test_a_column_without_a_value_is_filled_and_others_are_kept() -> None:
    cells = np.array([[np.nan, 1.0], [np.nan, np.nan]], np.float32)
    assert np.array_equal(filled(cells), np.array([[0.0, 1.0], [0.0, np.nan]], np.float32), equal_nan=True)
    full = np.ones((2, 2), np.float32)
    assert filled(full) is full
