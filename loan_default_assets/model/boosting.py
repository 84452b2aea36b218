"""Kinds of gradient boosting, fitted on encoded rows with rounds chosen on held-out folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.target_statistics import TargetStatistics, fit_statistics

# Rounds without a lower loss on the held-out rows after which a fit stops.
PATIENCE = 25
MAX_NATIVE_CATEGORIES = 255
# docs/decisions/stacking.md says how they were chosen.
KINDS: tuple[dict[str, float], ...] = (
    {"learning_rate": 0.04, "max_leaf_nodes": 12, "l2_regularization": 3.0},
    {"learning_rate": 0.06, "max_leaf_nodes": 6, "l2_regularization": 5.0, "max_features": 0.3},
    {"learning_rate": 0.05, "max_leaf_nodes": 31, "l2_regularization": 3.0, "max_features": 0.3},
)


@dataclass(frozen=True)
class FittedBoosting:
    """One kind of boosting on the training rows.

    Attributes:
        trees: Fitted on all rows.
        out_of_fold: (n,) float64 log-odds of the training rows, each by trees that were not fitted on that row.
    """

    trees: BoostedTrees
    out_of_fold: np.ndarray


def fit_boosting(
    rows: EncodedRows,
    outcome: np.ndarray,
    cardinalities: Sequence[int],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int,
    max_rounds: int = ModelConfig.boosting_rounds,
    *,
    kinds: Sequence[dict[str, float]] = KINDS,
) -> tuple[FittedBoosting, ...]:
    """Fit kinds of boosting; the rounds are those with the lowest loss on the held-out folds.

    Args:
        rows: N encoded training rows.
        outcome: (n,) bool, True for a default.
        cardinalities: Number of codes of each categorical feature.
        folds: Positions of fitted and of held-out rows; with none, the rounds are a sixth of the most, and the base
            rate stands in for the out-of-fold log-odds.
        seed: Seed of the trees.
        max_rounds: Most rounds of a fit.
        kinds: Settings of scikit-learn's gradient boosting, of each kind.

    Examples:
        >>> import torch
        >>> rows = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> fitted = fit_boosting(rows, np.arange(60) >= 30, (), [], seed=0)
        >>> len(fitted) == len(KINDS), fitted[0].out_of_fold.shape, fitted[0].trees.logits(rows).shape
        (True, (60,), (60,))
    """
    from loan_default_assets.model.sklearn_trees import from_histogram_boosting

    table = _Table(rows, outcome, cardinalities, seed)
    fitted = []
    for kind in kinds:
        rounds, log_odds = table.cross_fit(kind, folds, max_rounds)
        model, statistics = table.fit(np.arange(len(outcome)), kind | {"max_iter": rounds})
        trees = from_histogram_boosting(model, rows.numerical.shape[1], statistics)
        fitted.append(FittedBoosting(trees, log_odds))
    return tuple(fitted)


def rounds_on_all_rows(of_folds: Sequence[int], most: int) -> int:
    """How many rounds to fit on all rows, which carry a little more trees than four fifths of them.

    Args:
        of_folds: The best number of each fold; none where there are no folds.
        most: The most rounds of a fit.

    Examples:
        >>> rounds_on_all_rows([90, 110], 600), rounds_on_all_rows([], 600)
        (110, 100)
    """
    return max(round(1.1 * float(np.mean(of_folds))), 1) if of_folds else max(most // 6, 1)


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


class _Table:
    """The training rows as scikit-learn takes them."""

    def __init__(
        self, rows: EncodedRows, outcome: np.ndarray, cardinalities: Sequence[int], seed: int
    ) -> None:
        self.numerical, self.codes = rows.numerical.cpu().numpy(), rows.categorical.cpu().numpy()
        self.outcome, self.cardinalities, self.seed = outcome, cardinalities, seed

    def fit(
        self, index: np.ndarray, settings: dict[str, float], held_out: np.ndarray | None = None
    ) -> tuple[Any, TargetStatistics]:
        """The classifier on the rows at the positions `index`, stopped by those at `held_out`."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        outcome = self.outcome[index]
        statistics, cells = fit_statistics(self.codes[index], outcome, self.cardinalities, self.seed)
        sizes = np.array(self.cardinalities, dtype=np.int64)
        native = (sizes <= MAX_NATIVE_CATEGORIES) & ~statistics.replaced()
        model = HistGradientBoostingClassifier(
            categorical_features=[False] * self.numerical.shape[1] + native.tolist(),
            early_stopping=held_out is not None,
            n_iter_no_change=PATIENCE,
            scoring="loss",
            random_state=self.seed,
            **settings,
        )
        table = filled(np.concatenate([self.numerical[index], cells], axis=1))
        if held_out is None:
            return model.fit(table, outcome), statistics
        later = self._later(held_out, statistics)
        return model.fit(table, outcome, X_val=later, y_val=self.outcome[held_out]), statistics

    def cross_fit(
        self, kind: dict[str, float], folds: Sequence[tuple[np.ndarray, np.ndarray]], max_rounds: int
    ) -> tuple[int, np.ndarray]:
        """The rounds to fit on all rows, and the log-odds (n,) of each row by a model that did not see it."""
        share = self.outcome.mean()
        log_odds = np.full(len(self.outcome), np.log(share / (1 - share)))
        best = []
        for fitted, held_out in folds:
            model, statistics = self.fit(fitted, kind | {"max_iter": max_rounds}, held_out)
            losses = -np.asarray(model.validation_score_)
            best.append(max(int(losses.argmin()), 1))
            stages = model.staged_decision_function(self._later(held_out, statistics))
            log_odds[held_out] = next(
                stage for rounds, stage in enumerate(stages, 1) if rounds == best[-1]
            ).ravel()
        return rounds_on_all_rows(best, max_rounds), log_odds

    def _later(self, index: np.ndarray, statistics: TargetStatistics) -> np.ndarray:
        return np.concatenate([self.numerical[index], statistics.apply(self.codes[index])], axis=1)
