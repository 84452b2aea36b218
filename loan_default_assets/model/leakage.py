"""Features that may know the outcome: what a look at the training rows can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.baseline import boosting, columns
from loan_default_assets.model.metrics import paired_bootstrap, roc_auc
from loan_default_assets.model.rows import Rows

ROUNDS = 50
MOST_ROWS = 12_000
MOST_REFITS = 4
BINS = 64
TELLING_ALONE = 0.9


@dataclass(frozen=True)
class Suspect:
    """A feature, and the baseline's validation ROC-AUC with and without it (and its twins, where it has some)."""

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
    """Features that move the baseline's ROC-AUC by more than `limit` beyond chance, the strongest first.

    `names` are those of the numbers, then of the categories. A feature is left out and the baseline fitted again;
    it is suspect when the lower end of the drop's 95 % interval passes the limit. Shuffling a feature among the
    validation rows costs at least as much as leaving it out, so only those that pass that are tried. Several columns
    that each tell the outcome alone (ROC-AUC of 0.9) hide each other: they are left out together. Raises RowsError
    when either set lacks a class.
    """
    outcome = validation.outcome()
    rng = np.random.default_rng(seed)
    if len(train) > MOST_ROWS:
        train = train.take(np.sort(rng.choice(len(train), MOST_ROWS, replace=False)))
    inputs = columns(validation)
    model = boosting(train, cardinalities, rounds=ROUNDS, seed=seed)
    probability = model.predict_proba(inputs)[:, 1]
    auc_with = roc_auc(outcome, probability)

    drops = np.empty(inputs.shape[1])
    for feature in range(len(drops)):
        shuffled = inputs.copy()
        shuffled[:, feature] = rng.permutation(shuffled[:, feature])
        drops[feature] = auc_with - roc_auc(outcome, model.predict_proba(shuffled)[:, 1])
    trials: list[tuple[int, ...]] = [
        (int(feature),) for feature in np.argsort(-drops)[:MOST_REFITS] if drops[feature] > limit
    ]
    telling = tuple(i for i in range(len(drops)) if _alone(train, validation, i) >= TELLING_ALONE)
    if len(telling) > 1:
        trials.append(telling)

    found: dict[int, Suspect] = {}
    for trial in trials:
        rest, sizes = _without(train, cardinalities, trial)
        held, _ = _without(validation, cardinalities, trial)
        if held.numerical.shape[1] + held.categorical.shape[1]:
            reduced = boosting(rest, sizes, rounds=ROUNDS, seed=seed).predict_proba(columns(held))[:, 1]
        else:
            reduced = np.full(len(held), 0.5)
        difference = paired_bootstrap(outcome, probability, 0.5, reduced, 0.5, seed=seed)
        if difference.dauc_low > limit:
            for feature in trial:
                found.setdefault(feature, Suspect(str(names[feature]), auc_with, auc_with - difference.dauc))
    return sorted(found.values(), key=lambda suspect: suspect.auc_without)


def _alone(train: Rows, validation: Rows, feature: int) -> float:
    """ROC-AUC of one column, scored by the default rate of its bin in the training rows."""
    known, held = columns(train)[:, feature], columns(validation)[:, feature]
    edges = np.unique(known[~np.isnan(known)])
    if len(edges) > BINS:
        edges = np.unique(np.quantile(edges, np.linspace(0, 1, BINS)))
    slots = np.searchsorted(edges, known), np.searchsorted(edges, held)
    count = np.bincount(slots[0], minlength=len(edges) + 1)
    defaults = np.bincount(slots[0], weights=train.outcome(), minlength=len(edges) + 1)
    rate = (defaults + train.outcome().mean()) / (count + 1)
    return roc_auc(validation.outcome(), rate[slots[1]])


def _without(rows: Rows, cardinalities: Sequence[int], features: tuple[int, ...]) -> tuple[Rows, list[int]]:
    width = rows.numerical.shape[1]
    categorical = [feature - width for feature in features if feature >= width]
    numerical = np.delete(rows.numerical, [feature for feature in features if feature < width], axis=1)
    left = Rows(numerical, np.delete(rows.categorical, categorical, axis=1), rows.label)
    return left, [size for i, size in enumerate(cardinalities) if i not in categorical]
