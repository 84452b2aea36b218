"""Calibration of logits to probabilities, and the decision threshold; both are fitted on validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Logits with a smaller standard deviation, relative to their size, differ by rounding only.
MIN_RELATIVE_SPREAD = 1e-12


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(slope * logit + offset).

    The slope is above zero, so that the calibrated probabilities rank the loans as the logits do.

    Attributes:
        slope: Factor on the logit.
        offset: Log-odds added to it.

    Examples:
        >>> Calibration(slope=2.0, offset=1.0).log_odds(np.array([-0.5, 1.0])).tolist()
        [0.0, 3.0]
    """

    slope: float = 1.0
    offset: float = 0.0

    def log_odds(self, logit: np.ndarray) -> np.ndarray:
        """Calibrate logits.

        Args:
            logit: Raw logits of the model, shape (n,).

        Returns:
            Calibrated log-odds, shape (n,), float64.

        Examples:
            >>> Calibration(offset=-1.0).log_odds(np.array([1.0, 3.0])).tolist()
            [0.0, 2.0]
        """
        return self.slope * np.asarray(logit, dtype=np.float64) + self.offset

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """Calibrate logits and turn them into probabilities of default.

        Args:
            logit: Raw logits of the model, shape (n,).

        Returns:
            Probabilities, shape (n,), float64, strictly between 0 and 1 unless the log-odds exceed about 36.

        Examples:
            >>> Calibration().probability(np.array([0.0, 2.0])).round(3).tolist()
            [0.5, 0.881]
        """
        return 1 / (1 + np.exp(-self.log_odds(logit).clip(-500, 500)))


def platt(logit: np.ndarray, label: np.ndarray) -> Calibration:
    """Fit slope and offset by maximum likelihood on the targets of Platt (1999), which stay off 0 and 1.

    Where the logits do not rank the labels at all (they are constant, or the best slope is zero or less) the
    slope stays 1 and only the offset is fitted.

    Args:
        logit: Raw logits of validation rows, shape (n,), finite, at least one.
        label: Their labels, shape (n,): 1 for a default, anything else for none.

    Returns:
        The calibration, finite and with a slope above zero; equal inputs give equal bits.

    Raises:
        ValueError: There is no row, or a logit is not finite.

    Examples:
        >>> calibration = platt(np.array([-3.0, -1.0, 1.0, 3.0]), np.array([0, 0, 1, 1]))
        >>> round(calibration.slope, 3), abs(round(calibration.offset, 3))
        (0.454, 0.0)
        >>> platt(np.zeros(4), np.array([0, 0, 0, 1])).slope
        1.0
    """
    logit = np.asarray(logit, dtype=np.float64)
    if not (len(logit) and np.isfinite(logit).all()):
        finite = int(np.isfinite(logit).sum())
        raise ValueError(f"logits must be finite and at least one, got {len(logit)} of which {finite} finite")
    positives = float((label == 1).sum())
    negatives = len(label) - positives
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    center, spread = float(logit.mean()), float(logit.std())
    if spread > MIN_RELATIVE_SPREAD * max(1.0, float(np.abs(logit).max())):
        slope, offset = _logistic_fit((logit - center) / spread, target)
        if slope > 0:
            return Calibration(slope / spread, offset - slope * center / spread)
    return Calibration(1.0, _offset(logit, target))


def best_f1_threshold(label: np.ndarray, probability: np.ndarray) -> float:
    """Find the threshold with the highest F1 of the default class on labelled rows.

    Args:
        label: Labels, shape (n,), at least one of them 1 (default).
        probability: Probabilities of default, shape (n,). Equal ones are never separated.

    Returns:
        The threshold, half way between the lowest probability predicted as a default and the next lower one.

    Examples:
        >>> best_f1_threshold(np.array([1, 0, 0]), np.array([0.75, 0.25, 0.125]))
        0.5
    """
    return _threshold((label == 1).astype(np.float64), probability)


