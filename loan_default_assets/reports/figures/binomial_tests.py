"""Tests of one PD against the defaults observed on its loans, as validators apply them to a rating grade.

All of them take defaults as independent of each other, so they reject more often than they should where loans default
together, and their null hypothesis is that the PD is not too low: they reject where loans default more often.
"""

from __future__ import annotations

from dataclasses import dataclass

from loan_default_assets.reports.figures.calibration_bands import CalibrationBand
from loan_default_assets.reports.figures.drift import Light

LEVEL = 0.05
RED_LEVEL = 0.001


@dataclass(frozen=True)
class BandTests:
    """The tests of one band of loans.

    Attributes:
        jeffreys: p-value of Jeffreys' test.
        binomial: p-value of the binomial test.
        light: The traffic light.
    """

    jeffreys: float
    binomial: float
    light: Light


def jeffreys_p_value(defaults: int, rows: int, pd: float) -> float:
    """Probability that the default rate is at most the PD, from Jeffreys' prior and the observed defaults.

    The distribution function of Beta(defaults + 1/2, rows - defaults + 1/2) at the PD: European Central Bank,
    Instructions for reporting the validation results of internal models, 2019, section 2.5.

    Args:
        defaults: Defaults, at most `rows`.
        rows: Loans.
        pd: Mean PD, in 0..1.

    Examples:
        >>> round(jeffreys_p_value(1, 10, 0.011), 3), round(jeffreys_p_value(1, 10, 0.3813), 3)
        (0.025, 0.975)
    """
    from scipy.special import betainc

    return float(betainc(defaults + 0.5, rows - defaults + 0.5, pd))


def binomial_p_value(defaults: int, rows: int, pd: float) -> float:
    """Probability of at least so many defaults where each loan defaults with the PD.

    Basel Committee on Banking Supervision, Studies on the Validation of Internal Rating Systems, Working Paper 14,
    2005.

    Args:
        defaults: Defaults, at most `rows`.
        rows: Loans.
        pd: Mean PD, in 0..1.

    Examples:
        >>> round(binomial_p_value(5, 250, 0.01), 3)
        0.108
    """
    from scipy.stats import binom

    return float(binom.sf(defaults - 1, rows, pd))


def traffic_light(p_value: float) -> Light:
    """Red, amber or green as the binomial p-value is at most 0.001, at most 0.05, or above.

    Tasche, A traffic lights approach to PD validation, 2003, with his confidence levels of 95 % and 99.9 %, and without
    correlation of defaults.

    Args:
        p_value: That of `binomial_p_value`.

    Examples:
        >>> [traffic_light(binomial_p_value(defaults, 250, 0.01)) for defaults in (5, 6, 10)]
        ['green', 'amber', 'red']
    """
    if p_value <= RED_LEVEL:
        return "red"
    return "amber" if p_value <= LEVEL else "green"


def band_tests(band: CalibrationBand) -> BandTests:
    """All tests of a band."""
    counts = band.defaults, band.rows, band.mean_pd
    binomial = binomial_p_value(*counts)
    return BandTests(jeffreys_p_value(*counts), binomial, traffic_light(binomial))
