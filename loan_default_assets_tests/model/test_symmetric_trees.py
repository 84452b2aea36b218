"""Boosting with symmetric trees: what it learns, what stops it, and its arrays."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.stacking import stratified_folds
from loan_default_assets.model.symmetric_boosting import fit_symmetric_boosting
from loan_default_assets.model.symmetric_trees import (
    PATIENCE,
    ROWS_PER_TREE,
    Binning,
    fit_symmetric,
)

SIZES = (6, 120)


def _rows(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with missing values, and codes of a small and of a large category."""
    rng = np.random.default_rng(seed)
    numerical = rng.normal(size=(count, 3)).astype(np.float32)
    numerical[::5, 1] = np.nan
    numerical[:, 2] = np.round(numerical[:, 2])
    return numerical, np.stack([rng.integers(2, size, count) for size in SIZES], axis=1)


def _encoded(numerical: np.ndarray, codes: np.ndarray) -> EncodedRows:
    return EncodedRows(torch.from_numpy(numerical), torch.from_numpy(codes))


OUTCOMES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "a threshold": lambda n, c: n[:, 0] > 0.5,
    "a pair": lambda n, c: (n[:, 0] > 0) != (n[:, 2] > 0),
    "a missing value": lambda n, c: np.isnan(n[:, 1]),
    "a code between others": lambda n, c: c[:, 0] == 3,
    "codes of many": lambda n, c: c[:, 1] % 120 > 80,
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_what_the_trees_learn_is_in_their_arrays(name: str) -> None:
    (numerical, codes), (later, later_codes) = _rows(1500), _rows(700, seed=1)
    outcome = OUTCOMES[name](numerical, codes)
    fitted = fit_symmetric_boosting(
        _encoded(numerical, codes), outcome, SIZES, stratified_folds(outcome, 0), seed=0
    )
    assert roc_auc(outcome, fitted.out_of_fold) > 0.93
    assert (
        roc_auc(OUTCOMES[name](later, later_codes), fitted.trees.logits(_encoded(later, later_codes))) > 0.93
    )


def test_the_arrays_score_as_the_fitted_trees_do() -> None:
    (numerical, _), (later, _) = _rows(800), _rows(300, seed=1)
    outcome = np.isnan(numerical[:, 1]) | (numerical[:, 0] > 0.5)
    later[:3] = [[np.nan] * 3, [-99] * 3, [99] * 3]
    none = np.zeros((800, 0), np.int64)
    arrays = fit_symmetric_boosting(_encoded(numerical, none), outcome, (), [], seed=0).trees
    binning = Binning(numerical)
    trees, _ = fit_symmetric(binning.apply(numerical), outcome, len(arrays.roots), seed=0)
    bins, expected = binning.apply(later), np.full(300, trees.base)
    for feature, split, value in zip(trees.feature, trees.split, trees.value, strict=True):
        goes_right = (bins[:, feature] > split).astype(np.int64)
        expected += value[goes_right @ (1 << np.arange(len(split))[::-1])]
    np.testing.assert_allclose(arrays.logits(_encoded(later, none[:300])), expected, atol=1e-12)


def test_without_a_signal_no_row_is_known_out_of_fold() -> None:
    numerical, codes = _rows(1500)
    outcome = np.random.default_rng(5).random(1500) < 0.4
    fitted = fit_symmetric_boosting(
        _encoded(numerical, codes), outcome, SIZES, stratified_folds(outcome, 0), seed=0
    )
    assert 0.4 < roc_auc(outcome, fitted.out_of_fold) < 0.6
    assert len(fitted.trees.roots) < PATIENCE


@pytest.mark.parametrize("rows", [400, ROWS_PER_TREE + 500], ids=["all rows", "a draw per tree"])
def test_equal_seeds_give_equal_trees_and_others_do_not(rows: int) -> None:
    numerical, _ = _rows(rows)
    bins, outcome = Binning(numerical).apply(numerical), numerical[:, 0] + numerical[:, 2] > 0.3
    first, again, other = (fit_symmetric(bins, outcome, 5, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.value, again.value)
    np.testing.assert_array_equal(first.split, again.split)
    assert not np.array_equal(first.value, other.value)


def test_the_held_out_rows_stop_the_trees_and_are_scored_by_the_best_number_of_them() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(600, 4))
    outcome = rng.random(600) < 1 / (1 + np.exp(-table[:, 0]))
    bins = Binning(table).apply(table)
    trees, found = fit_symmetric(bins[:400], outcome[:400], 600, seed=0, held_out=(bins[400:], outcome[400:]))
    assert found is not None
    assert len(trees.feature) == found.rounds + PATIENCE < 600
    best, _ = fit_symmetric(bins[:400], outcome[:400], found.rounds, seed=0)
    np.testing.assert_array_equal(best.value, trees.value[: found.rounds])


@pytest.mark.parametrize(
    ("fitted", "cells", "bins"),
    [
        ([1, 2, 2, 9], [0, 1, 1.5, 2, 5.5, 6, 99], [1, 1, 1, 2, 2, 3, 3]),
        ([1, np.nan, 2], [np.nan, 1, 2], [0, 1, 2]),
        ([7, 7], [7, 8, np.nan], [1, 1, 0]),
        ([np.nan, np.nan], [3, np.nan], [1, 0]),
    ],
    ids=["values", "missing", "one value", "nothing but missing"],
)
def test_the_bin_of_a_cell(fitted: list[float], cells: list[float], bins: list[int]) -> None:
    binning = Binning(np.array(fitted, np.float64)[:, None])
    assert binning.apply(np.array(cells, np.float64)[:, None]).ravel().tolist() == bins


def test_many_values_have_bins_of_about_equal_size() -> None:
    table = np.random.default_rng(0).lognormal(size=(20_000, 1)).astype(np.float32)
    counts = np.bincount(Binning(table).apply(table).ravel())[1:]
    assert len(counts) == 95
    assert counts.max() < 2 * counts.min()
