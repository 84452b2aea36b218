"""Drift, groups, vintages and effects of features: against definitions by hand, and planted cases."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.metrics import f1_score, roc_auc_score

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.reports.figures import feature_effects as effects_module
from loan_default_assets.reports.figures.drift import (
    category_index,
    drift_periods,
    feature_drift,
    periods,
    stability_index,
)
from loan_default_assets.reports.figures.feature_effects import feature_effects
from loan_default_assets.reports.figures.feature_table import (
    Feature,
    group_codes,
    group_numbers,
    group_texts,
)
from loan_default_assets.reports.figures.group_figures import (
    column_groups,
    holm,
    implied_area,
    weak_segments,
)
from loan_default_assets.reports.figures.proportions import FigureSource, Interval, sample_mean
from loan_default_assets.reports.figures.vintages import vintages
from loan_default_assets.reports.rendering.blocks import Paragraph
from loan_default_assets.reports.rendering.history_sections import vintages_section
from loan_default_assets.reports.rendering.messages import Language
from loan_default_assets.reports.rendering.model_sections import group_title
from loan_default_assets_tests.reports.sample_figures import report_figures

HERE = FigureSource("a table", "a row")
AMOUNT = Feature("amount", "number", "Amount", "금액", "USD")
GRADE = Feature("grade", "category", "Grade", "등급", "", ("a", "b", "c"))


def days(first: str, count: int) -> np.ndarray:
    return np.datetime64(first, "D") + np.arange(count)


@pytest.mark.parametrize(
    ("count", "most", "names"),
    [
        (3, 18, ["2026-01-30", "2026-01-31", "2026-02-01"]),
        (20, 5, ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16"]),
        (60, 4, ["2026-01-01", "2026-02-01", "2026-03-01"]),
        (200, 4, ["2026-01-01", "2026-04-01", "2026-07-01"]),
        (800, 4, ["2026-01-01", "2027-01-01", "2028-01-01"]),
    ],
)
def test_the_finest_period_that_gives_few_enough(count: int, most: int, names: list[str]) -> None:
    found = periods(days("2026-01-30", count), most)
    assert list(found.names) == names
    assert sorted(np.concatenate(found.index)) == list(range(count))


def test_rows_without_dates_have_no_periods() -> None:
    assert periods(np.full(3, "NaT", "datetime64[D]")).names == ()


def test_psi_by_hand() -> None:
    before, after = np.repeat([0, 1], [60, 40]), np.repeat([0, 1], [30, 70])
    found = category_index(before, after, 2)
    share = (60.5 / 101, 30.5 / 101)
    by_hand = (share[1] - share[0]) * math.log(share[1] / share[0])
    by_hand += (share[0] - share[1]) * math.log((1 - share[1]) / (1 - share[0]))
    assert found.value == pytest.approx(by_hand)
    assert found.light == "red"


def test_an_index_of_few_rows_is_undefined() -> None:
    found = stability_index(np.arange(1_000.0), np.arange(20.0))
    assert math.isnan(found.value)
    assert found.light is None


@pytest.mark.parametrize("values", [2, 5])
def test_a_number_of_few_values_has_the_bound_of_its_bins(values: int) -> None:
    rng = np.random.default_rng(4)
    before, after = rng.integers(0, values, 500), rng.integers(0, values, 60)
    number = stability_index(before.astype(float), after.astype(float))
    category = category_index(before, after, values)
    assert number.value == pytest.approx(category.value)
    assert number.chance == category.chance


def test_without_drift_chance_is_exceeded_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    for draw in (rng.normal, lambda size: np.floor(rng.exponential(4, size))):
        found = [stability_index(draw(size=800), draw(size=400)) for _ in range(800)]
        beyond = np.mean([index.value > index.chance for index in found])
        # The standard deviation of the share is 0.008.
        assert 0.03 < beyond < 0.07


def test_a_bin_that_is_empty_in_both_samples_counts_for_nothing() -> None:
    before, after = np.arange(2_000.0), np.arange(2_000.0)[::33]
    found = stability_index(before, after)
    counts = np.bincount((after // 200).astype(int), minlength=10)
    expected, actual = np.full(10, 200.5) / 2_005, (counts + 0.5) / (len(after) + 5)
    assert found.value == pytest.approx(((actual - expected) * np.log(actual / expected)).sum(), abs=1e-3)
    assert found.chance == pytest.approx(chi2.ppf(0.95, 9) * (1 / 2_000 + 1 / len(after)))
    missing = stability_index(np.append(before, np.nan), after)
    assert missing.chance == pytest.approx(chi2.ppf(0.95, 10) * (1 / 2_001 + 1 / len(after)))
    # Half of the values are zero: five of the quantiles are one.
    tied = stability_index(np.where(before < 1_000, 0, before), np.where(after < 1_000, 0, after))
    assert tied.chance == pytest.approx(chi2.ppf(0.95, 5) * (1 / 2_000 + 1 / len(after)))


def test_planted_drift_is_named_first_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    train, window = np.arange(2_000), np.arange(2_000, 4_000)
    numerical = rng.normal(size=(4_000, 2))
    numerical[window, 1] += 1.0
    categorical = rng.integers(2, 5, (4_000, 1))
    features = [AMOUNT, Feature("debt", "number", "Debt", "부채"), GRADE]
    by_period = periods(np.repeat(days("2026-01-01", 4), 1_000))
    found = feature_drift(features, numerical, categorical, train, window, by_period)
    assert (found[0].feature.name, found[0].window.light) == ("debt", "red")
    assert {one.window.light for one in found[1:]} == {"green"}
    assert [index.light for index in found[0].periods] == ["green", "green", "red", "red"]


def test_periods_count_matured_loans_only() -> None:
    by_period = periods(np.repeat(days("2026-01-01", 2), 100))
    label = np.tile([1, 0, 0, 0], 50)
    matured = np.arange(200) < 140
    pd = np.full(200, np.nan)
    pd[:150] = 0.25
    first, second = drift_periods(by_period, label, matured, pd, np.full(100, 0.25), date(2026, 1, 1))
    assert (first.rows, first.matured, first.default_rate.value) == (100, 100, 0.25)
    assert (second.rows, second.matured, second.default_rate.value) == (100, 40, 0.25)
    assert (first.in_training, second.in_training) == (True, False)
    # All of the first are scored, and a half of the second, whose PDs are equal.
    assert second.mean_pd == first.mean_pd == Interval(0.25, 0.25, 0.25)
    assert second.score is not None


def test_the_mean_of_a_sample_has_the_interval_of_that_of_all() -> None:
    rng = np.random.default_rng(2)
    everything = rng.beta(0.1, 0.6, 1_000)
    found = [sample_mean(rng.choice(everything, 400, replace=False), 1_000) for _ in range(400)]
    inside = sum(one.low <= everything.mean() <= one.high for one in found)
    # 95 %; without regard to the share that is drawn, the interval would hold 99 %.
    assert 365 <= inside <= 391
    assert sample_mean(everything, 1_000).low == everything.mean()
    assert math.isnan(sample_mean(everything[:1], 1_000).low)
    assert math.isnan(sample_mean(everything[:0], 0).value)


def test_groups_by_hand() -> None:
    rng = np.random.default_rng(4)
    label, pd = rng.integers(0, 2, 300), rng.random(300)
    sex = np.array(["1"] * 200 + ["2"] * 80 + ["3"] * 20)
    found = column_groups(group_texts("sex", sex.tolist()), "protected", label, pd, 0.5, HERE)
    assert (found.reference, [group.rows for group in found.groups]) == ("1", [200, 80, 20])
    first, second, small = found.groups
    assert second.f1 == pytest.approx(f1_score(label[200:280], pd[200:280] >= 0.5))
    assert second.approval_rate.value == (pd[200:280] < 0.5).mean()
    assert second.ratio.value == pytest.approx((pd[200:280] < 0.5).mean() / (pd[:200] < 0.5).mean())
    assert second.ratio.low < second.ratio.value < second.ratio.high
    assert (first.ratio.value, math.isnan(first.ratio.low)) == (1.0, True)
    # Nothing but the number of loans is said of a small group.
    assert (small.calibrated, small.defaults) == (None, -1)
    assert all(math.isnan(v) for v in (small.f1, small.mean_pd, small.observed.value, small.ratio.value))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1.0, 2.0, 2.0, float("nan")], ("1", "2", "missing")),
        (list(np.arange(100.0)), ("<\xa024.75", "24.75\xa0–\xa049.5", "49.5\xa0–\xa074.25", "≥\xa074.25")),
        ([float("nan")] * 3, ("missing",)),
        ([2024.0, 2025.0, 1.5e6, 2e-5], ("0.00002", "2024", "2025", "1,500,000")),
        ([1_000_001.0, 1_000_002.0, 1_000_002.0], ("1,000,001", "1,000,002")),
        (
            list(np.arange(100.0) * 1e5),
            (
                "<\xa02,475,000",
                "2,475,000\xa0–\xa04,950,000",
                "4,950,000\xa0–\xa07,425,000",
                "≥\xa07,425,000",
            ),
        ),
        ([0.0] * 90 + list(range(1, 11)), ("all",)),
    ],
)
def test_groups_of_numbers(values: list[float], names: tuple[str, ...]) -> None:
    found = group_numbers("amount", np.array(values))
    assert found.names == names
    assert found.group.max() < len(names)


def test_rows_are_in_the_group_of_their_number() -> None:
    found = group_numbers("amount", np.array([2.0, float("nan"), 1e7, 2.0]))
    assert [found.names[group] for group in found.group] == ["2", "missing", "10,000,000", "2"]


@pytest.mark.parametrize(("language", "words"), [("en", "all values"), ("ko", "모든 값")])
def test_a_group_of_all_values_is_named_in_the_language_of_the_reader(language: Language, words: str) -> None:
    [name] = group_numbers("amount", np.array([0.0] * 90 + list(range(1, 11)))).names
    assert group_title(name).text(language) == words


def test_groups_of_codes_name_missing_and_unknown() -> None:
    found = group_codes(GRADE, np.array([0, 1, 2, 4]))
    assert set(found.names) == {"missing", "unknown", "a", "c"}


def test_rare_values_are_one_group() -> None:
    texts = [str(i % 10) for i in range(1_000)] + [f"rare {i}" for i in range(10)]
    found = group_texts("city", texts)
    assert (len(found.names), found.names[-1]) == (12, "other")


def test_one_default_that_ranks_low_makes_no_weak_segment() -> None:
    """The error of the measured area would be next to none; that of the area that the PDs imply counts."""
    rng = np.random.default_rng(0)
    pd = np.tile(np.linspace(0.001, 0.013, 150), 10)
    branch = np.repeat(np.arange(10), 150)
    label = np.zeros(1_500, dtype=int)
    # Everywhere else the PDs discriminate.
    label[[150 * group + rng.integers(90, 150) for group in range(1, 10)]] = 1
    label[3] = 1
    names = group_texts("branch", [str(each) for each in branch])
    assert weak_segments([names], label, pd, HERE).found == ()
    label[:8] = 1
    assert [one.name for one in weak_segments([names], label, pd, HERE).found] == ["0"]


def test_a_planted_weak_segment_is_found_and_no_other() -> None:
    rng = np.random.default_rng(6)
    pd = rng.beta(1.5, 5, 6_000)
    label = (rng.random(6_000) < pd).astype(int)
    group = rng.integers(0, 5, 6_000)
    others = [group_numbers(f"column {i}", rng.normal(size=6_000)) for i in range(10)]
    groupings = [group_texts("branch", [str(g) for g in group]), group_numbers("pd", pd), *others]
    assert weak_segments(groupings, label, pd, HERE).found == ()
    label[group == 3] = (rng.random((group == 3).sum()) < np.minimum(2 * pd[group == 3], 1)).astype(int)
    worst = weak_segments(groupings, label, pd, HERE).found[0]
    assert (worst.column, worst.name) == ("branch", "3")
    assert worst.p_value < 0.001
    label = (rng.random(6_000) < pd).astype(int)
    # Right on average, and without information.
    label[group == 2] = rng.permutation(label[group == 2])
    worst = weak_segments(groupings, label, pd, HERE).found[0]
    assert (worst.column, worst.name) == ("branch", "2")
    assert worst.area.value < worst.implied_area
    assert worst.area_p_value < 0.001 < worst.p_value


@pytest.mark.parametrize(("share", "tested"), [(0.04, 0), (0.05, 1), (0.2, 2), (0.5, 2), (0.96, 0)])
def test_a_group_of_nearly_all_loans_is_no_segment(share: float, tested: int) -> None:
    group = np.arange(4_000) < share * 4_000
    label = np.arange(4_000) % 2
    found = weak_segments(
        [group_texts("branch", ["small" if small else "rest" for small in group])],
        label,
        np.full(4_000, 0.2),
        HERE,
    )
    assert found.tested == tested
    assert len(found.found) == tested


def test_every_weak_segment_is_found() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(12), 500)
    label = (rng.random(6_000) < np.where(group % 2, 0.5, 0.02)).astype(int)
    found = weak_segments(
        [group_texts("branch", [f"{g:02}" for g in group])], label, np.full(6_000, 0.2), HERE
    )
    assert len(found.found) == 12


def test_a_value_that_is_called_other_is_one_of_the_others() -> None:
    texts = ["other"] * 9 + [f"{n:02}" for n in range(15) for _ in range(15 - n)]
    found = group_texts("purpose", texts)
    assert found.names.count("other") == 1
    assert (found.group == found.names.index("other")).sum() > 9


def test_the_implied_area_is_that_of_labels_drawn_from_the_pds() -> None:
    rng = np.random.default_rng(8)
    # Many equal PDs, whose pairs count half.
    pd = rng.beta(1.5, 5, 200_000).round(1)
    assert implied_area(pd) == pytest.approx(roc_auc_score(rng.random(200_000) < pd, pd), abs=3e-3)


def test_holm_by_hand() -> None:
    # Holm (1979): the smallest of n times n, the next times n - 1, never falling.
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("dated", "sampled", "lead"),
    [(True, False, "curves"), (False, False, "fixed_horizon"), (True, True, "sampled")],
)
def test_vintages_by_hand(dated: bool, sampled: bool, lead: str) -> None:
    as_of = np.repeat(days("2026-01-01", 2), 4)
    label = np.array([1, 1, 0, 0, 1, 0, -1, -1])
    observed = as_of + np.array([2, 4, 4, 4, 2, 4, 4, 4])
    matured = np.array([True] * 6 + [False] * 2)
    found = vintages(
        as_of,
        label,
        observed,
        matured,
        np.datetime64("2026-01-05"),
        dated_outcomes=dated,
        source=HERE,
        sampled=sampled,
    )
    section = vintages_section(replace(report_figures(), vintages=found))
    assert isinstance(section.blocks[0], Paragraph)
    assert section.blocks[0].message.key == f"vintages.{lead}"
    first, second = found.vintages
    assert (first.rows, first.matured, first.default_rate.value) == (4, 4, 0.5)
    assert (second.rows, second.matured, second.default_rate.value) == (4, 2, 0.5)
    if dated and not sampled:
        assert found.ages == (1, 2, 3, 4)
        assert first.cumulative == (0, 0.25, 0.25, 0.5)
        # The cutoff is three days after the second vintage: its curve ends there.
        assert second.cumulative == (0, 0.25, 0.25)
    else:
        assert (found.ages, first.cumulative) == ((), ())


def score(numerical: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Rises with the first number, falls with the second, ignores the third, jumps for grade c."""
    filled = np.nan_to_num(numerical)
    return 1 / (1 + np.exp(-(2 * filled[:, 0] - filled[:, 1] + (categorical[:, 0] == 4))))


