"""Additive models score as the logistic regression they come from, feature by feature."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from loan_default_assets.model.additive_fitting import MAX_CELLS, PENALTIES, _Design, _knots, fit_additive
from loan_default_assets.model.additive_model import AdditiveError, AdditiveModel, weighted_sum
from loan_default_assets.model.encoding import EncodedRows

CARDINALITIES = (5, 40)


def example(rows: int = 900, seed: int = 0) -> tuple[EncodedRows, np.ndarray]:
    """Two numbers with missing values, one number without any value, two categories, and an outcome."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(rows, 3)).astype(np.float32)
    codes = np.stack([rng.integers(0, size, rows) for size in CARDINALITIES], 1)
    signal = np.abs(cells[:, 0]) - cells[:, 1] + (codes[:, 0] == 2) + rng.logistic(0, 0.5, rows)
    cells[rng.random(cells.shape) < 0.1] = np.nan
    cells[:, 2] = np.nan
    return EncodedRows(torch.from_numpy(cells), torch.from_numpy(codes)), signal > np.median(signal)


def halves(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    even = np.arange(rows) % 2 == 0
    return [(np.flatnonzero(part), np.flatnonzero(~part)) for part in (even, ~even)]


@pytest.mark.parametrize("segments", [1, 8])
def test_scores_equal_those_of_the_regression(segments: int) -> None:
    from sklearn.linear_model import LogisticRegression

    rows, outcome = example()
    knots = [_knots(column, segments) for column in rows.numerical.numpy().T]
    design = _Design(rows, outcome, CARDINALITIES, knots, np.arange(len(outcome)))
    regression = LogisticRegression(C=PENALTIES[0], max_iter=300, tol=3e-4).fit(design.table, outcome)
    (model,) = design.fit(PENALTIES[:1])
    np.testing.assert_allclose(model.logits(rows), regression.decision_function(design.table), atol=1e-9)


@pytest.mark.parametrize("segments", [1, 8])
def test_what_the_features_add_is_the_score(segments: int) -> None:
    rows, outcome = example()
    model = fit_additive(rows, outcome, CARDINALITIES, halves(900), segments=segments).model
    added = model.contributions(rows)
    assert added.shape == (900, 5)
    np.testing.assert_allclose(model.base[0] + added.sum(axis=1), model.logits(rows), atol=1e-12)
    assert (added[:, 2] == added[0, 2]).all()


def test_segments_fit_what_a_straight_line_cannot() -> None:
    rows, outcome = example(3000)
    losses = [
        np.logaddexp(
            0,
            np.where(outcome, -1, 1)
            * fit_additive(rows, outcome, CARDINALITIES, halves(3000), segments=n).out_of_fold,
        ).mean()
        for n in (1, 8)
    ]
    assert losses[1] < losses[0] - 0.02


def test_a_fold_is_fitted_without_the_outcomes_of_the_others() -> None:
    rows, outcome = example()
    fitted = np.arange(0, 900, 2)
    altered = outcome.copy()
    altered[1::2] = ~altered[1::2]
    knots = [_knots(column, 1) for column in rows.numerical.numpy().T]
    before, after = (
        _Design(rows, of, CARDINALITIES, knots, fitted).fit(PENALTIES)[-1].logits(rows)
        for of in (outcome, altered)
    )
    assert np.array_equal(before, after)


def test_a_weighted_sum_scores_as_the_weighted_sum_of_the_scores() -> None:
    rows, outcome = example()
    parts = [
        (weight, fit_additive(rows, outcome, CARDINALITIES, halves(900), segments=segments).model)
        for weight, segments in ((0.3, 1), (0.7, 8))
    ]
    expected = sum(weight * model.logits(rows) for weight, model in parts)
    np.testing.assert_allclose(weighted_sum(parts).logits(rows), expected, atol=1e-9)


def test_more_rows_than_fit_into_memory_are_sampled() -> None:
    rows = EncodedRows(torch.zeros(3000, 1), torch.zeros(3000, 0).long())
    knots = [np.linspace(-1, 1, MAX_CELLS // 1000 + 1)]
    design = _Design(rows, np.arange(3000) % 2 == 0, (), knots, np.arange(3000))
    assert len(design.table) == 1000


def test_arrays_are_the_inverse_of_from_arrays() -> None:
    rows, outcome = example()
    model = fit_additive(rows, outcome, CARDINALITIES, []).model
    assert np.array_equal(AdditiveModel.from_arrays(model.arrays()).logits(rows), model.logits(rows))
    with pytest.raises(AdditiveError, match="lacks base"):
        AdditiveModel.from_arrays({name: value for name, value in model.arrays().items() if name != "base"})


@pytest.mark.parametrize("name", ["knot_values", "missing", "code_values", "base", "knot_counts"])
def test_arrays_that_do_not_fit_together_are_refused(name: str) -> None:
    rows, outcome = example()
    model = fit_additive(rows, outcome, CARDINALITIES, []).model
    with pytest.raises(AdditiveError):
        replace(model, **{name: np.concatenate([getattr(model, name), [1]])})
    with pytest.raises(AdditiveError, match="3 numerical and 2 categorical"):
        model.logits(EncodedRows(rows.numerical, rows.categorical[:, :1]))
