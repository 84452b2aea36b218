"""Discrimination on the evaluation window beside that on the development sample, and whether it has fallen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.auc_interval import auc_error
from loan_default_assets.model.count_intervals import ks_limit
from loan_default_assets.reports.figures.proportions import (
    FigureSource,
    Interval,
    area_interval,
)


@dataclass(frozen=True)
class SampleDiscrimination:
    """One model on one sample.

    Attributes:
        roc_auc: With Newcombe's interval.
        ks: Kolmogorov-Smirnov statistic of the PDs of defaults and other loans; NaN without either.
    """

    rows: int
    defaults: int
    roc_auc: Interval
    ks: float
    source: FigureSource

    @property
    def gini(self) -> Interval:
        """2 * ROC-AUC - 1, with the bounds of ROC-AUC."""
        return Interval(2 * self.roc_auc.value - 1, 2 * self.roc_auc.low - 1, 2 * self.roc_auc.high - 1)

    @property
    def ks_bound(self) -> float:
        """What the statistic exceeds in 5 % of the cases where PDs do not discriminate."""
        others = self.rows - self.defaults
        if not (self.defaults and others):
            return math.nan
        return ks_limit(self.defaults, others)


def sample_discrimination(label: np.ndarray, pd: np.ndarray, source: FigureSource) -> SampleDiscrimination:
    """Discrimination on one sample.

    Args:
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        source: Where labels and PDs come from.
    """
    from scipy.stats import ks_2samp

    defaults = label == 1
    both = defaults.any() and not defaults.all()
    statistic = (
        float(ks_2samp(pd[~defaults], pd[defaults], alternative="greater", method="asymp").statistic)
        if both
        else math.nan
    )
    return SampleDiscrimination(len(label), int(defaults.sum()), area_interval(label, pd), statistic, source)


def decline_p_value(development: SampleDiscrimination, now: SampleDiscrimination) -> float:
    """Probability of an ROC-AUC as low as now, if the true one is that of the development.

    Normal, with the standard error of the present ROC-AUC; the development's counts as exact: European Central Bank,
    Instructions for reporting the validation results of internal models, 2019, section 2.5. Of a fall, with that of the
    development's area for the present counts where it is larger: one default that ranks last has no error of its own.

    Returns:
        The one-sided p-value; NaN where an area, or any error, is not defined.
    """
    from scipy.stats import norm

    area = now.roc_auc.value
    fall = development.roc_auc.value - area
    if math.isnan(fall):
        return math.nan
    areas = (area, development.roc_auc.value) if fall > 0 else (area,)
    error = max(auc_error(one, now.defaults, now.rows - now.defaults) for one in areas)
    return float(norm.sf(fall / error)) if error > 0 else math.nan
