import numpy as np

from loan_default_assets.model.baseline import baseline
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import CARDINALITIES, loans


def test_the_baseline_learns_repeats_and_takes_its_threshold_from_validation() -> None:
    train, validation, window = loans(2000), loans(500, seed=1), loans(500, seed=2)
    found = baseline(train, validation, window, CARDINALITIES, seed=0)
    assert found.name == "HistGradientBoosting"
    assert roc_auc(window.outcome(), found.probability) > 0.8
    again = baseline(train, validation, window.without_label(), CARDINALITIES, seed=0)
    assert np.array_equal(again.probability, found.probability)
    assert again.threshold == found.threshold


def test_columns_with_more_codes_than_bins_are_numerical() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 600, (900, 1)).astype(np.int16)
    rows = Rows(np.zeros((900, 0), np.float32), codes, (codes[:, 0] > 400).astype(np.int8))
    assert roc_auc(rows.outcome(), baseline(rows, rows, rows, (600,)).probability) > 0.95
