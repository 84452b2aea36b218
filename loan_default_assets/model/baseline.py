"""The plain model that every evaluation carries beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.rows import Rows

NATIVE_CATEGORIES = 255


@dataclass(frozen=True)
class BaselineScores:
    """Its probabilities on the window, (n,), and its F1 threshold, both ready for `metrics.evaluate`."""

    name: str
    probability: np.ndarray
    threshold: float


def baseline(
    train: Rows, validation: Rows, window: Rows, cardinalities: Sequence[int], seed: int = 0
) -> BaselineScores:
    """Histogram gradient boosting of scikit-learn with its own defaults, fitted on the training rows.

    Missing numbers and category codes go in as they are. The threshold has the best F1 on the validation rows.
    Raises RowsError when either of the first two sets lacks a class.
    """
    judged = validation.outcome()
    model = boosting(train, cardinalities, seed=seed)
    threshold = best_f1_threshold(judged, model.predict_proba(columns(validation))[:, 1])
    return BaselineScores("HistGradientBoosting", model.predict_proba(columns(window))[:, 1], threshold)


def boosting(rows: Rows, cardinalities: Sequence[int], *, seed: int = 0, rounds: int = 100) -> Any:
    """A fitted HistGradientBoostingClassifier on one thread; columns too wide for its bins count as numbers."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    native = [False] * rows.numerical.shape[1] + [size <= NATIVE_CATEGORIES for size in cardinalities]
    model = HistGradientBoostingClassifier(max_iter=rounds, categorical_features=native, random_state=seed)
    # Threads of one process that share cores with another process wait for each other at every split.
    with threadpool_limits(1):
        return model.fit(columns(rows), rows.outcome())


def columns(rows: Rows) -> np.ndarray:
    """(n, N + C) float32: numbers with NaN, then codes."""
    return np.concatenate([rows.numerical, rows.categorical.astype(np.float32)], axis=1)
