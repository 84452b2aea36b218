"""From log-odds to probabilities and decisions, both chosen on validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(slope * logit + offset), slope above zero, so the ranking stays."""

    slope: float = 1.0
    offset: float = 0.0

    def log_odds(self, logit: np.ndarray) -> np.ndarray:
        """(n,) raw logits -> (n,) calibrated log-odds, float64."""
        return self.slope * np.asarray(logit, dtype=np.float64) + self.offset

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """(n,) raw logits -> (n,) probabilities, float64."""
        return 1 / (1 + np.exp(-self.log_odds(logit).clip(-500, 500)))


def platt(logit: np.ndarray, label: np.ndarray) -> Calibration:
    """Fit slope and offset by Newton steps on the targets of Platt (1999), which stay off 0 and 1.

    `logit`, `label`: (n,). Where the logits do not rank the labels at all (slope of zero or less) the slope
    stays 1 and only the offset is fitted.
    """
    positives = float((label == 1).sum())
    negatives = len(label) - positives
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    logit = np.asarray(logit, dtype=np.float64)
    both = _newton(np.stack([logit, np.ones(len(logit))], axis=1), np.zeros(len(logit)), target)
    if both[0] > 0:
        return Calibration(float(both[0]), float(both[1]))
    offset = _newton(np.ones((len(logit), 1)), logit, target)
    return Calibration(1.0, float(offset[0]))


def best_f1_threshold(label: np.ndarray, probability: np.ndarray) -> float:
    """The threshold with the highest F1 of the default class, half way to the next lower probability.

    `label`, `probability`: (n,), at least one default. Equal probabilities are never separated.
    """
    order = np.argsort(-probability, kind="stable")
    ordered = np.asarray(probability, dtype=np.float64)[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    hits = (label[order] == 1).cumsum()[last]
    f1 = 2 * hits / (last + 1 + hits[-1])
    best = int(f1.argmax())
    below = ordered[last[best] + 1] if best + 1 < len(last) else ordered[last[best]]
    return float((ordered[last[best]] + below) / 2)


def _newton(inputs: np.ndarray, fixed: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Logistic regression of (n,) targets on (n, k) inputs beside a fixed (n,) part of the log-odds."""
    scale = np.maximum(np.abs(inputs).max(axis=0), 1e-12)
    inputs = inputs / scale
    weights = np.zeros(inputs.shape[1])
    loss = _loss(fixed, target)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(inputs @ weights + fixed).clip(-500, 500)))
        gradient = inputs.T @ (p - target)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        while (trial := _loss(inputs @ (weights - step) + fixed, target)) > loss and np.abs(
            step
        ).max() > 1e-12:
            step = step / 2
        weights, before, loss = weights - step, loss, trial
        if before - loss < 1e-12:
            break
    return weights / scale


def _loss(log_odds: np.ndarray, target: np.ndarray) -> float:
    return float((np.logaddexp(0, log_odds) - target * log_odds).mean())
