"""Two models on the same rows: intervals cover the true difference, and few rows are called so."""

import numpy as np
import pytest

from loan_default_assets.model.score_comparison import COMPARED, compare_scores


def sample(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, the PDs they were drawn from, and PDs that are shifted for every row."""
    rng = np.random.default_rng(seed)
    pd = rng.beta(2, 6, rows)
    return (rng.random(rows) < pd).astype(np.int8), pd, np.clip(pd + 0.1, 0, 1)


def test_the_interval_of_brier_covers_the_expected_difference() -> None:
    covered = 0
    for seed in range(200):
        label, pd, shifted = sample(400, seed)
        _, low, high = compare_scores(label, shifted, 0.4, pd, 0.4, bootstrap=1).differences["brier"]
        # For PDs that are right, a shift by d costs d squared.
        covered += low <= np.mean((shifted - pd) ** 2) <= high
    assert 180 <= covered <= 200


def test_equal_models_do_not_differ() -> None:
    label, pd, _ = sample(200, 0)
    found = compare_scores(label, pd, 0.4, pd, 0.4)
    assert {found.differences[name] for name in COMPARED} == {(0.0, 0.0, 0.0)}
    assert found.one == found.other


@pytest.mark.parametrize(
    ("rows", "positives", "conclusive"), [(100, 20, True), (99, 20, False), (100, 19, False)]
)
def test_few_rows_are_not_conclusive(rows: int, positives: int, conclusive: bool) -> None:
    label = np.zeros(rows, np.int8)
    label[:positives] = 1
    pd = np.linspace(0.9, 0.1, rows)
    assert compare_scores(label, pd, 0.5, pd, 0.5, bootstrap=1).conclusive is conclusive


def test_one_class_has_no_roc_auc() -> None:
    pd = np.array([0.1, 0.2])
    found = compare_scores(np.zeros(2, np.int8), pd, 0.5, pd, 0.5)
    assert np.isnan([found.one["roc_auc"], *found.differences["roc_auc"]]).all()
    assert found.one["brier"] == pytest.approx(0.025)
