"""Whether PDs are too extreme or too low on the whole: intercept and slope of the outcome on the log-odds of the PD."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.auc_interval import NORMAL_QUANTILE
from loan_default_assets.reports.figures.proportions import Interval

# Where a PD is 0 or 1 to the last bit; its log-odds are beyond any calibration.
_SMALLEST_PD = 1e-15
# Log-odds that differ by rounding only.
_SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True)
class CalibrationLine:
    """Log-odds of a default = intercept + slope * log-odds of the PD.

    Attributes:
        slope: 1 where PDs are right; below it they are too extreme, above it too much alike.
        intercept: 0 where PDs are right and the slope is 1.
        in_the_large: Intercept where the slope is 1: below 0 PDs are too high, above it too low.
        p_value: Of intercept 0 and slope 1 together, by the likelihood ratio with two degrees of freedom.
    """

    slope: Interval
    intercept: Interval
    in_the_large: Interval
    p_value: float


def calibration_line(label: np.ndarray, pd: np.ndarray) -> CalibrationLine | None:
    """Fit the line by maximum likelihood, with Wald's 95 % intervals (Cox 1958; Miller, Hui and Tierney 1991).

    Args:
        label: (n,) 0 or 1.
        pd: (n,) PDs.

    Returns:
        None where no line has the highest likelihood: one class only, equal PDs, or a PD that separates the classes.

    Examples:
        >>> found = calibration_line(np.array([1, 0, 0, 1, 1, 0]), np.array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8]))
        >>> round(found.slope.value, 6), abs(round(found.intercept.value, 6))
        (0.5, 0.0)
    """
    from scipy.stats import chi2
    from sklearn.linear_model import LogisticRegression

    defaults = label == 1
    clipped = np.clip(pd.astype(np.float64), _SMALLEST_PD, 1 - _SMALLEST_PD)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    if defaults.all() or not defaults.any() or np.ptp(log_odds) <= _SMALLEST_SPREAD:
        return None
    of_defaults, of_others = log_odds[defaults], log_odds[~defaults]
    if of_defaults.min() >= of_others.max() or of_others.min() >= of_defaults.max():
        return None
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        log_odds[:, None], defaults
    )
    intercept, slope = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
    spread = _variance(intercept + slope * log_odds)
    design = np.stack([np.ones_like(log_odds), log_odds], axis=1)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * spread[:, None]))))
    shift = _shift(log_odds, float(defaults.sum()))
    gained = 2 * (
        _log_likelihood(intercept + slope * log_odds, defaults) - _log_likelihood(log_odds, defaults)
    )
    return CalibrationLine(
        slope=_interval(slope, float(errors[1])),
        intercept=_interval(intercept, float(errors[0])),
        in_the_large=_interval(shift, float(_variance(log_odds + shift).sum()) ** -0.5),
        p_value=float(chi2.sf(max(gained, 0.0), 2)),
    )


def _shift(log_odds: np.ndarray, defaults: float) -> float:
    """The intercept at which the sum of the PDs is the number of defaults."""
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    base = float(logit(defaults / len(log_odds)))
    low, high = base - float(log_odds.max()) - 1, base - float(log_odds.min()) + 1
    return float(brentq(lambda shift: expit(log_odds + shift).sum() - defaults, low, high))


def _variance(log_odds: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(log_odds) * expit(-log_odds)


def _log_likelihood(log_odds: np.ndarray, defaults: np.ndarray) -> float:
    return float(defaults @ log_odds - np.logaddexp(0, log_odds).sum())


def _interval(value: float, error: float) -> Interval:
    half = NORMAL_QUANTILE * error
    return (
        Interval(value, value - half, value + half)
        if math.isfinite(half)
        else Interval(value, -math.inf, math.inf)
    )
