import math

import numpy as np
import pytest
from scipy.stats import ks_2samp, norm, t
from sklearn import metrics as sk

from loan_default_assets.model.auc_interval import auc_difference_interval, auc_error, auc_interval
from loan_default_assets.model.count_intervals import f1_interval, ks_limit, pr_auc_interval, share_interval
from loan_default_assets.model.metrics import METRICS, evaluate, paired_differences, psi, roc_auc


def scored(n: int, seed: int = 0, decimals: int = 8, strength: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.22).astype(np.int8)
    return label, (1 / (1 + np.exp(-rng.normal(strength * label - 1.5, 1, n)))).round(decimals)


@pytest.mark.parametrize(("n", "decimals"), [(500, 8), (500, 1), (50, 2), (6000, 3)])
def test_metrics_equal_scikit_learns(n: int, decimals: int) -> None:
    label, p = scored(n, decimals=decimals)
    found = evaluate(label, p, 0.4, bootstrap=0)
    predicted = p >= 0.4
    fpr, tpr, _ = sk.roc_curve(label, p, drop_intermediate=False)
    expected = {
        "f1": sk.f1_score(label, predicted),
        "precision": sk.precision_score(label, predicted),
        "recall": sk.recall_score(label, predicted),
        "accuracy": sk.accuracy_score(label, predicted),
        "roc_auc": sk.roc_auc_score(label, p),
        "pr_auc": sk.average_precision_score(label, p),
        "ks": (tpr - fpr).max(),
        "brier": sk.brier_score_loss(label, p),
    }
    assert {name: found.values[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found.intervals == {}
    assert roc_auc(label, p) == pytest.approx(expected["roc_auc"], abs=1e-12)


def test_ece_is_the_mean_gap_of_fifteen_bins() -> None:
    label = np.array([0, 1, 1, 0])
    p = np.array([0.05, 0.05, 0.95, 0.95])
    assert evaluate(label, p, 0.5, bootstrap=0).values["ece"] == pytest.approx(0.45)


def test_intervals_are_those_of_resampled_rows() -> None:
    label, p = scored(400)
    found = evaluate(label, p, 0.4, bootstrap=400, seed=1)
    rng = np.random.default_rng(7)
    again = []
    for _ in range(150):
        rows = rng.integers(len(label), size=len(label))
        again.append((sk.roc_auc_score(label[rows], p[rows]), sk.f1_score(label[rows], p[rows] >= 0.4)))
    for name, drawn in zip(("roc_auc", "f1"), np.array(again).T, strict=True):
        assert found.intervals[name] == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.025)
        assert found.intervals[name][0] < found.values[name] < found.intervals[name][1]


@pytest.mark.parametrize(("rows", "defaults"), [(40, 1), (300, 2), (300, 3), (1_500, 5)])
def test_a_model_that_does_not_discriminate_rarely_seems_to_with_few_defaults(
    rows: int, defaults: int
) -> None:
    rng = np.random.default_rng(0)
    label = (np.arange(rows) < defaults).astype(np.int8)
    found = [evaluate(label, rng.random(rows), 0.5, bootstrap=40, seed=seed) for seed in range(300)]
    # Nominal 2.5 %; resampled rows alone give 5 % to 45 %.
    assert sum(one.intervals["roc_auc"][0] > 0.5 for one in found) <= 15
    assert sum(one.intervals["roc_auc"][1] < 0.5 for one in found) <= 15
    assert sum(one.resampled_auc_low > 0.5 for one in found) > 15


@pytest.mark.parametrize(("defaults", "most"), [(1, 0), (2, 4), (3, 10), (8, 20)])
def test_one_of_two_equal_models_rarely_seems_better_with_few_defaults(defaults: int, most: int) -> None:
    rng = np.random.default_rng(0)
    label = (np.arange(300) < defaults).astype(np.int8)
    differ = higher_f1 = 0
    for seed in range(250):
        common = rng.normal(1.2 * label, 0.9)
        one, other = (1 / (1 + np.exp(-common - rng.normal(0, 0.45, 300))) for _ in range(2))
        found = paired_differences(label, one, 0.5, other, 0.5, bootstrap=20, seed=seed)
        differ += found.dauc_low > 0 or found.dauc_high < 0
        higher_f1 += found.df1_low > 0 or found.df1_high < 0
    # Nominal 12 of 250; by resampled rows 197, 90, 58 and 39, and of F1 0, 2, 16 and 33.
    assert differ <= most
    assert higher_f1 <= 12


def test_the_difference_of_two_areas_has_the_variance_of_all_pairs() -> None:
    label, one = scored(300, seed=3)
    other = scored(300, seed=4)[1]
    defaults = label == 1

    def pairs(score: np.ndarray) -> np.ndarray:
        gap = score[defaults][:, None] - score[~defaults][None, :]
        return (gap > 0) + (gap == 0) / 2

    each = pairs(one) - pairs(other)
    variance = each.mean(1).var(ddof=1) / len(each) + each.mean(0).var(ddof=1) / each.shape[1]
    half = t.ppf(0.975, min(each.shape) - 1) * np.sqrt(variance)
    expected = (each.mean() - half, each.mean() + half)
    assert auc_difference_interval(label, one, other) == pytest.approx(expected, abs=1e-12)
    found = paired_differences(label, one, 0.4, other, 0.4)
    assert (found.dauc_low, found.dauc_high) == pytest.approx(expected, abs=1e-12)
    assert auc_difference_interval(1 - label, other, one) == pytest.approx(expected, abs=1e-12)


def test_one_default_leaves_every_share_of_defaults_possible() -> None:
    label = (np.arange(1_000) == 700).astype(np.int8)
    score = np.linspace(0, 1, 1_000)
    found = evaluate(label, score, 0.9, bootstrap=50)
    assert found.values["recall"] == found.values["f1"] == 0
    assert found.intervals["recall"] == share_interval(0, 1)
    assert found.intervals["recall"][1] > 0.8
    assert found.intervals["precision"] == share_interval(0, 100)
    assert found.intervals["f1"] == f1_interval(0, 100, 1)
    assert found.intervals["accuracy"] == share_interval(899, 1_000)
    assert found.intervals["ks"] == (0.0, 1.0)
    assert found.intervals["pr_auc"] == pr_auc_interval(found.values["pr_auc"], 1)
    assert found.intervals["pr_auc"][1] > 0.9


@pytest.mark.parametrize(
    ("defaults", "name"), [(d, n) for d in (1, 2, 5, 20) for n in ("recall", "ks", "f1")]
)
def test_intervals_hold_the_true_figure_with_few_defaults(defaults: int, name: str) -> None:
    def drawn(positives: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        label = np.repeat([1, 0], [positives, 19 * positives])
        return label, norm.cdf(np.random.default_rng(seed).normal(1.2 * label - 1, 1))

    true = evaluate(*drawn(4_000, 0), 0.5, bootstrap=0).values[name]
    intervals = [evaluate(*drawn(defaults, seed), 0.5, bootstrap=2).intervals[name] for seed in range(1, 201)]
    # Nominal 10 of 200. Resampled rows miss recall in all windows of one default, and KS in a third of those of 20.
    assert sum(not low <= true <= high for low, high in intervals) <= 20


@pytest.mark.parametrize(("rows", "shift"), [(800, 0.0), (800, 0.4), (4_000, 0.15)])
def test_intervals_hold_the_true_ks_and_ece_with_many_defaults(rows: int, shift: float) -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-1.4, 1.0, 200_000)
    chance, pd = (1 / (1 + np.exp(-each)) for each in (log_odds, log_odds - shift))
    falling = np.sort(chance)[::-1]
    gaps = np.bincount((15 * pd).astype(int), chance - pd)
    true = {
        "ks": (falling.cumsum() / falling.sum() - (1 - falling).cumsum() / (1 - falling).sum()).max(),
        "ece": np.abs(gaps).sum() / len(pd),
    }
    missed = np.zeros((2, 2), int)
    for seed in range(150):
        drawn = rng.integers(len(pd), size=rows)
        label = (rng.random(rows) < chance[drawn]).astype(np.int8)
        found = evaluate(label, pd[drawn], 0.4, bootstrap=60, seed=seed)
        for position, (name, value) in enumerate(true.items()):
            low, high = found.intervals[name]
            assert low <= found.values[name] <= high
            missed[position] += (value < low, value > high)
    # Nominal 4 of 150 below and 4 above. Percentiles of resampled rows lie above KS in 21 to 31, and above the ECE
    # of right PDs in all; without the correction for its bias, KS is below its interval in 12.
    assert missed.max() <= 8


def test_few_defaults_are_fewer_than_100_of_the_rarer_class() -> None:
    for defaults, few in ((99, True), (100, False)):
        label = (np.arange(400) < defaults).astype(np.int8)
        found = evaluate(label, scored(400, seed=2)[1], 0.4)
        by_counts = share_interval(round(found.values["recall"] * defaults), defaults)
        assert (found.intervals["recall"] == by_counts) is few


def test_bounds_of_a_perfect_pr_auc_and_of_no_prediction() -> None:
    low, high = pr_auc_interval(1.0, 3)
    assert 0.1 < low < 0.6
    assert high == 1
    assert share_interval(0, 0) == (0.0, 1.0)
    assert f1_interval(3, 3, 3)[1] == 1


@pytest.mark.parametrize(("positives", "others"), [(1, 400), (3, 1_000), (40, 400), (200, 300)])
def test_samples_of_one_distribution_rarely_exceed_the_limit_of_ks(positives: int, others: int) -> None:
    rng = np.random.default_rng(0)
    limit = ks_limit(positives, others)
    beyond = sum(
        ks_2samp(rng.random(positives), rng.random(others), method="asymp").statistic > limit
        for _ in range(400)
    )
    assert 5 <= beyond <= 34


@pytest.mark.parametrize("defaults", [0, 99, 100, 200, 201, 300])
def test_the_rarer_class_decides_which_interval_roc_auc_has(defaults: int) -> None:
    rng = np.random.default_rng(1)
    label = (np.arange(300) < defaults).astype(np.int8)
    found = evaluate(label, np.clip(rng.normal(0.4 + 0.1 * label, 0.1), 0, 1), 0.5)
    low, high = found.intervals["roc_auc"]
    if defaults in (0, 300):
        assert math.isnan(low)
    elif 100 <= defaults <= 200:
        assert low == found.resampled_auc_low
    else:
        assert (low, high) == auc_interval(found.values["roc_auc"], defaults, 300 - defaults)
        assert low < found.values["roc_auc"] < high


@pytest.mark.parametrize(
    ("area", "positives", "negatives"), [(0.7, 5, 40), (0.5, 1, 1), (0.98, 30, 2), (0.1, 3, 3)]
)
def test_bounds_are_the_areas_that_lie_as_far_off_as_their_error_allows(
    area: float, positives: int, negatives: int
) -> None:
    for bound in auc_interval(area, positives, negatives):
        assert abs(bound - area) == pytest.approx(1.959963984540054 * auc_error(bound, positives, negatives))
    low, high = auc_interval(1 - area, positives, negatives)
    assert auc_interval(area, positives, negatives) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("area", "end"), [(1.0, 1), (0.0, 0)])
