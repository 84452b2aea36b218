import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from loan_default_assets.model.calibration import (
    Calibration,
    best_f1_threshold,
    expected_f1_threshold,
    platt,
)


def drawn(n: int, slope: float, offset: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2, n)
    return logit, (rng.random(n) < 1 / (1 + np.exp(-slope * logit - offset))).astype(np.int8)


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, -2.0), (3.0, 1.0)])
def test_platt_finds_the_slope_and_offset(slope: float, offset: float) -> None:
    logit, label = drawn(50_000, slope, offset)
    found = platt(logit, label)
    plain = LogisticRegression(C=np.inf).fit(logit[:, None], label)
    assert found.slope == pytest.approx(plain.coef_[0, 0], rel=0.01)
    assert found.offset == pytest.approx(plain.intercept_[0], abs=0.02)


@pytest.mark.parametrize(
    ("logit", "label"),
    [
        (np.array([-3.0, -1.0, 1.0, 3.0]), np.array([0, 0, 1, 1])),
        (np.array([-300.0, 300.0]), np.array([0, 1])),
        (np.zeros(10), np.array([0] * 7 + [1] * 3)),
        (np.array([-1e-9, 1e-9, 0.0]), np.array([0, 1, 0])),
        (np.array([3.0, 1.0, -1.0, -3.0]), np.array([0, 0, 1, 1])),
    ],
    ids=["separable", "far apart", "constant", "tiny", "ranked backwards"],
)
def test_platt_stays_finite_and_keeps_the_ranking(logit: np.ndarray, label: np.ndarray) -> None:
    found = platt(logit, label)
    assert np.isfinite([found.slope, found.offset]).all()
    assert found.slope > 0
    p = found.probability(logit)
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize(
    ("logit", "label"),
    [
        (np.full(10, 2.0), np.array([0] * 7 + [1] * 3)),
        (np.array([3.0, 1.0, -1.0, -3.0]), np.array([0, 0, 1, 1])),
        (np.array([-3.0, -1.0, 1.0, 3.0]), np.zeros(4)),
        (np.array([-3.0, -1.0, 1.0, 3.0]), np.ones(4)),
    ],
    ids=["constant", "ranked backwards", "no default", "defaults only"],
)
def test_logits_that_do_not_rank_keep_their_slope_and_get_the_mean_of_the_targets(
    logit: np.ndarray, label: np.ndarray
) -> None:
    found = platt(logit, label)
    assert found.slope == 1.0
    positives, negatives = int(label.sum()), int((label == 0).sum())
    target = (positives * (positives + 1) / (positives + 2) + negatives / (negatives + 2)) / len(label)
    assert found.probability(logit).mean() == pytest.approx(target, abs=1e-9)


@pytest.mark.parametrize("logit", [[], [np.nan, 1.0], [np.inf, 1.0]], ids=["none", "NaN", "infinite"])
def test_logits_that_are_not_finite_are_refused(logit: list[float]) -> None:
    with pytest.raises(ValueError, match=f"got {len(logit)} of which"):
        platt(np.array(logit), np.zeros(len(logit)))


def test_platt_repeats_bit_by_bit() -> None:
    logit, label = drawn(5000, 0.7, -1.0)
    assert platt(logit, label) == platt(logit.copy(), label.copy())


def test_backwards_logits_keep_the_base_rate() -> None:
    p = platt(np.array([3.0, 1.0, -1.0, -3.0]), np.array([0, 0, 1, 1])).probability(np.array([0.0]))
    assert p[0] == pytest.approx(0.5, abs=0.05)


def test_the_threshold_has_the_best_f1() -> None:
    logit, label = drawn(400, 1.0, -1.5, seed=3)
    p = Calibration().probability(logit).round(2)
    best = max(f1_score(label, p >= cut) for cut in np.unique(p))
    assert f1_score(label, p >= best_f1_threshold(label, p)) == pytest.approx(best)


def test_the_threshold_has_the_highest_expected_f1_which_is_twice_the_threshold() -> None:
    logit, _ = drawn(5_000, 1.0, -1.5, seed=3)
    p = Calibration().probability(logit)
    expected = {cut: 2 * p[p >= cut].sum() / ((p >= cut).sum() + p.sum()) for cut in np.sort(p)[::50]}
    threshold = expected_f1_threshold(p)
    highest = 2 * p[p >= threshold].sum() / ((p >= threshold).sum() + p.sum())
    assert highest >= max(expected.values())
    assert threshold == pytest.approx(highest / 2, abs=1e-3)


@pytest.mark.parametrize(
    ("p", "label", "predicted_positives"),
    [([0.9, 0.2, 0.1], [1, 0, 0], 1), ([0.5, 0.5, 0.5], [1, 0, 0], 3), ([0.3], [1], 1)],
    ids=["one above", "all alike", "one row"],
)
def test_equal_probabilities_are_never_separated(
    p: list[float], label: list[int], predicted_positives: int
) -> None:
    for threshold in (best_f1_threshold(np.array(label), np.array(p)), expected_f1_threshold(np.array(p))):
        assert (np.array(p) >= threshold).sum() == predicted_positives
