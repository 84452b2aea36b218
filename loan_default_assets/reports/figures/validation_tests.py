"""The tests of a validation: value, pass line and result of each, from the figures of the workbook."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, gt, le
from typing import Literal

from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.reports.figures.binomial_tests import LEVEL, band_tests
from loan_default_assets.reports.figures.calibration_bands import CalibrationBand
from loan_default_assets.reports.figures.drift import AMBER
from loan_default_assets.reports.figures.group_figures import holm
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.sample_discrimination import decline_p_value
from loan_default_assets.reports.figures.validation_figures import ValidationFigures

Subject = Literal["discrimination", "calibration", "stability", "representativeness", "data_quality"]
Relation = Literal[">", "≥", "≤"]
_HOLDS: dict[Relation, Callable[[float, float], bool]] = {">": gt, "≥": ge, "≤": le}
# Change of the share of missing values or unknown categories; no published limit.
MOST_SHIFT = 0.05
# The metrics of the rows scored now against the recorded ones.
ROUNDING = 1e-6


@dataclass(frozen=True)
class ValidationTest:
    """One test.

    Attributes:
        name: Key of its title and definition.
        subject: Sheet to which it belongs.
        value: What was measured; NaN where it is not defined.
        relation: How the value must stand to the limit.
        limit: The pass line; None for a value that is reported only.
        source: Where the value comes from.
    """

    name: str
    subject: Subject
    value: float
    relation: Relation
    limit: float | None
    source: FigureSource

    @property
    def passed(self) -> bool | None:
        """Whether the pass line is met; None without one, or where value or line are not defined."""
        if self.limit is None or math.isnan(self.value) or math.isnan(self.limit):
            return None
        return _HOLDS[self.relation](self.value, self.limit)


def validation_tests(figures: ValidationFigures) -> tuple[ValidationTest, ...]:
    """All tests whose figures could be computed, by subject."""
    return (
        *_discrimination(figures),
        *_calibration(figures),
        *_stability(figures),
        *_representativeness(figures),
        *_data_quality(figures),
    )


def _limits(figures: ValidationFigures) -> PromotionLimits:
    """The recorded limits of the promotion policy, or its defaults where none were recorded."""
    gates = figures.report.gates
    return PromotionLimits() if isinstance(gates, Omitted) else gates.limits


def _discrimination(figures: ValidationFigures) -> Iterator[ValidationTest]:
    recorded = figures.report.evaluation
    for row in recorded.metrics:
        if row.name == "roc_auc":
            floor = _limits(figures).auc_floor
            yield ValidationTest("auc_low", "discrimination", row.interval.low, ">", floor, recorded.source)
    now, development = figures.now, figures.development
    if isinstance(now, Omitted):
        return
    yield ValidationTest("gini_low", "discrimination", now.gini.low, ">", 0.0, now.source)
    yield ValidationTest("ks", "discrimination", now.ks, ">", now.ks_bound, now.source)
    if not isinstance(development, Omitted):
        fallen = decline_p_value(development, now)
        yield ValidationTest("auc_decline", "discrimination", fallen, "≥", LEVEL, development.source)


def _calibration(figures: ValidationFigures) -> Iterator[ValidationTest]:
    found, grades = figures.report.calibration, figures.report.grades
    if not isinstance(found, Omitted):
        whole = band_tests(
            CalibrationBand(
                sum(band.rows for band in found.bands),
                sum(band.defaults for band in found.bands),
                found.mean_pd,
                found.observed,
            )
        )
        for name, value in (
            ("jeffreys", whole.jeffreys),
            ("binomial", whole.binomial),
            ("hosmer_lemeshow", found.p_value),
        ):
            yield ValidationTest(name, "calibration", value, "≥", LEVEL, found.source)
        if found.line:
            line = found.line.p_value
            yield ValidationTest("calibration_line", "calibration", line, "≥", LEVEL, found.source)
        yield ValidationTest(
            "brier_skill", "calibration", found.resolution - found.reliability, ">", 0.0, found.source
        )
    if not isinstance(grades, Omitted):
        tests = [band_tests(grade.band) for grade in grades.grades if grade.band]
        for name, values in (
            ("jeffreys_grades", [test.jeffreys for test in tests]),
            ("binomial_grades", [test.binomial for test in tests]),
        ):
            lowest = min(holm(values), default=math.nan)
            yield ValidationTest(name, "calibration", lowest, "≥", LEVEL, grades.source)
        red = sum(test.light == "red" for test in tests)
        yield ValidationTest("traffic_light", "calibration", red, "≤", 0, grades.source)


def _stability(figures: ValidationFigures) -> Iterator[ValidationTest]:
    drift, grades, migration = figures.report.drift, figures.report.grades, figures.migration
    if not isinstance(drift, Omitted):
        index = drift.window_score
        limit = max(AMBER, index.chance)
        yield ValidationTest("psi", "stability", index.value, "≤", limit, drift.source)
        drifted = sum(one.window.light in ("amber", "red") for one in drift.features)
        yield ValidationTest("csi", "stability", drifted, "≤", 0, drift.source)
    if not isinstance(grades, Omitted):
        yield ValidationTest("grade_order", "stability", grades.inversion_p_value, "≥", LEVEL, grades.source)
    if not isinstance(migration, Omitted):
        near = migration.share(-1, 1)
        yield ValidationTest("migration_near", "stability", near, "≥", None, migration.source)


def _representativeness(figures: ValidationFigures) -> Iterator[ValidationTest]:
    if isinstance(figures.profiles, Omitted):
        return
    shifts = [one.shift for one in figures.profiles.features if not math.isnan(one.shift)]
    yield ValidationTest(
        "missing_shift",
        "representativeness",
        max(shifts, default=math.nan),
        "≤",
        MOST_SHIFT,
        figures.profiles.source,
    )


def _data_quality(figures: ValidationFigures) -> Iterator[ValidationTest]:
    evaluation, limits = figures.report.evaluation, _limits(figures)
    for name, count, fewest in (
        ("window_rows", evaluation.rows, limits.sample_threshold),
        ("window_defaults", evaluation.positives, limits.positive_threshold),
    ):
        yield ValidationTest(name, "data_quality", count, "≥", fewest, evaluation.source)
    if figures.report.reproduced is not None:
        yield ValidationTest(
            "reproduced", "data_quality", figures.report.reproduced, "≤", ROUNDING, evaluation.source
        )