def test_an_area_of_0_or_1_has_one_bound_by_itself(area: float, end: int) -> None:
    bounds = auc_interval(area, 4, 50)
    assert bounds[end] == area
    assert 0.1 < abs(bounds[1 - end] - area) < 0.5


def test_the_seed_repeats_the_intervals() -> None:
    label, p = scored(300)
    assert evaluate(label, p, 0.4, seed=3) == evaluate(label, p, 0.4, seed=3)
    assert evaluate(label, p, 0.4, seed=3).intervals != evaluate(label, p, 0.4, seed=4).intervals


@pytest.mark.parametrize(
    ("label", "p", "undefined"),
    [
        ([1, 1], [0.2, 0.9], {"roc_auc", "ks"}),
        ([0, 0], [0.2, 0.3], {"roc_auc", "ks", "recall", "pr_auc", "f1"}),
        ([0, 0], [0.2, 0.9], {"roc_auc", "ks", "recall", "pr_auc"}),
        ([1], [0.9], {"roc_auc", "ks"}),
    ],
)
def test_one_class_leaves_some_metrics_undefined(
    label: list[int], p: list[float], undefined: set[str]
) -> None:
    values = evaluate(np.array(label), np.array(p), 0.5, bootstrap=20).values
    assert {name for name, value in values.items() if math.isnan(value)} == undefined


