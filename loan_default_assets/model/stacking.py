"""Gradient boosting and additive models as one stack: teacher of the transformers and members of the ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.additive_fitting import FittedAdditive, Fold
from loan_default_assets.model.additive_model import AdditiveModel
from loan_default_assets.model.additive_model import weighted_sum as sum_of_models
from loan_default_assets.model.boosted_trees import BoostedTrees
from loan_default_assets.model.boosted_trees import weighted_sum as sum_of_trees
from loan_default_assets.model.boosting import FittedBoosting
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import EncodedRows
from loan_default_assets.model.stack_tasks import StackRows, fit_parts
from loan_default_assets.model.task_processes import RunTasks

# Shares before the rows have their say: of the kinds of trees together, and of the additive models together.
TREES_SHARE, ADDITIVE_SHARE = 0.9, 0.1
# Log loss, in nats summed over the training rows, that a squared distance of 1 from those shares costs.
SHRINKAGE = 16.0
# A part with a smaller share is not stored: it would cost more time than it adds.
SMALLEST_SHARE = 0.02


@dataclass(frozen=True)
class Stack:
    """What the stack of some training rows is made of.

    Attributes:
        trees: The kinds of boosting, weighted; None where their share is too small.
        additive: The additive models, weighted; None where their share is too small.
        trees_share: Share of the trees; that of the additive models is the rest.
        log_odds: (n,) float64 log-odds of the rows it was fitted on, each by parts that were not fitted on that row.
    """

    trees: BoostedTrees | None
    additive: AdditiveModel | None
    trees_share: float
    log_odds: np.ndarray

    @property
    def out_of_fold(self) -> np.ndarray:
        """(n,) float64 PDs of the rows it was fitted on, each by parts that were not fitted on that row."""
        found: np.ndarray = 1 / (1 + np.exp(-self.log_odds))
        return found

    def logits(self, rows: EncodedRows) -> np.ndarray:
        """(n,) float64 log-odds of n encoded rows."""
        shares = [share for share in (self.trees_share, 1 - self.trees_share) if share]
        parts = stacked_logits(self.trees, self.additive, rows)
        return sum((share * part for share, part in zip(shares, parts, strict=True)), np.zeros(len(rows)))


def fit_stack(
    rows: EncodedRows, outcome: np.ndarray, cardinalities: Sequence[int], config: ModelConfig
) -> Stack:
    """One stack of all rows, as `fit_stacks` fits several.

    Examples:
        >>> import torch
        >>> rows = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> stack = fit_stack(rows, np.arange(60) >= 30, (), ModelConfig())
        >>> stack.out_of_fold.shape, stack.logits(rows).shape
        ((60,), (60,))
    """
    (stack,) = fit_stacks(StackRows(rows, outcome, tuple(cardinalities), (np.arange(len(outcome)),)), config)
    return stack


def fit_stacks(
    rows: StackRows, config: ModelConfig, *, processes: int = 1, run_tasks: RunTasks | None = None
) -> list[Stack]:
    """Fit all parts of each stack, and weigh them by their out-of-fold log loss (stacked generalisation, Wolpert 1992).

    Args:
        rows: Rows of the stacks.
        config: Seed of folds and trees, number of folds, most rounds of each kind of boosting.
        processes: Most processes that fit the parts side by side, which changes no bit of the result; 0 for as many as
            are worthwhile.
        run_tasks: Fits the parts as tasks of a cluster instead.

    Returns:
        The stacks. With fewer defaults or non-defaults than folds there are fewer folds; with a single row of a class,
        the base rate stands in for the out-of-fold PDs.

    Examples:
        >>> import torch
        >>> encoded = EncodedRows(torch.arange(60.0)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> rows = StackRows(encoded, np.arange(60) >= 30, (), (np.arange(60), np.arange(20, 60)))
        >>> [len(stack.log_odds) for stack in fit_stacks(rows, ModelConfig(boosting_rounds=6))]
        [60, 40]
    """
    outcomes = [rows.outcome[index] for index in rows.selections]
    folds = [stratified_folds(outcome, config.seed, config.boosting_folds) for outcome in outcomes]
    fitted = fit_parts(rows, folds, config, processes, run_tasks)
    return [_weighed(parts, outcome) for parts, outcome in zip(fitted, outcomes, strict=True)]


def _weighed(parts: Sequence[FittedBoosting | FittedAdditive], outcome: np.ndarray) -> Stack:
    trees = [part.trees for part in parts if isinstance(part, FittedBoosting)]
    models = [part.model for part in parts if isinstance(part, FittedAdditive)]
    log_odds = np.stack([part.out_of_fold for part in parts])
    prior = np.repeat([TREES_SHARE / len(trees), ADDITIVE_SHARE / len(models)], [len(trees), len(models)])
    shares = weigh_parts(log_odds, outcome, prior)
    shares[shares < SMALLEST_SHARE] = 0
    shares /= shares.sum()
    first, second = shares[: len(trees)], shares[len(trees) :]
    total = float(first.sum()) if second.any() else 1.0
    return Stack(
        sum_of_trees([(w / total, part) for w, part in zip(first, trees, strict=True) if w])
        if total
        else None,
        sum_of_models([(w / (1 - total), part) for w, part in zip(second, models, strict=True) if w])
        if second.any()
        else None,
        total,
        shares @ log_odds,
    )


def stacked_logits(
    trees: BoostedTrees | None, additive: AdditiveModel | None, rows: EncodedRows
) -> list[np.ndarray]:
    """(n,) float64 log-odds of n encoded rows, by each part that there is."""
    return [part.logits(rows) for part in (trees, additive) if part is not None]


def weigh_parts(log_odds: np.ndarray, outcome: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Shares that minimise the log loss of the weighted sum, plus a penalty on their distance from `prior`.

    Args:
        log_odds: (k, n) out-of-fold log-odds of k parts.
        outcome: (n,) bool, True for a default.
        prior: (k,) positive shares that sum to 1.

    Returns:
        (k,) shares that sum to 1.

    Examples:
        >>> outcome = np.arange(2000) % 2 == 0
        >>> useless, telling = np.zeros(2000), np.where(outcome, 2.0, -2.0)
        >>> weigh_parts(np.stack([useless, telling]), outcome, np.array([0.5, 0.5])).round(1).tolist()
        [0.0, 1.0]
    """
    from scipy.optimize import minimize

    sign = np.where(outcome, -1.0, 1.0)

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        shares = _shares(free)
        wrong = sign * (shares @ log_odds)
        slope = log_odds @ (sign / (1 + np.exp(-np.clip(wrong, -50, 50)))) + 2 * SHRINKAGE * (shares - prior)
        value = np.logaddexp(0, wrong).sum() + SHRINKAGE * ((shares - prior) ** 2).sum()
        return float(value), shares * (slope - shares @ slope)

    return _shares(minimize(loss, np.log(prior), jac=True, method="L-BFGS-B").x)


def _shares(free: np.ndarray) -> np.ndarray:
    positive: np.ndarray = np.exp(free - free.max())
    return positive / positive.sum()


def stratified_folds(outcome: np.ndarray, seed: int, folds: int = ModelConfig.boosting_folds) -> list[Fold]:
    """Fitted and held-out positions of each fold; none where a class has a single row.

    Args:
        outcome: (n,) bool, True for a default.
        seed: Seed of the shuffle.
        folds: How many, or one per row of the smaller class where it has fewer.

    Examples:
        >>> [len(held_out) for _, held_out in stratified_folds(np.arange(20) % 2 == 0, seed=0)]
        [4, 4, 4, 4, 4]
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, int(outcome.sum()), int((~outcome).sum()))
    if folds < 2:
        return []
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(splits.split(np.zeros((len(outcome), 1)), outcome))
