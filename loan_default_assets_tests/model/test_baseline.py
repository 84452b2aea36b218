from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loan_default_assets.model import baseline
from loan_default_assets.model.baseline import baselines, boosting, columns, logistic_regression
from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows, concatenate
from loan_default_assets_tests.model.examples import CARDINALITIES, loans


def test_the_references_learn_repeat_and_take_their_thresholds_from_validation() -> None:
    train, validation, window = loans(2000), loans(500, seed=1), loans(500, seed=2)
    found = baselines(train, validation, window, CARDINALITIES, seed=0)
    assert [scores.name for scores in found] == ["HistGradientBoosting", "LogisticRegression"]
    repeated = baselines(train, validation, window.without_label(), CARDINALITIES, seed=0)
    for scores, again in zip(found, repeated, strict=True):
        assert roc_auc(window.outcome(), scores.probability) > 0.7
        assert np.array_equal(again.probability, scores.probability)
        assert again.threshold == scores.threshold


def test_the_references_are_fitted_on_validation_rows_after_these_chose_the_thresholds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, validation, window = loans(600), loans(300, seed=1), loans(300, seed=2)
    fitted: list[int] = []

    def recorded(kind: Callable[..., Any]) -> Callable[..., Any]:
        def fit(rows: Rows, *others: Any, **named: Any) -> Any:
            fitted.append(len(rows))
            return kind(rows, *others, **named)

        return fit

    for kind in (baseline.boosting, baseline.logistic_regression):
        monkeypatch.setattr(baseline, kind.__name__, recorded(kind))
    found = baselines(train, validation, window, CARDINALITIES)
    assert sorted(fitted) == [600, 600, 900, 900]
    both = concatenate([train, validation])
    for scores, kind in zip(found, (boosting, logistic_regression), strict=True):
        models = [
            kind(rows, CARDINALITIES) if kind is boosting else kind(rows)  # type: ignore[call-arg]
            for rows in (both, train)
        ]
        assert np.array_equal(scores.probability, models[0].predict_proba(columns(window))[:, 1])
        on_validation = models[1].predict_proba(columns(validation))[:, 1]
        assert scores.threshold == best_f1_threshold(validation.outcome(), on_validation)


def test_columns_with_more_codes_than_bins_are_numerical() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 600, (900, 1)).astype(np.int16)
    rows = Rows(np.zeros((900, 0), np.float32), codes, (codes[:, 0] > 400).astype(np.int8))
    trees, _ = baselines(rows, rows, rows, (600,))
    assert roc_auc(rows.outcome(), trees.probability) > 0.95


@pytest.mark.parametrize("kind", ["without a value", "constant"])
def test_a_column_that_says_nothing_is_no_error(kind: str) -> None:
    train, window = loans(200), loans(100, seed=2)
    train.numerical[:, 1] = np.nan if kind == "without a value" else 3.0
    for scores in baselines(train, train, window, CARDINALITIES):
        assert np.isfinite(scores.probability).all()
