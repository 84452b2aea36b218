import numpy as np
import pytest

from loan_default_assets.model.baseline import baseline
from loan_default_assets.model.leakage import LeakageCandidate, leakage_candidates
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.model.examples import CARDINALITIES, loans

NAMES = ("income", "amount", "age", "region", "purpose")


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


def with_columns(rows: Rows, *added: np.ndarray) -> Rows:
    numerical = np.column_stack([rows.numerical, *added]).astype(np.float32)
    return Rows(numerical, rows.categorical, rows.label)


def leaks(rows: Rows, seed: int) -> np.ndarray:
    return rows.outcome() + np.random.default_rng(seed).normal(0, 0.2, len(rows))


def weak(count: int, seed: int) -> Rows:
    rows = loans(count, seed=seed)
    return Rows(rows.numerical[:, 1:], rows.categorical, rows.label)


@pytest.mark.parametrize(
    ("planted", "found"),
    [(0, []), (1, ["leak_0"]), (2, ["leak_0", "leak_1"])],
    ids=["no leakage", "one column", "two that replace each other"],
)
def test_columns_that_know_the_outcome_are_candidates(planted: int, found: list[str]) -> None:
    sets = [weak(1500, 0), weak(500, 1)]
    train, validation = (
        with_columns(rows, *(leaks(rows, 10 * i + k) for k in range(planted))) for i, rows in enumerate(sets)
    )
    names = ("amount", "age", *(f"leak_{k}" for k in range(planted)), "region", "purpose")
    candidates = leakage_candidates(train, validation, CARDINALITIES, names, 0.1)
    assert sorted(candidate.feature for candidate in candidates) == found
    assert all(candidate.auc_with - candidate.auc_without > 0.1 for candidate in candidates)


def test_a_category_can_leak_and_may_be_the_only_column() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(1000) < 0.3).astype(np.int8)
    rows = Rows(np.zeros((1000, 0), np.float32), (2 + label[:, None]).astype(np.int16), label)
    [candidate] = leakage_candidates(rows, rows, (4,), ("outcome",), 0.1)
    assert candidate == LeakageCandidate("outcome", 1.0, 0.5)
