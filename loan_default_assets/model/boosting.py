"""Gradient boosting as a teacher of the transformers and as a member of the ensemble, fitted on encoded rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.encoding import EncodedRows

FOLDS = 5
MAX_NATIVE_CATEGORIES = 255
# Plain defaults, and slower learning with smaller trees, which small or noisy data need.
CANDIDATES: tuple[dict[str, float], ...] = (
    {},
    {"learning_rate": 0.04, "max_leaf_nodes": 12, "l2_regularization": 3.0, "max_iter": 300},
)


@dataclass(frozen=True)
class FittedBoosting:
    """Boosting on the training rows.

    Attributes:
        trees: The model fitted on all rows.
        out_of_fold: (n,) float64 PDs of the training rows, each by trees that were not fitted on that row.
    """

    trees: BoostedTrees
    out_of_fold: np.ndarray


def fit_boosting(
    rows: EncodedRows, outcome: np.ndarray, cardinalities: Sequence[int], seed: int
) -> FittedBoosting:
    """Fit gradient boosting; of the candidates, the one with the lowest out-of-fold log loss.

    Args:
        rows: N encoded training rows.
        outcome: (n,) bool, True for a default.
        cardinalities: Number of codes of each categorical feature.
        seed: Seed of folds and trees.

    Returns:
        The fitted trees. With fewer defaults or non-defaults than folds there are fewer folds; with a single row of a
        class, the base rate stands in for the out-of-fold PDs.

    Examples:
        >>> import torch
        >>> rows = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> fitted = fit_boosting(rows, np.arange(60) >= 30, (), seed=0)
        >>> fitted.out_of_fold.shape, fitted.trees.logits(rows).shape
        ((60,), (60,))
    """
    from sklearn.metrics import log_loss
    from threadpoolctl import threadpool_limits

    from loan_default_assets.model.sklearn_trees import from_histogram_boosting

    table = _table(rows)
    # Threads of one process that share cores with another process wait for each other at every split.
    with threadpool_limits(1):
        predicted = [
            _out_of_fold(table, outcome, seed, partial(_classifier, rows, cardinalities, seed, candidate))
            for candidate in CANDIDATES
        ]
        best = int(np.argmin([log_loss(outcome, probability) for probability in predicted]))
        model = _classifier(rows, cardinalities, seed, CANDIDATES[best]).fit(filled(table), outcome)
    return FittedBoosting(from_histogram_boosting(model, rows.numerical.shape[1]), predicted[best])


def filled(table: np.ndarray) -> np.ndarray:
    """The table with zeros in the columns that have no value at all, which scikit-learn cannot divide into bins.

    Args:
        table: (n, F) float32, NaN for a missing value.

    Examples:
        >>> filled(np.array([[np.nan, 1.0], [np.nan, np.nan]])).tolist()
        [[0.0, 1.0], [0.0, nan]]
    """
    empty = np.isnan(table).all(axis=0)
    return np.where(empty, np.zeros((), table.dtype), table) if empty.any() else table


def _out_of_fold(table: np.ndarray, outcome: np.ndarray, seed: int, make: Callable[[], Any]) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    predicted = np.full(len(outcome), outcome.mean())
    folds = min(FOLDS, int(outcome.sum()), int((~outcome).sum()))
    if folds > 1:
        for fitted, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(table, outcome):
            model = make().fit(filled(table[fitted]), outcome[fitted])
            predicted[held_out] = model.predict_proba(table[held_out])[:, 1]
    return predicted


def _classifier(
    rows: EncodedRows, cardinalities: Sequence[int], seed: int, candidate: dict[str, float]
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    native = [False] * rows.numerical.shape[1] + [size <= MAX_NATIVE_CATEGORIES for size in cardinalities]
    return HistGradientBoostingClassifier(categorical_features=native, random_state=seed, **candidate)


def _table(rows: EncodedRows) -> np.ndarray:
    numerical, codes = rows.numerical.cpu().numpy(), rows.categorical.cpu().numpy()
    return np.concatenate([numerical, codes.astype(np.float32)], axis=1)
