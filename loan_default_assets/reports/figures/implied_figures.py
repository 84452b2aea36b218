"""What PDs imply where they are right: the number of defaults and ROC-AUC, and how far off a measured one is."""

from __future__ import annotations

import math

import numpy as np

from loan_default_assets.model.auc_interval import auc_error
from loan_default_assets.model.metrics import FEW_OF_A_CLASS

# Steps of the share of other loans below a default; their sum over the defaults is exact but for these.
STEPS = 1_000
# With more defaults on both sides to be expected, the number of defaults is normal as far as a test can see.
FEW_EXPECTED = 100
# The exact distribution takes as long as the square of the loans.
MOST_EXACT = 5_000


def implied_area(pd: np.ndarray) -> float:
    """The ROC-AUC of PDs that are right: the default and the other loan of a pair drawn by the PDs themselves.

    Args:
        pd: (n,) PDs.

    Returns:
        The area; NaN where no loan, or every loan, defaults for certain.

    Examples:
        >>> implied_area(np.array([0.2, 0.2])), round(implied_area(np.array([0.0, 0.5, 1.0])), 4)
        (0.5, 0.9444)
    """
    below, share = _below_a_default(pd)
    return float((below * share).sum()) if len(share) else math.nan


def count_p_value(defaults: int, pd: np.ndarray) -> float:
    """Two-sided p-value of a number of defaults where each loan defaults independently with its PD.

    Twice the smaller tail of the Poisson-binomial distribution; of the normal one with 100 defaults, and other loans,
    to be expected. The normal one alone calls two defaults, of which one half is to be expected, certain. Of more than
    5,000 loans, the binomial distribution with the same mean and nearly the same variance (Ehm 1991).

    Args:
        defaults: Defaults of the loans.
        pd: (n,) PDs.

    Examples:
        >>> round(count_p_value(2, np.full(100, 0.005)), 3), round(count_p_value(0, np.full(100, 0.005)), 3)
        (0.18, 1.0)
    """
    from scipy.stats import binom, norm, poisson_binom

    expected = float(pd.sum())
    if expected > len(pd) / 2:
        return count_p_value(len(pd) - defaults, 1 - pd)
    if expected >= FEW_EXPECTED:
        return float(2 * norm.sf(abs(defaults - expected) / math.sqrt(float((pd * (1 - pd)).sum()))))
    if expected == 0:
        return float(defaults == 0)
    if len(pd) <= MOST_EXACT:
        counted = poisson_binom(np.clip(pd.astype(np.float64), 0.0, 1.0))
    else:
        trials = round(expected**2 / float((pd**2).sum()))
        counted = binom(trials, expected / trials)
    # The distribution is made by a Fourier transform: what is 0 may be -1e-17.
    return float(np.clip(2 * min(counted.cdf(defaults), counted.sf(defaults - 1)), 0.0, 1.0))


def area_p_value(area: float, defaults: int, pd: np.ndarray) -> float:
    """Probability of an ROC-AUC as low as the measured one where the PDs are right.

    With fewer than 100 defaults the mean, over these, of the share of other loans below a default that is drawn by the
    PDs: of few defaults it is far from normal, as most rank high and one in twenty does not. With more, normal with the
    error of the implied area.

    Args:
        area: The measured ROC-AUC; NaN without defaults or other loans.
        defaults: Defaults of the loans.
        pd: (n,) PDs.

    Returns:
        The p-value; 1 where the rows or the PDs define no area.

    Examples:
        >>> round(area_p_value(0.25, 1, np.full(100, 0.02) + np.arange(100) * 1e-9), 2)
        0.25
    """
    from scipy.stats import norm

    below, share = _below_a_default(pd)
    if math.isnan(area) or not len(share):
        return 1.0
    if min(defaults, len(pd) - defaults) >= FEW_OF_A_CLASS:
        implied = float((below * share).sum())
        error = auc_error(implied, defaults, len(pd) - defaults) if implied < 1 else 0.0
        return float(norm.cdf((area - implied) / error)) if error > 0 else 1.0
    if 2 * defaults > len(pd):
        # Other loans among defaults are as defaults among other loans.
        return area_p_value(area, len(pd) - defaults, 1 - pd)
    steps = np.bincount(np.rint(below * STEPS).astype(np.int64), weights=share, minlength=STEPS + 1)
    size = STEPS * defaults + 1
    summed = np.fft.irfft(np.fft.rfft(steps, size) ** defaults, size)
    # Each share is rounded by half a step at most.
    return float(np.clip(summed[: math.floor(area * STEPS * defaults + defaults / 2) + 1].sum(), 0.0, 1.0))


def _below_a_default(pd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per distinct PD the share of other loans below a default with it, and the share of the defaults that have it."""
    values, index = np.unique(pd, return_inverse=True)
    defaults = np.bincount(index, weights=pd, minlength=len(values))
    others = np.bincount(index, weights=1 - pd, minlength=len(values))
    if not (defaults.sum() > 0 and others.sum() > 0):
        return np.zeros(0), np.zeros(0)
    return (np.cumsum(others) - others / 2) / others.sum(), defaults / defaults.sum()
