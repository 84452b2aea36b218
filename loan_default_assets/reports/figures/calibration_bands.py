"""Whether PDs are what is observed: default rates by band of PD, and the tests a validator asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.calibration_line import CalibrationLine, calibration_line
from loan_default_assets.reports.figures.proportions import FigureSource, Interval, jeffreys_interval

BANDS = 10
# With fewer expected defaults or other loans in a band, the statistic is not distributed as chi-squared (Cochran 1954).
FEWEST_EXPECTED = 5
DRAWS = 10_000


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
        p_value: Its p-value with as many degrees of freedom as bands, since no band was fitted; the share of 10,000
            draws by the bands' mean PDs where one of them has fewer than 5 expected defaults or other loans.
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
    defaults = label == 1
    bands = [
        calibration_band(defaults[part], pd[part])
        for part in np.array_split(np.argsort(pd, kind="stable"), BANDS)
        if len(part)
    ]
    rate = float(defaults.mean())
    rows = np.array([band.rows for band in bands])
    weight = rows / len(label)
    observed = np.array([band.observed.value for band in bands])
    predicted = np.array([band.mean_pd for band in bands])
    statistic = float(_hosmer_lemeshow(rows, observed, predicted))
    return CalibrationFigures(
        bands=tuple(bands),
        mean_pd=float(pd.mean()),
        observed=jeffreys_interval(int(defaults.sum()), len(label)),
        hosmer_lemeshow=statistic,
        p_value=_p_value(statistic, rows, predicted),
        reliability=float((weight * (predicted - observed) ** 2).sum()),
        resolution=float((weight * (observed - rate) ** 2).sum()),
        uncertainty=rate * (1 - rate),
        line=calibration_line(label, pd),
        source=source,
    )


def _hosmer_lemeshow(rows: np.ndarray, observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The statistic, summed over the last axis of the bands' default rates."""
    spread = (predicted * (1 - predicted)).clip(1e-12)
    statistic: np.ndarray = (rows * (observed - predicted) ** 2 / spread).sum(-1)
    return statistic


def _p_value(statistic: float, rows: np.ndarray, predicted: np.ndarray) -> float:
    from scipy.stats import chi2

    if (rows * np.minimum(predicted, 1 - predicted)).min() >= FEWEST_EXPECTED:
        return float(chi2.sf(statistic, len(rows)))
    rates = np.random.default_rng(0).binomial(rows, predicted, (DRAWS, len(rows))) / rows
    # The measured statistic is one of the draws, and equal ones differ by rounding.
    beyond = int((_hosmer_lemeshow(rows, rates, predicted) >= statistic - 1e-9).sum())
    return (1 + beyond) / (1 + DRAWS)


def calibration_band(defaults: np.ndarray, pd: np.ndarray) -> CalibrationBand:
    """One band.

    Args:
        defaults: (n,) bool.
        pd: (n,) PDs.
    """
    count = int(defaults.sum())
    return CalibrationBand(len(pd), count, float(pd.mean()), jeffreys_interval(count, len(pd)))