@pytest.mark.parametrize(
    ("label", "p"), [([], []), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, math.nan]), ([0], [0.1, 0.2])]
)
def test_unusable_labels_and_scores_are_refused(label: list[int], p: list[float]) -> None:
    with pytest.raises(ValueError, match="label"):
        evaluate(np.array(label), np.array(p), 0.5)


def test_paired_differences_are_sharper_than_separate_ones() -> None:
    label, champion = scored(2000)
    candidate = np.clip(champion + np.random.default_rng(1).normal(0, 0.02, 2000), 0, 1)
    paired = paired_differences(label, candidate, 0.4, champion, 0.4)
    apart = evaluate(label, champion, 0.4).intervals["roc_auc"]
    assert paired.dauc_low < paired.dauc < paired.dauc_high
    assert paired.dauc_high - paired.dauc_low < (apart[1] - apart[0]) / 3
    assert paired.df1_low <= paired.df1 <= paired.df1_high


def test_a_model_does_not_differ_from_itself_and_a_better_one_shows() -> None:
    label, weak = scored(2000)
    assert vars(paired_differences(label, weak, 0.4, weak, 0.4)) == dict.fromkeys(
        ("df1", "dauc", "df1_low", "df1_high", "dauc_low", "dauc_high"), 0.0
    )
    strong = np.clip(weak + 0.2 * label, 0, 1)
    paired = paired_differences(label, strong, 0.4, weak, 0.4)
    assert paired.dauc_low > 0
    assert paired.df1_low > 0


@pytest.mark.parametrize(
    ("after", "low", "high"),
    [
        (np.random.default_rng(1).normal(0, 1, 5000), 0.0, 0.02),
        (np.random.default_rng(1).normal(1, 1, 5000), 0.5, 2.0),
        (np.full(5000, np.nan), 2.0, 20.0),
    ],
    ids=["the same", "shifted", "all missing"],
)
def test_psi(after: np.ndarray, low: float, high: float) -> None:
    assert low <= psi(np.random.default_rng(0).normal(0, 1, 5000), after) <= high


def test_every_metric_is_named_once() -> None:
    found = evaluate(np.array([0, 1]), np.array([0.2, 0.8]), 0.5, bootstrap=2)
    assert tuple(found.values) == tuple(found.intervals) == METRICS
