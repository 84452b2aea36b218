"""Plain models fitted on the same rows, the references of every evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loan_default_assets.model.boosting import MAX_NATIVE_CATEGORIES, filled
from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.row_sampling import as_sampled, with_prior
from loan_default_assets.model.rows import Rows, concatenate


@dataclass(frozen=True)
class BaselineScores:
    """Scores of a reference on the evaluation window, as `metrics.evaluate` takes them.

    Attributes:
        name: Name of the model.
        probability: (n,) probabilities of default.
        threshold: Threshold with the best F1 on the validation rows.
    """

    name: str
    probability: np.ndarray
    threshold: float


def baselines(
    train: Rows,
    validation: Rows,
    window: Rows,
    cardinalities: Sequence[int],
    seed: int = 0,
    *,
    prior_odds: float = 1.0,
) -> tuple[BaselineScores, ...]:
    """Fit the references, with their defaults, and score the evaluation window.

    Thresholds are chosen by models of the training rows alone; what scores the window is then fitted on training and
    validation rows, as the classifier's boosting is.

    Args:
        train: Rows to fit on.
        validation: Rows that the thresholds are chosen on, and that are then fitted on too.
        window: Rows to score, labels unused.
        cardinalities: Number of codes of each categorical feature.
        seed: Seed of the models.
        prior_odds: Factor on the odds of all probabilities, where the training rows are a case-control sample.

    Returns:
        scikit-learn's histogram gradient boosting, then logistic regression.

    Raises:
        RowsError: Training or validation rows lack a class or a label.

    Examples:
        >>> rows = Rows(np.zeros((50, 3), np.float32), np.zeros((50, 2), np.int16), np.array([0, 1] * 25))
        >>> [(scores.name, scores.probability.shape) for scores in baselines(rows, rows, rows, (4, 4))]
        [('HistGradientBoosting', (50,)), ('LogisticRegression', (50,))]
    """
    outcome = validation.outcome()
    both = concatenate([train, validation.take(as_sampled(outcome, prior_odds, seed))])
    kinds: dict[str, Callable[[Rows], Any]] = {
        "HistGradientBoosting": lambda rows: boosting(rows, cardinalities, seed=seed),
        "LogisticRegression": lambda rows: logistic_regression(rows, seed=seed),
    }

    def scores(model: Any, rows: Rows) -> np.ndarray:
        return with_prior(model.predict_proba(columns(rows))[:, 1], prior_odds)

    return tuple(
        BaselineScores(
            name,
            scores(fitted(both), window),
            best_f1_threshold(outcome, scores(fitted(train), validation)),
        )
        for name, fitted in kinds.items()
    )


def logistic_regression(rows: Rows, *, seed: int = 0) -> Any:
    """Fit logistic regression on one thread: standardised numbers, flags of missing values, one-hot categories.

    Args:
        rows: Rows to fit on.
        seed: Seed of the model.

    Returns:
        The fitted classifier, for rows as `columns` makes them.

    Raises:
        RowsError: The rows lack a class or a label.

    Examples:
        >>> rows = Rows(np.zeros((50, 3), np.float32), np.zeros((50, 2), np.int16), np.array([0, 1] * 25))
        >>> logistic_regression(rows).predict_proba(columns(rows)).shape
        (50, 2)
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from threadpoolctl import threadpool_limits

    numerical = rows.numerical.shape[1]
    amounts = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    parts = (
        ("numerical", amounts, slice(0, numerical)),
        ("categorical", OneHotEncoder(handle_unknown="ignore"), slice(numerical, None)),
    )
    # A transformer of no columns is an error.
    widths = (numerical, rows.categorical.shape[1])
    inputs = ColumnTransformer([part for part, width in zip(parts, widths, strict=True) if width])
    model = make_pipeline(inputs, LogisticRegression(max_iter=2000, random_state=seed))
    with threadpool_limits(1):
        return model.fit(filled(columns(rows)), rows.outcome())


def boosting(rows: Rows, cardinalities: Sequence[int], *, seed: int = 0, rounds: int = 100) -> Any:
    """Fit a HistGradientBoostingClassifier on one thread.

    Args:
        rows: Rows to fit on.
        cardinalities: Number of codes of each categorical feature; one with more codes than the model has bins is
            passed as a numerical feature.
        seed: Seed of the model.
        rounds: Trees.

    Returns:
        The fitted classifier, for rows as `columns` makes them.

    Raises:
        RowsError: The rows lack a class or a label.

    Examples:
        >>> rows = Rows(np.zeros((50, 3), np.float32), np.zeros((50, 2), np.int16), np.array([0, 1] * 25))
        >>> boosting(rows, (4, 4), rounds=2).predict_proba(columns(rows)).shape
        (50, 2)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    native = [False] * rows.numerical.shape[1] + [size <= MAX_NATIVE_CATEGORIES for size in cardinalities]
    model = HistGradientBoostingClassifier(max_iter=rounds, categorical_features=native, random_state=seed)
    # Threads of one process that share cores with another process wait for each other at every split.
    with threadpool_limits(1):
        return model.fit(filled(columns(rows)), rows.outcome())


def columns(rows: Rows) -> np.ndarray:
    """Features as one table, (n, N + C) float32: numerical features with NaN, then codes.

    Examples:
        >>> columns(Rows(np.zeros((5, 3), np.float32), np.zeros((5, 2), np.int16))).shape
        (5, 5)
    """
    return np.concatenate([rows.numerical, rows.categorical.astype(np.float32)], axis=1)
