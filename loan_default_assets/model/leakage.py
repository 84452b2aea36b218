"""Leakage candidates: features that predict the outcome too well to be known at application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.baseline import boosting, columns
from loan_default_assets.model.metrics import paired_bootstrap, roc_auc
from loan_default_assets.model.rows import Rows

ROUNDS = 50
MAX_ROWS = 12_000
MAX_REFITS = 4
BINS = 64
HIGH_UNIVARIATE_AUC = 0.9


@dataclass(frozen=True)
class LeakageCandidate:
    """A feature that may know the outcome.

    Attributes:
        feature: Its name.
        auc_with: Validation ROC-AUC of gradient boosting on all features.
        auc_without: The same without the feature, and without the features that were omitted together with it.
    """

    feature: str
    auc_with: float
    auc_without: float


def leakage_candidates(
    train: Rows,
    validation: Rows,
    cardinalities: Sequence[int],
    names: Sequence[str],
    limit: float = 0.1,
    seed: int = 0,
) -> list[LeakageCandidate]:
    """Find the features without which the ROC-AUC of gradient boosting drops by more than `limit`.

    A feature is a candidate when the lower end of the drop's 95 % interval exceeds the limit. Permuting a feature in
    the validation rows costs at least as much as omitting it, so the model is refitted only without those features
    whose permutation exceeds the limit. Several features with a univariate ROC-AUC of 0.9 or more can replace each
    other; they are also omitted together.

    Args:
        train: Rows to fit on; a sample of 12,000 where there are more.
        validation: Rows to evaluate on.
        cardinalities: Number of codes of each categorical feature.
        names: Feature names, numerical first.
        limit: Largest acceptable drop in ROC-AUC.
        seed: Seed of sample, permutations, model and bootstrap.

    Returns:
        The candidates, the largest drop first.

    Raises:
        RowsError: Training or validation rows lack a class or a label.

    Examples:
        >>> label = np.arange(200) % 2
        >>> known = Rows(np.stack([label, label * 0], 1).astype(np.float32), np.zeros((200, 0), np.int16), label)
        >>> leakage_candidates(known, known, (), ("recovered", "income"))
        [LeakageCandidate(feature='recovered', auc_with=1.0, auc_without=0.5)]
    """
    outcome = validation.outcome()
    rng = np.random.default_rng(seed)
    if len(train) > MAX_ROWS:
        train = train.take(np.sort(rng.choice(len(train), MAX_ROWS, replace=False)))
    inputs = columns(validation)
    model = boosting(train, cardinalities, rounds=ROUNDS, seed=seed)
    probability = model.predict_proba(inputs)[:, 1]
    auc_with = roc_auc(outcome, probability)

    drops = np.empty(inputs.shape[1])
    for feature in range(len(drops)):
        permuted = inputs.copy()
        permuted[:, feature] = rng.permutation(permuted[:, feature])
        drops[feature] = auc_with - roc_auc(outcome, model.predict_proba(permuted)[:, 1])
    omissions: list[tuple[int, ...]] = [
        (int(feature),) for feature in np.argsort(-drops)[:MAX_REFITS] if drops[feature] > limit
    ]
    strong = tuple(
        i for i in range(len(drops)) if _univariate_auc(train, validation, i) >= HIGH_UNIVARIATE_AUC
    )
    if len(strong) > 1:
        omissions.append(strong)

    candidates: dict[int, LeakageCandidate] = {}
    for omitted in omissions:
        reduced_train, sizes = _without(train, cardinalities, omitted)
        reduced_validation, _ = _without(validation, cardinalities, omitted)
        inputs = columns(reduced_validation)
        if inputs.shape[1]:
            reduced = boosting(reduced_train, sizes, rounds=ROUNDS, seed=seed).predict_proba(inputs)[:, 1]
        else:
            reduced = np.full(len(inputs), 0.5)
        difference = paired_bootstrap(outcome, probability, 0.5, reduced, 0.5, seed=seed)
        if difference.dauc_low > limit:
            for feature in omitted:
                candidate = LeakageCandidate(str(names[feature]), auc_with, auc_with - difference.dauc)
                candidates.setdefault(feature, candidate)
    return sorted(candidates.values(), key=lambda candidate: candidate.auc_without)


def _univariate_auc(train: Rows, validation: Rows, feature: int) -> float:
    """Validation ROC-AUC of one feature, scored by the default rate of its bin in the training rows."""
    train_values, validation_values = columns(train)[:, feature], columns(validation)[:, feature]
    edges = np.unique(train_values[~np.isnan(train_values)])
    if len(edges) > BINS:
        edges = np.unique(np.quantile(edges, np.linspace(0, 1, BINS)))
    train_bin, validation_bin = (
        np.searchsorted(edges, train_values),
        np.searchsorted(edges, validation_values),
    )
    count = np.bincount(train_bin, minlength=len(edges) + 1)
    defaults = np.bincount(train_bin, weights=train.outcome(), minlength=len(edges) + 1)
    rate = (defaults + train.outcome().mean()) / (count + 1)
    return roc_auc(validation.outcome(), rate[validation_bin])


def _without(rows: Rows, cardinalities: Sequence[int], features: tuple[int, ...]) -> tuple[Rows, list[int]]:
    width = rows.numerical.shape[1]
    categorical = [feature - width for feature in features if feature >= width]
    numerical = np.delete(rows.numerical, [feature for feature in features if feature < width], axis=1)
    reduced = Rows(numerical, np.delete(rows.categorical, categorical, axis=1), rows.label)
    return reduced, [size for i, size in enumerate(cardinalities) if i not in categorical]
