"""Fitting of additive models: penalised logistic regression on linear or piecewise-linear features and on codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from loan_default_assets.model.additive_model import AdditiveModel
from loan_default_assets.model.encoding import EncodedRows

Fold = tuple[np.ndarray, np.ndarray]

# Inverse strengths of the penalty that are tried by cross-validation.
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
# Equal shares of the rows between the knots of a piecewise-linear feature.
SEGMENTS = 8
# Beyond every normal score.
RANGE = 5.0
# What a feature changes over all its knots before it is penalised: a normal score, and a share of the rows.
LINEAR_SCALE, SEGMENT_SCALE = 2 * RANGE, 2.0
# A rarer code has no value of its own.
ROWS_PER_CODE = 5
# Gradient at which a fit ends.
TOLERANCE = 3e-4
# Cells of the largest table that is fitted; more rows are sampled.
MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class FittedAdditive:
    """An additive model of the training rows.

    Attributes:
        model: Fitted on all rows.
        out_of_fold: (n,) float64 log-odds of the training rows, each by a model that was not fitted on that row.
    """

    model: AdditiveModel
    out_of_fold: np.ndarray


def fit_additive(
    rows: EncodedRows,
    outcome: np.ndarray,
    cardinalities: Sequence[int],
    folds: Sequence[Fold],
    *,
    segments: int = 1,
) -> FittedAdditive:
    """Fit with the penalty that has the lowest out-of-fold log loss.

    Args:
        rows: N encoded training rows.
        outcome: (n,) bool, True for a default.
        cardinalities: Number of codes of each categorical feature.
        folds: Positions of fitted and of held-out rows; with none, the penalty is a middle one and the base rate stands
            in for the out-of-fold log-odds.
        segments: Linear pieces per numerical feature; 1 is logistic regression on the normal scores.

    Examples:
        >>> rows = EncodedRows(torch.linspace(-2, 2, 60)[:, None], torch.zeros(60, 0, dtype=torch.int64))
        >>> half = np.arange(60) % 2 == 0
        >>> folds = [(np.flatnonzero(half), np.flatnonzero(~half)), (np.flatnonzero(~half), np.flatnonzero(half))]
        >>> fitted = fit_additive(rows, np.arange(60) >= 30, (), folds)
        >>> bool(fitted.model.logits(rows)[-1] > 0), fitted.out_of_fold.shape
        (True, (60,))
    """
    numerical = rows.numerical.cpu().numpy()
    knots = [_knots(column, segments) for column in numerical.T]
    share = outcome.mean()
    out_of_fold = np.full(len(outcome), np.log(share / (1 - share)))
    penalty = PENALTIES[len(PENALTIES) // 2]
    if folds:
        tried = np.stack([out_of_fold] * len(PENALTIES))
        for fitted, held_out in folds:
            design = _Design(rows, outcome, cardinalities, knots, fitted)
            later = rows.take(torch.from_numpy(held_out))
            for log_odds, model in zip(tried, design.fit(PENALTIES), strict=True):
                log_odds[held_out] = model.logits(later)
        losses = np.logaddexp(0, np.where(outcome, -1.0, 1.0) * tried).sum(axis=1)
        penalty, out_of_fold = PENALTIES[losses.argmin()], tried[losses.argmin()]
    (model,) = _Design(rows, outcome, cardinalities, knots, np.arange(len(outcome))).fit([penalty])
    return FittedAdditive(model, out_of_fold)


class _Design:
    """The columns of a logistic regression on some rows, and the way back from its coefficients to features."""

    def __init__(
        self,
        rows: EncodedRows,
        outcome: np.ndarray,
        cardinalities: Sequence[int],
        knots: Sequence[np.ndarray],
        index: np.ndarray,
    ) -> None:
        self.knots, self.cardinalities = knots, cardinalities
        codes = rows.categorical.cpu().numpy()
        counts = [
            np.bincount(codes[index, column], minlength=size) for column, size in enumerate(cardinalities)
        ]
        self.codes = [np.flatnonzero(count >= ROWS_PER_CODE) for count in counts]
        width = sum(max(len(own) - 1, 0) + 1 for own in knots) + sum(map(len, self.codes))
        most = max(MAX_CELLS // max(width, 1), 1000)
        if len(index) > most:
            index = np.random.default_rng(0).permutation(index)[:most]
        self.outcome = outcome[index]
        numerical = rows.numerical.cpu().numpy()[index]
        parts = [np.zeros((len(index), 0))]
        for column, own in enumerate(knots):
            cells = numerical[:, column].astype(np.float64)
            parts += [_pieces(np.nan_to_num(cells), own), np.isnan(cells)[:, None]]
        parts += [codes[index, column][:, None] == own for column, own in enumerate(self.codes)]
        self.table = np.concatenate(parts, axis=1, dtype=np.float64)

    def fit(self, penalties: Sequence[float]) -> list[AdditiveModel]:
        """One model per penalty; each starts from the coefficients of the one before."""
        from sklearn.linear_model import LogisticRegression

        if not self.outcome.any() or self.outcome.all() or not self.table.shape[1]:
            return [self._model(np.zeros(1), np.zeros(self.table.shape[1]))] * len(penalties)
        regression = LogisticRegression(max_iter=300, tol=TOLERANCE, warm_start=True)
        fitted = []
        for penalty in penalties:
            regression.set_params(C=penalty).fit(self.table, self.outcome)
            fitted.append(self._model(regression.intercept_.copy(), regression.coef_[0].copy()))
        return fitted

    def _model(self, base: np.ndarray, coefficients: np.ndarray) -> AdditiveModel:
        position, values, missing = 0, [np.zeros(0)], []
        for own in self.knots:
            pieces = len(own) - 1
            steps = coefficients[position : position + pieces] * _scale(own)
            function = np.concatenate([[0.0], np.cumsum(steps)])
            values.append(function - np.interp(0.0, own, function))
            missing.append(coefficients[position + pieces])
            position += pieces + 1
        tables = [np.zeros(size) for size in self.cardinalities]
        for table, own in zip(tables, self.codes, strict=True):
            table[own] = coefficients[position : position + len(own)]
            position += len(own)
        return AdditiveModel(
            knots=np.concatenate([np.zeros(0), *self.knots]),
            knot_values=np.concatenate(values),
            knot_counts=np.array([len(own) for own in self.knots], np.int64),
            missing=np.array(missing, np.float64),
            code_values=np.concatenate([np.zeros(0), *tables]),
            code_counts=np.array(self.cardinalities, np.int64),
            base=base,
        )


def _knots(column: np.ndarray, segments: int) -> np.ndarray:
    """Ascending knots of one feature; a single one where it has no two values."""
    values = column[~np.isnan(column)].astype(np.float64)
    if segments == 1 or not len(values):
        return np.array([-RANGE, RANGE]) if len(values) else np.zeros(1)
    return np.unique(np.quantile(values, np.linspace(0, 1, segments + 1)))


def _pieces(cells: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n, pieces) how much of each piece lies between the median's score, 0, and the cell, times the pieces' scale."""
    low, high = knots[:-1], knots[1:]
    below, median = (np.clip((of[:, None] - low) / (high - low), 0, 1) for of in (cells, np.zeros(1)))
    return (below - median) * _scale(knots)


def _scale(knots: np.ndarray) -> float:
    return LINEAR_SCALE if len(knots) == 2 and knots[1] == RANGE else SEGMENT_SCALE
