"""Rating grades: bands of PD whose bounds come from validation rows and whose default rates rise with the grade."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loan_default_assets.reports.figures.calibration_bands import CalibrationBand, calibration_band
from loan_default_assets.reports.figures.group_figures import holm
from loan_default_assets.reports.figures.proportions import FigureSource

GRADES = 10


@dataclass(frozen=True)
class RatingGrade:
    """One grade on the evaluation window.

    Attributes:
        number: From 1, the lowest risk.
        lowest_pd: Lower bound, inclusive.
        highest_pd: Upper bound, exclusive; of the last grade 1, inclusive.
        band: Its loans; None where the window has none.
    """

    number: int
    lowest_pd: float
    highest_pd: float
    band: CalibrationBand | None


@dataclass(frozen=True)
class RatingGrades:
    """The grades, and how well the window keeps their order.

    Attributes:
        grades: From the lowest risk up.
        requested: Grades before neighbours were merged for a rising default rate.
        inversions: Grades of the window with a lower default rate than a grade of less risk beside them.
        inversion_p_value: Smallest one-sided p-value of Fisher's exact test of neighbours, with Holm's correction: how
            often neighbours of the same default rate look as inverted; 1 without inversions.
    """

    grades: tuple[RatingGrade, ...]
    requested: int
    inversions: int
    inversion_p_value: float
    source: FigureSource


def rating_grades(
    validation_label: np.ndarray,
    validation_pd: np.ndarray,
    label: np.ndarray,
    pd: np.ndarray,
    source: FigureSource,
) -> RatingGrades:
    """Ten bands of equally many validation rows, merged until no default rate falls; filled with the window's loans.

    Args:
        validation_label: (m,) 0 or 1: validation rows, on which the bounds are chosen.
        validation_pd: (m,) their PDs.
        label: (n,) 0 or 1: the evaluation window.
        pd: (n,) its PDs.
        source: Where labels and PDs come from.
    """
    bounds = grade_bounds(validation_label, validation_pd)
    number = np.searchsorted(bounds, pd, side="right")
    edges = (0.0, *bounds.tolist(), 1.0)
    grades = []
    for index in range(len(bounds) + 1):
        rows = number == index
        band = calibration_band(label[rows] == 1, pd[rows]) if rows.any() else None
        grades.append(RatingGrade(index + 1, edges[index], edges[index + 1], band))
    neighbours = list(pairwise(grade.band for grade in grades if grade.band))
    inverted = [after.observed.value < before.observed.value for before, after in neighbours]
    p_values = holm([_inversion_p_value(*each) for each in neighbours])
    return RatingGrades(
        tuple(grades),
        GRADES,
        sum(inverted),
        min((p_value for p_value, is_one in zip(p_values, inverted, strict=True) if is_one), default=1.0),
        source,
    )


def _inversion_p_value(before: CalibrationBand, after: CalibrationBand) -> float:
    """Of at most as many defaults in the grade of more risk, were both of one default rate."""
    from scipy.stats import hypergeom

    rows, defaults = before.rows + after.rows, before.defaults + after.defaults
    return float(hypergeom.cdf(after.defaults, rows, defaults, after.rows))


def grade_bounds(label: np.ndarray, pd: np.ndarray, grades: int = GRADES) -> np.ndarray:
    """Lower PDs of the second grade and those above it, ascending.

    Neighbouring bands whose default rates fall are pooled, as in isotonic regression.

    Args:
        label: (n,) 0 or 1.
        pd: (n,) PDs.
        grades: Bands to begin with.

    Examples:
        >>> pd = np.repeat([0.1, 0.2, 0.3], 10)
        >>> grade_bounds(np.repeat([0, 1, 0], 10), pd, grades=3).tolist()
        [0.2]
    """
    bounds = np.unique(np.quantile(pd, np.linspace(0, 1, grades + 1)[1:-1], method="higher"))
    bounds = bounds[bounds > pd.min()] if len(pd) else bounds
    number = np.searchsorted(bounds, pd, side="right")
    rows = np.bincount(number, minlength=len(bounds) + 1)
    defaults = np.bincount(number, weights=label == 1, minlength=len(bounds) + 1)
    pooled: list[tuple[float, float]] = []
    kept: list[float] = []
    for index in range(len(rows)):
        group = (float(defaults[index]), float(rows[index]))
        if index:
            kept.append(float(bounds[index - 1]))
        while pooled and group[0] * pooled[-1][1] < pooled[-1][0] * group[1]:
            before = pooled.pop()
            group = (group[0] + before[0], group[1] + before[1])
            kept.pop()
        pooled.append(group)
    return np.array(kept)
