"""Whether PDs are what is observed: default rates by band of PD, and the tests a validator asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.calibration_line import CalibrationLine, calibration_line
from loan_default_assets.reports.figures.proportions import FigureSource, Interval, jeffreys_interval

BANDS = 10


@dataclass(frozen=True)
class CalibrationBand:
    """Loans with neighbouring PDs.

    Attributes:
        rows: Loans.
        defaults: Defaults among them.
        mean_pd: Predicted default rate.
        observed: Default rate with Jeffreys' 95 % interval.
    """

    rows: int
    defaults: int
    mean_pd: float
    observed: Interval

    @property
    def within(self) -> bool:
        """Whether the predicted rate lies in the interval of the observed one."""
        return self.observed.low <= self.mean_pd <= self.observed.high


@dataclass(frozen=True)
class CalibrationFigures:
    """Calibration on the evaluation window.

    Attributes:
        bands: Tenths of the loans, from the lowest PD up.
        mean_pd: Predicted default rate of all loans.
        observed: Default rate of all loans, with its interval.
        hosmer_lemeshow: Chi-squared statistic over the bands.
        p_value: Its p-value with as many degrees of freedom as bands, since no band was fitted.
        reliability: Part of the Brier score that calibration adds; 0 where every band is calibrated.
        resolution: Part that discrimination takes away.
        uncertainty: Brier score of the default rate alone.
        line: Intercept and slope on the log-odds; None where they are not defined.
    """

    bands: tuple[CalibrationBand, ...]
    mean_pd: float
    observed: Interval
    hosmer_lemeshow: float
    p_value: float
    reliability: float
    resolution: float
    uncertainty: float
    line: CalibrationLine | None
    source: FigureSource


def calibration_figures(label: np.ndarray, pd: np.ndarray, source: FigureSource) -> CalibrationFigures:
    """Calibration by tenths of the loans.

    Args:
        label: (n,) 0 or 1, n at least 1.
        pd: (n,) PDs.
        source: Where labels and PDs come from.
    """
    from scipy.stats import chi2

    defaults = label == 1
    bands = [
        calibration_band(defaults[part], pd[part])
        for part in np.array_split(np.argsort(pd, kind="stable"), BANDS)
        if len(part)
    ]
    rate = float(defaults.mean())
    weight = np.array([band.rows for band in bands]) / len(label)
    observed = np.array([band.observed.value for band in bands])
    predicted = np.array([band.mean_pd for band in bands])
    spread = (predicted * (1 - predicted)).clip(1e-12)
    statistic = float((weight * len(label) * (observed - predicted) ** 2 / spread).sum())
    return CalibrationFigures(
        bands=tuple(bands),
        mean_pd=float(pd.mean()),
        observed=jeffreys_interval(int(defaults.sum()), len(label)),
        hosmer_lemeshow=statistic,
        p_value=float(chi2.sf(statistic, len(bands))),
        reliability=float((weight * (predicted - observed) ** 2).sum()),
        resolution=float((weight * (observed - rate) ** 2).sum()),
        uncertainty=rate * (1 - rate),
        line=calibration_line(label, pd),
        source=source,
    )


def calibration_band(defaults: np.ndarray, pd: np.ndarray) -> CalibrationBand:
    """One band.

    Args:
        defaults: (n,) bool.
        pd: (n,) PDs.
    """
    count = int(defaults.sum())
    return CalibrationBand(len(pd), count, float(pd.mean()), jeffreys_interval(count, len(pd)))