def test_importance_and_direction_of_a_known_model() -> None:
    rng = np.random.default_rng(9)
    numerical = rng.normal(size=(1_200, 3))
    numerical[::10, 2] = np.nan
    categorical = rng.integers(2, 5, (1_200, 1))
    label = (rng.random(1_200) < score(numerical, categorical)).astype(int)
    features = [Feature(name, "number", name, name) for name in ("up", "down", "noise")] + [GRADE]
    found = feature_effects(features, numerical, categorical, label, score, HERE)
    assert found is not None
    assert [one.feature.name for one in found.importance] == ["up", "down", "grade", "noise"]
    assert found.importance[-1].drop == 0
    effects = {one.feature.name: one for one in found.dependence}
    assert (effects["up"].direction, effects["up"].observed, effects["up"].agrees) == ("rises", "rises", True)
    assert (effects["down"].direction, effects["down"].share) == ("falls", 1.0)
    assert (effects["noise"].direction, effects["noise"].agrees) == ("none", None)
    assert effects["grade"].points == (2, 3, 4)
    assert effects["grade"].pd[2] > effects["grade"].pd[0] == effects["grade"].pd[1]
    assert list(effects["up"].pd) == sorted(effects["up"].pd)


def test_shuffles_that_cancel_out_have_no_importance(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the rows, then of the shuffled ones: as floats, these drops do not sum to 0.
    areas = iter((0.5, 0.4, 0.3, 0.8))
    monkeypatch.setattr(effects_module, "roc_auc", lambda *_: next(areas))
    label = np.array([1, 1, 0, 0, 0, 0, 0])
    found = feature_effects(
        [AMOUNT], np.arange(7.0)[:, None], np.zeros((7, 0), np.int16), label, lambda rows, _: rows[:, 0], HERE
    )
    assert found is not None
    (one,) = found.importance
    assert (one.drop, one.lowest, one.highest) == (0.0, -0.3, 0.2)


def test_no_row_is_scored_twice_with_the_same_values() -> None:
    rng = np.random.default_rng(4)
    # Many equal values, missing ones among them.
    numerical = rng.integers(0, 3, (600, 2)).astype(np.float32)
    numerical[::7, 0] = np.nan
    # The second column tells the rows apart, and is no feature.
    categorical = np.column_stack([rng.integers(2, 5, 600), np.arange(600)]).astype(np.int16)
    label = (rng.random(600) < 0.3).astype(int)
    calls: list[list[tuple[float, ...]]] = []

    def counted(numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
        rows = np.column_stack([np.nan_to_num(numbers, nan=-1), codes])
        calls.append(list(map(tuple, rows.tolist())))
        return 1 / (1 + np.exp(1 - rows[:, 0] - rows[:, 1] / 2 + rows[:, 2] / 3))

    features = [AMOUNT, Feature("debt", "number", "Debt", "부채"), GRADE]
    found = feature_effects(features, numerical, categorical, label, counted, HERE)
    assert found is not None
    original, *altered = calls
    assert all(len(set(call)) == len(call) and not set(call) & set(original) for call in altered)
    # As without any memory: the shuffles in the same order.
    rng = np.random.default_rng(0)
    rng.permutation(600)
    drops = {one.feature.name: one.drop for one in found.importance}
    base = roc_auc(label, counted(numerical, categorical))
    for position, feature in enumerate(features):
        areas = []
        for _ in range(3):
            numbers, codes, order = numerical.copy(), categorical.copy(), rng.permutation(600)
            column = numbers[:, position] if position < 2 else codes[:, 0]
            column[:] = column[order]
            areas.append(roc_auc(label, counted(numbers, codes)))
        assert drops[feature.name] == pytest.approx(base - np.mean(areas), abs=1e-12)


def test_altered_rows_are_scored_by_what_knows_the_rows() -> None:
    rng = np.random.default_rng(2)
    numerical, categorical = rng.normal(size=(300, 3)), rng.integers(2, 5, (300, 1))
    label = (rng.random(300) < score(numerical, categorical)).astype(int)
    features = [Feature(name, "number", name, name) for name in ("up", "down", "noise")] + [GRADE]
    whole: list[int] = []

    def counted(numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
        whole.append(len(numbers))
        return score(numbers, codes)

    def altered(numbers: np.ndarray, codes: np.ndarray) -> effects_module.AlteredScore:
        def scored(position: int, index: np.ndarray, other: np.ndarray, others: np.ndarray) -> np.ndarray:
            differs = np.column_stack([other != numbers[index], others != codes[index]])
            assert differs[:, position].all()
            assert differs.sum() == len(index)
            return score(other, others)

        return scored

    arguments = (features, numerical, categorical, label)
    found = feature_effects(*arguments, counted, HERE, altered_score=altered)
    assert whole == [300]
    assert found == feature_effects(*arguments, score, HERE)


def test_a_model_against_the_data_is_named() -> None:
    rng = np.random.default_rng(10)
    numerical = rng.normal(size=(1_000, 1))
    categorical = np.zeros((1_000, 0), np.int16)
    label = (numerical[:, 0] + rng.normal(size=1_000) > 0).astype(int)
    found = feature_effects(
        [AMOUNT], numerical, categorical, label, lambda n, c: 1 / (1 + np.exp(n[:, 0])), HERE
    )
    assert found is not None
    (one,) = found.dependence
    assert (one.direction, one.observed, one.agrees) == ("falls", "rises", False)


def test_few_defaults_of_a_large_window_are_all_shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects_module, "IMPORTANCE_SCORES", 600)
    numerical = np.random.default_rng(1).normal(size=(5_000, 1))
    categorical = np.zeros((5_000, 0), np.int16)
    for defaults, expected in ((1, 1), (40, 40), (3_000, 100), (4_990, 190)):
        label = (np.arange(5_000) < defaults).astype(int)
        found = feature_effects([AMOUNT], numerical, categorical, label, lambda n, c: n[:, 0], HERE)
        assert found is not None
        assert (found.rows, found.defaults) == (200, expected)


def test_partial_dependence_is_the_mean_of_loans_as_the_window_has_them() -> None:
    rng = np.random.default_rng(2)
    label = (np.arange(40_000) < 800).astype(int)
    # Half of the shuffled rows are defaults, whose PD is another.
    numerical = np.column_stack([rng.normal(size=40_000), 0.5 * label])
    found = feature_effects(
        [AMOUNT], numerical, np.zeros((40_000, 0), np.int16), label, lambda n, c: n[:, 1], HERE
    )
    assert found is not None
    assert found.defaults == 800
    assert found.dependence_rows == 150
    assert found.dependence[0].pd == pytest.approx((0.01,) * 12)


def test_one_class_has_no_effects() -> None:
    rows = np.zeros((50, 1)), np.zeros((50, 0), np.int16)
    assert feature_effects([AMOUNT], *rows, np.zeros(50), lambda n, c: n[:, 0], HERE) is None
