"""Rates in place of codes: no training row sees its own outcome, and later rows get the rates of all training rows."""

import numpy as np
import pytest

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.target_statistics import MANY_CODES, fit_statistics


def codes_of(size: int, rows: int = 3000) -> np.ndarray:
    return np.random.default_rng(0).integers(2, size, (rows, 1))


def test_the_rate_of_a_training_row_does_not_know_its_outcome() -> None:
    codes = codes_of(300)
    outcome = np.random.default_rng(1).random(3000) < 0.5
    statistics, cells = fit_statistics(codes, outcome, (300,), seed=0)
    assert roc_auc(outcome, cells[:, 0]) < 0.55
    assert roc_auc(outcome, statistics.apply(codes)[:, 0]) > 0.6, "the rates of all rows know it"


@pytest.mark.parametrize(("size", "replaced"), [(MANY_CODES, False), (MANY_CODES + 1, True)])
def test_only_categories_with_many_codes_are_replaced(size: int, replaced: bool) -> None:
    codes = codes_of(size)
    outcome = codes[:, 0] % 2 == 0
    statistics, cells = fit_statistics(codes, outcome, (size,), seed=0)
    assert statistics.replaced().tolist() == [replaced]
    assert (cells == codes).all() != replaced


def test_a_code_that_was_not_seen_has_the_overall_rate() -> None:
    codes = codes_of(100)
    outcome = np.random.default_rng(1).random(3000) < 0.3
    statistics, _ = fit_statistics(codes, outcome, (101,), seed=0)
    assert statistics.apply(np.array([[100]]))[0, 0] == pytest.approx(outcome.mean(), abs=1e-6)


def test_a_single_default_keeps_the_codes() -> None:
    codes = codes_of(100, rows=200)
    statistics, cells = fit_statistics(codes, np.arange(200) == 7, (100,), seed=0)
    assert not statistics.replaced().any()
    assert (cells == codes).all()
