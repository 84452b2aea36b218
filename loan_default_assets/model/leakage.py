"""Features that may know the outcome: what a look at the training rows can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .baseline import boosting, columns
from .metrics import roc_auc
from .rows import Rows

ROUNDS = 50
MOST_ROWS = 12_000
REFITTED = 4


@dataclass(frozen=True)
class Suspect:
    """A feature, and the baseline's validation ROC-AUC with and without it."""

    feature: str
    auc_with: float
    auc_without: float


def suspicious(
    train: Rows,
    validation: Rows,
    cardinalities: Sequence[int],
    names: Sequence[str],
    limit: float = 0.1,
    seed: int = 0,
) -> list[Suspect]:
    """Features that alone move the baseline's ROC-AUC by more than `limit`, the strongest first.

    `names` are those of the numbers, then of the categories. Shuffling a feature in the validation rows costs at
    least what leaving it out does, so only features that pass that first are fitted without. Raises RowsError when
    either set lacks a class.
    """
    outcome = validation.outcome()
    rng = np.random.default_rng(seed)
    if len(train) > MOST_ROWS:
        train = train.take(np.sort(rng.choice(len(train), MOST_ROWS, replace=False)))
    model = boosting(train, cardinalities, rounds=ROUNDS, seed=seed)
    inputs = columns(validation)
    auc_with = roc_auc(outcome, model.predict_proba(inputs)[:, 1])
    drop = np.empty(inputs.shape[1])
    for feature in range(len(drop)):
        shuffled = inputs.copy()
        shuffled[:, feature] = rng.permutation(shuffled[:, feature])
        drop[feature] = auc_with - roc_auc(outcome, model.predict_proba(shuffled)[:, 1])
    found = []
    for feature in np.argsort(-drop)[:REFITTED]:
        if drop[feature] <= limit:
            break
        rest = boosting(
            _without(train, feature), _sizes(cardinalities, train, feature), rounds=ROUNDS, seed=seed
        )
        auc_without = roc_auc(outcome, rest.predict_proba(columns(_without(validation, feature)))[:, 1])
        if auc_with - auc_without > limit:
            found.append(Suspect(str(names[feature]), auc_with, auc_without))
    return found


def _without(rows: Rows, feature: int) -> Rows:
    width = rows.numbers.shape[1]
    if feature < width:
        return Rows(np.delete(rows.numbers, feature, axis=1), rows.categories, rows.label)
    return Rows(rows.numbers, np.delete(rows.categories, feature - width, axis=1), rows.label)


def _sizes(cardinalities: Sequence[int], rows: Rows, feature: int) -> list[int]:
    width = rows.numbers.shape[1]
    return [size for i, size in enumerate(cardinalities) if i != feature - width]
