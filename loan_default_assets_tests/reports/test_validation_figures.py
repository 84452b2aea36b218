"""Statistics of the validation workbook against published examples, SciPy and counts by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binomtest, norm

from loan_default_assets.model.auc_interval import auc_error
from loan_default_assets.reports.figures.binomial_tests import (
    band_tests,
    binomial_p_value,
    jeffreys_p_value,
    traffic_light,
)
from loan_default_assets.reports.figures.calibration_bands import calibration_band, calibration_figures
from loan_default_assets.reports.figures.drift import Light
from loan_default_assets.reports.figures.feature_profiles import feature_profiles
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.grade_migration import grade_migration
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import Interval, jeffreys_interval
from loan_default_assets.reports.figures.rating_grades import RatingGrade, RatingGrades, rating_grades
from loan_default_assets.reports.figures.sample_discrimination import (
    SampleDiscrimination,
    decline_p_value,
    sample_discrimination,
)
from loan_default_assets.reports.figures.validation_tests import (
    Relation,
    ValidationTest,
    validation_tests,
)
from loan_default_assets_tests.reports.sample_figures import HERE, report_figures
from loan_default_assets_tests.reports.sample_validation import validation_figures


@pytest.mark.parametrize(
    ("exceptions", "published"),
    [(1, 0.919), (2, 0.714), (3, 0.457), (4, 0.242), (5, 0.108), (6, 0.041), (7, 0.014), (8, 0.004)],
)
def test_binomial_p_values_are_those_of_the_basel_committee(exceptions: int, published: float) -> None:
    # Supervisory framework for the use of backtesting, 1996, table 1: 250 observations at 1 %, type 1 error.
    assert binomial_p_value(exceptions, 250, 0.01) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(
    ("defaults", "rows", "pd"),
    [(0, 40, 0.02), (3, 40, 0.02), (40, 40, 0.5), (130, 1_000, 0.1), (7, 9, 0.999)],
)
def test_p_values_equal_those_of_scipy(defaults: int, rows: int, pd: float) -> None:
    exact = binomtest(defaults, rows, pd, alternative="greater").pvalue
    assert binomial_p_value(defaults, rows, pd) == pytest.approx(exact)
    assert jeffreys_p_value(defaults, rows, pd) == pytest.approx(
        beta.cdf(pd, defaults + 0.5, rows - defaults + 0.5)
    )


@pytest.mark.parametrize(("defaults", "rows"), [(1, 10), (5, 100), (60, 200)])
def test_the_jeffreys_test_agrees_with_the_interval(defaults: int, rows: int) -> None:
    found = jeffreys_interval(defaults, rows)
    assert jeffreys_p_value(defaults, rows, found.low) == pytest.approx(0.025)
    assert jeffreys_p_value(defaults, rows, found.high) == pytest.approx(0.975)


@pytest.mark.parametrize(
    ("defaults", "light"), [(0, "green"), (5, "green"), (6, "amber"), (9, "amber"), (10, "red"), (250, "red")]
)
def test_traffic_lights_by_the_basel_table(defaults: int, light: Light) -> None:
    # Type 1 errors of the same table: 10.8 % at 5, 4.1 % at 6, 0.1 % at 9 (0.11 %), 0.03 % at 10.
    assert traffic_light(binomial_p_value(defaults, 250, 0.01)) == light
    label = np.arange(250) < defaults
    assert band_tests(calibration_band(label, np.full(250, 0.01))).light == light


def test_a_migration_by_hand() -> None:
    bounds = (0.0, 0.1, 0.3, 1.0)
    grades = RatingGrades(
        tuple(RatingGrade(n + 1, bounds[n], bounds[n + 1], None) for n in range(3)), 10, 0, 1.0, HERE
    )
    # A bound belongs to the grade above it.
    now = np.array([0.05, 0.1, 0.2, 0.3, 0.9, 0.0])
    before = np.array([0.05, 0.05, 0.3, 0.05, 1.0, 0.1])
    found = grade_migration(grades, now, before, other="c0", source=HERE)
    assert found.loans == ((1, 1, 1), (1, 0, 0), (0, 1, 1))
    assert found.share(0, 0) == pytest.approx(2 / 6)
    assert found.share(-1, 1) == pytest.approx(5 / 6)
    assert (found.share(1, 9), found.share(-9, -1)) == (pytest.approx(2 / 6), pytest.approx(2 / 6))


def test_the_grades_of_a_migration_are_those_of_the_report() -> None:
    grades = report_figures().grades
    assert not isinstance(grades, Omitted)
    for grade in grades.grades:
        pd = np.array([grade.lowest_pd])
        assert (
            grade_migration(grades, pd, pd, other="c0", source=HERE).loans[grade.number - 1][grade.number - 1]
            == 1
        )


def test_profiles_by_hand() -> None:
    numerical = np.array([[1.0], [3.0], [np.nan], [np.nan], [5.0]])
    categorical = np.array([[0], [1], [2], [3], [1]])
    features = [Feature("a", "number", "a", "a"), Feature("b", "category", "b", "b", "", ("x", "y"))]
    number, code = feature_profiles(features, numerical, categorical, np.arange(3), np.array([3, 4]))
    assert (number.training.missing, number.window.missing) == (pytest.approx(1 / 3), 0.5)
    assert (number.training.mean, number.training.deviation, number.window.mean) == (2.0, 1.0, 5.0)
    assert math.isnan(number.training.unknown)
    assert (code.training.missing, code.training.unknown) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (code.window.missing, code.window.unknown) == (0.0, 0.5)
    assert number.shift == pytest.approx(1 / 6)
    assert code.shift == pytest.approx(1 / 3)
    empty = feature_profiles(features, numerical, categorical, np.arange(0), np.arange(3))
    assert all(math.isnan(one.shift) for one in empty)


def sample(area: float, defaults: int = 20) -> SampleDiscrimination:
    return SampleDiscrimination(100, defaults, Interval(area, math.nan, math.nan), 0.4, HERE)


@pytest.mark.parametrize(
    ("development", "now", "defaults"), [(0.8, 0.8, 20), (0.8, 0.75, 20), (0.75, 0.8, 50), (0.99, 0.97, 3)]
)
def test_a_decline_is_normal_with_the_present_error(development: float, now: float, defaults: int) -> None:
    expected = 1 - norm.cdf((development - now) / auc_error(now, defaults, 100 - defaults))
    assert decline_p_value(sample(development), sample(now, defaults)) == pytest.approx(expected)


@pytest.mark.parametrize(("development", "now"), [(0.8, math.nan), (math.nan, 0.8), (0.8, 1.0), (1.0, 0.0)])
def test_a_decline_without_an_error_is_not_defined(development: float, now: float) -> None:
    assert math.isnan(decline_p_value(sample(development), sample(now)))


@pytest.mark.parametrize("now", [0.0, 0.03])
def test_one_default_that_ranks_last_has_the_error_of_the_development(now: float) -> None:
    expected = 1 - norm.cdf((0.7 - now) / auc_error(0.7, 1, 99))
    assert decline_p_value(sample(0.7), sample(now, 1)) == pytest.approx(expected)
    assert expected > 1e-3


def test_discrimination_of_a_sample_without_information_is_below_the_bound() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(400) < 0.3).astype(int)
    found = sample_discrimination(label, rng.random(400), HERE)
    m, n = found.defaults, found.rows - found.defaults
    # Smirnov's formula for large samples.
    assert found.ks_bound == pytest.approx(1.3581 * math.sqrt((m + n) / (m * n)), rel=0.02)
    assert sample(0.9, 1).ks_bound == pytest.approx(0.975)
    assert found.ks < found.ks_bound
    assert found.gini.low < 0 < found.gini.high
    assert found.gini.value == pytest.approx(2 * found.roc_auc.value - 1)


@pytest.mark.parametrize(
    ("value", "relation", "limit", "passed"),
    [
        (0.05, "≥", 0.05, True),
        (0.049, "≥", 0.05, False),
        (0.5, ">", 0.5, False),
        (0.1, "≤", 0.1, True),
        (0.11, "≤", 0.1, False),
        (math.nan, "≥", 0.05, None),
        (0.2, "≤", math.nan, None),
        (0.2, "≥", None, None),
    ],
)
def test_pass_lines(value: float, relation: Relation, limit: float | None, passed: bool | None) -> None:
    assert ValidationTest("psi", "stability", value, relation, limit, HERE).passed is passed


def test_pds_that_are_too_low_fail_the_tests_of_calibration() -> None:
    def results(**changes: object) -> dict[str, bool | None]:
        report = report_figures(**changes)
        return {test.name: test.passed for test in validation_tests(validation_figures(report=report))}

    names = (
        "jeffreys", "binomial", "calibration_line", "jeffreys_grades", "binomial_grades", "traffic_light"
    )  # fmt: skip
    right, wrong = results(), results(**too_low())
    assert {right[name] for name in names} == {True}
    assert {wrong[name] for name in names} == {False}
    assert right["window_rows"] is True
    assert right["auc_low"] is False


def test_one_wrong_grade_fails_the_tests_of_the_grades() -> None:
    grades = report_figures().grades
    assert not isinstance(grades, Omitted)
    wrong = calibration_band(np.arange(200) < 60, np.full(200, 0.1))
    changed = (replace(grades.grades[0], band=wrong), *grades.grades[1:])
    report = report_figures(grades=replace(grades, grades=changed))
    tests = {test.name: test for test in validation_tests(validation_figures(report=report))}
    # Holm's correction of the smallest p-value is the number of grades.
    assert tests["jeffreys_grades"].value == pytest.approx(len(changed) * jeffreys_p_value(60, 200, 0.1))
    assert tests["binomial_grades"].value == pytest.approx(len(changed) * binomial_p_value(60, 200, 0.1))
    assert tests["traffic_light"].value == 1
    names = ("jeffreys_grades", "binomial_grades", "traffic_light")
    assert {tests[name].passed for name in names} == {False}


def too_low() -> dict[str, object]:
    rng = np.random.default_rng(8)
    pd = rng.uniform(0.02, 0.4, 2_000)
    label = (rng.random(2_000) < np.sqrt(pd)).astype(int)
    return {
        "calibration": calibration_figures(label, pd, HERE),
        "grades": rating_grades(label, pd, label, pd, HERE),
    }


def test_figures_that_are_not_there_give_no_test() -> None:
    reason = Omitted("omitted.no_rows")
    report = report_figures(
        **dict.fromkeys(("discrimination", "calibration", "grades", "drift"), reason), reproduced=None
    )
    found = validation_figures(now=reason, development=reason, migration=reason, profiles=reason)
    names = [test.name for test in validation_tests(replace(found, report=report))]
    assert names == ["auc_low", "window_rows", "window_defaults"]
