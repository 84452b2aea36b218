"""Intervals of KS and ECE, which sampling makes larger and resampling larger still."""

from __future__ import annotations

import numpy as np

from loan_default_assets.model.auc_interval import NORMAL_QUANTILE

DRAWS = 2_000


def ks_interval_of_resamples(
    label: np.ndarray, probability: np.ndarray, value: float, resampled: np.ndarray
) -> tuple[float, float]:
    """KS less its bias, with the normal 95 % interval of the two rates at the largest distance.

    The largest of many distances is taken where noise is largest. Resampled rows show less than half of that, since
    the largest distance of the sample stays one of theirs: docs/decisions/ks-and-ece-intervals.md.

    Args:
        label: (n,) 0 or 1, of both.
        probability: (n,) probabilities of default.
        value: KS of these rows.
        resampled: (R,) KS of resampled rows.

    Returns:
        Two bounds between 0 and 1 around the value; NaN where no resample has both classes.

    Examples:
        >>> label, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
        >>> low, high = ks_interval_of_resamples(label, probability, 0.5, np.array([0.4, 0.6, 0.7]))
        >>> round(low, 2), round(high, 2)
        (0.0, 1.0)
    """
    from sklearn.metrics import roc_curve

    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return float("nan"), float("nan")
    positives = int((label == 1).sum())
    false, found, _ = roc_curve(label, probability)
    best = int((found - false).argmax())
    variance = found[best] * (1 - found[best]) / positives + false[best] * (1 - false[best]) / (
        len(label) - positives
    )
    centre = value - 2 * max(float(known.mean()) - value, 0.0)
    width = NORMAL_QUANTILE * float(np.sqrt(variance))
    return min(max(centre - width, 0.0), value), max(min(centre + width, 1.0), value)


def ece_interval_of_resamples(
    probability: np.ndarray, value: float, resampled: np.ndarray, bins: int, seed: int = 0
) -> tuple[float, float]:
    """ECE with a 95 % interval from 0 where calibrated PDs would have as large a one.

    Every gap counts as positive, so that resampled rows exclude 0 whatever the PDs. The lower bound is reflected at
    the value (the basic bootstrap), the upper one is their percentile: docs/decisions/ks-and-ece-intervals.md.

    Args:
        probability: (n,) probabilities of default.
        value: ECE of these rows.
        resampled: (R,) ECE of resampled rows.
        bins: Bins of equal width of the ECE.
        seed: Seed of the draws of calibrated PDs.

    Examples:
        >>> probability = np.full(100, 0.5)
        >>> ece_interval_of_resamples(probability, 0.02, np.array([0.01, 0.02, 0.09]), 15)[0]
        0.0
        >>> low, high = ece_interval_of_resamples(probability, 0.3, np.array([0.2, 0.3, 0.4]), 15)
        >>> round(low, 2), round(high, 2)
        (0.2, 0.4)
    """
    position = (probability * bins).astype(np.int64).clip(0, bins - 1)
    variance = np.bincount(position, probability * (1 - probability), minlength=bins)
    drawn = np.random.default_rng(seed).standard_normal((DRAWS, bins)) * np.sqrt(variance) / len(probability)
    high = max(float(np.quantile(resampled, 0.975)), value)
    if value <= np.quantile(np.abs(drawn).sum(1), 0.975):
        return 0.0, high
    return max(2 * value - high, 0.0), high