def expected_f1_threshold(probability: np.ndarray) -> float:
    """Find the threshold with the highest expected F1 of the default class, where PDs are calibrated.

    The labels of the rows are not used: every row counts as a default with its PD, so that the threshold depends on the
    few parameters of the calibration and not on single rows near it (Ye et al. 2012; Lipton et al. 2014, who show that
    it is half of that F1). docs/decisions/decision-threshold.md compares both.

    Args:
        probability: Calibrated probabilities of default, shape (n,), at least one above 0. Equal ones are never
            separated.

    Returns:
        The threshold, half way between the lowest probability predicted as a default and the next lower one.

    Examples:
        >>> expected_f1_threshold(np.array([0.75, 0.25, 0.125]))
        0.5
    """
    return _threshold(np.asarray(probability, dtype=np.float64), probability)


def _threshold(defaults: np.ndarray, probability: np.ndarray) -> float:
    """The threshold with the highest F1, each row being a default to the extent that `defaults` (n,) says."""
    order = np.argsort(-probability, kind="stable")
    ordered = np.asarray(probability, dtype=np.float64)[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    true_positives = defaults[order].cumsum()[last]
    predicted_positives = last + 1
    f1 = 2 * true_positives / (predicted_positives + true_positives[-1])
    best = int(f1.argmax())
    below = ordered[last[best] + 1] if best + 1 < len(last) else ordered[last[best]]
    return float((ordered[last[best]] + below) / 2)


def _logistic_fit(standardised: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Minimise the mean log loss of sigmoid(slope * standardised + offset); it is convex in both.

    Args:
        standardised: Logits of mean 0 and variance 1, shape (n,).
        target: Target probabilities, shape (n,), strictly between 0 and 1.

    Returns:
        Slope and offset, on the standardised scale.

    Examples:
        >>> slope, offset = _logistic_fit(np.array([-1.0, 1.0]), np.array([0.25, 0.75]))
        >>> round(slope, 6), abs(round(offset, 6))
        (1.098612, 0.0)
    """
    # Imported here: a service that only applies a calibration does not need SciPy.
    from scipy import optimize, special

    rows = len(target)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = weights[0] * standardised + weights[1]
        value = np.logaddexp(0, log_odds).sum() - target @ log_odds
        error = special.expit(log_odds) - target
        return float(value) / rows, np.array([standardised @ error, error.sum()]) / rows

    def curvature(weights: np.ndarray) -> np.ndarray:
        p = special.expit(weights[0] * standardised + weights[1])
        second = p * (1 - p)
        mixed = standardised * second
        return np.array([[standardised @ mixed, mixed.sum()], [mixed.sum(), second.sum()]]) / rows

    # The base rate alone: already the optimum where the logits say nothing about the labels.
    start = np.array([0.0, special.logit(target.mean())])
    fitted = optimize.minimize(
        loss, start, jac=True, hess=curvature, method="trust-exact",
        options={"gtol": 1e-9, "max_trust_radius": 1e12},
    )  # fmt: skip
    return float(fitted.x[0]), float(fitted.x[1])


def _offset(logit: np.ndarray, target: np.ndarray) -> float:
    """Find the offset at which the mean of sigmoid(logit + offset) is the mean of `target`.

    Args:
        logit: Logits, shape (n,), finite.
        target: Target probabilities, shape (n,), strictly between 0 and 1.

    Returns:
        The offset, which also minimises the log loss.

    Examples:
        >>> round(_offset(np.array([2.0, 2.0]), np.array([0.5, 0.5])), 6)
        -2.0
    """
    from scipy import optimize, special

    mean = target.mean()
    base = float(special.logit(mean))
    low, high = base - float(logit.max()) - 1, base - float(logit.min()) + 1
    return float(optimize.brentq(lambda offset: special.expit(logit + offset).mean() - mean, low, high))
