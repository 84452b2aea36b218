"""Discrimination of quick boosting on sets of features, and peeling off the features that discriminate most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from loan_default_assets.model.baseline import MAX_NATIVE_CATEGORIES
from loan_default_assets.model.boosting import filled
from loan_default_assets.model.leakage_evidence import auc_with_error, fall_with_error
from loan_default_assets.model.target_statistics import fit_statistics

ROUNDS = 40
LEARNING_RATE = 0.15
LEAVES = 15
FOLDS = 3
PERMUTED_ROWS = 2_000


class QuickBoosting:
    """Boosting of a few rounds on chosen features of one table, its scores out of fold and kept.

    Examples:
        >>> outcome = np.arange(300) % 3 == 0
        >>> table = np.stack([outcome, np.zeros(300)], 1).astype(np.float32)
        >>> model = QuickBoosting(table, (), outcome, np.arange(300) // 3 % 3)
        >>> model.roc_auc((0, 1)), model.fall((0, 1), (1,))
        ((1.0, 0.0), (0.5, 0.0))
    """

    def __init__(
        self, table: np.ndarray, cardinalities: Sequence[int], outcome: np.ndarray, fold: np.ndarray
    ) -> None:
        """Keep the rows.

        Args:
            table: (n, N + C) numerical features with NaN, then codes.
            cardinalities: Number of codes of each categorical feature.
            outcome: (n,) bool, True for a default.
            fold: (n,) fold of each row, 0 to 2, each with both classes.
        """
        self.width = table.shape[1] - len(cardinalities)
        self.cardinalities = cardinalities
        self.table, self.outcome, self.fold = table, outcome, fold
        self._scores: dict[tuple[int, ...], np.ndarray] = {}

    def scores(self, features: Iterable[int]) -> np.ndarray:
        """(n,) log-odds of each row by a model fitted on the other folds; zero without features."""
        chosen = tuple(sorted(features))
        if chosen not in self._scores:
            score = np.zeros(len(self.outcome))
            for k in range(FOLDS) if chosen else ():
                held = self.fold == k
                score[held] = self._fit(chosen, ~held)(self.table[held][:, chosen])
            self._scores[chosen] = score
        return self._scores[chosen]

    def roc_auc(self, features: Iterable[int]) -> tuple[float, float]:
        """ROC-AUC of the scores out of fold, and its standard error."""
        return auc_with_error(self.outcome, self.scores(features))

    def fall(self, features: Iterable[int], fewer: Iterable[int]) -> tuple[float, float]:
        """Fall in ROC-AUC from `features` to `fewer`, and its standard error."""
        return fall_with_error(self.outcome, self.scores(features), self.scores(fewer))

    def permutation_drops(self, features: Sequence[int], seed: int = 0) -> tuple[float, np.ndarray]:
        """Held-out ROC-AUC, and its drop when each of the features in turn is permuted."""
        held = np.flatnonzero(self.fold == FOLDS - 1)
        model = self._fit(tuple(features), self.fold != FOLDS - 1)
        inputs = self.table[held][:, features]
        whole = auc_with_error(self.outcome[held], model(inputs))[0]
        rng = np.random.default_rng(seed)
        outcome = self.outcome[held]
        if len(held) > PERMUTED_ROWS:
            # Defaults first: their number bounds the precision.
            order = np.argsort(~outcome + rng.random(len(held)) * 0.5)
            kept = np.union1d(order[: PERMUTED_ROWS // 2], rng.permutation(len(held))[: PERMUTED_ROWS // 2])
            inputs, outcome = inputs[kept], outcome[kept]
        start = auc_with_error(outcome, model(inputs))[0]
        drops = np.empty(len(features))
        for column in range(len(features)):
            permuted = inputs.copy()
            permuted[:, column] = rng.permutation(permuted[:, column])
            drops[column] = start - auc_with_error(outcome, model(permuted))[0]
        return whole, drops

    def _fit(self, features: tuple[int, ...], rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Log-odds (m,) of cells (m, k) of the features, by a model fitted on some rows, (n,) bool."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        cells, outcome = self.table[rows][:, features], self.outcome[rows]
        width = sum(feature < self.width for feature in features)
        sizes = [self.cardinalities[feature - self.width] for feature in features if feature >= self.width]
        statistics, encoded = fit_statistics(cells[:, width:].astype(np.int64), outcome, sizes, seed=0)
        native = (np.array(sizes, np.int64) <= MAX_NATIVE_CATEGORIES) & ~statistics.replaced()
        model = HistGradientBoostingClassifier(
            max_iter=ROUNDS,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=LEAVES,
            early_stopping=False,
            categorical_features=[False] * width + native.tolist(),
            random_state=0,
        )
        with threadpool_limits(1):
            model.fit(filled(np.hstack([cells[:, :width], encoded])), outcome)

        def log_odds(later: np.ndarray) -> np.ndarray:
            codes = statistics.apply(later[:, width:].astype(np.int64))
            found: np.ndarray = model.decision_function(np.hstack([later[:, :width], codes]))
            return found

        return log_odds


def peel(
    model: QuickBoosting,
    features: Sequence[int],
    roc_auc_alone: Sequence[float],
    ordinary: float,
    steps: int,
) -> list[int]:
    """Remove the feature that discriminates most and refit, until discrimination is ordinary.

    That one has the largest permutation drop, or the largest ROC-AUC alone above 0.5, whichever is more:
    of features that replace each other the model may use one only.

    Args:
        model: Boosting on the rows.
        features: Positions of the features to start from.
        roc_auc_alone: ROC-AUC of every feature of the table alone.
        ordinary: ROC-AUC below which peeling ends.
        steps: Features removed at most.

    Returns:
        Positions of the features removed, in that order.

    Examples:
        >>> outcome = np.arange(300) % 3 == 0
        >>> table = np.stack([outcome, outcome, np.arange(300) % 2], 1).astype(np.float32)
        >>> model = QuickBoosting(table, (), outcome, np.arange(300) // 3 % 3)
        >>> peel(model, (0, 1, 2), (1.0, 1.0, 0.5), 0.9, 5)
        [0, 1]
    """
    left, removed = list(features), list[int]()
    while left and len(removed) < steps:
        level, drops = model.permutation_drops(left)
        if level < ordinary:
            break
        alone = np.array([roc_auc_alone[feature] for feature in left])
        removed.append(left.pop(int(np.argmax(np.maximum(drops, alone - 0.5)))))
    return removed
