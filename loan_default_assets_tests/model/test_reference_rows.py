"""Comparison of later loans with the rows of a training: what drifts is named, and chance alone names nothing."""

import json

import numpy as np
import pytest

from loan_default_assets.model.reference_rows import BinnedValues, ReferenceRows
from loan_default_assets.model.rows import Rows

NUMBERS = [f"n{i}" for i in range(15)]
CODES = {f"c{i}": 3 + i for i in range(5)}
SHARES = [np.random.default_rng(i).dirichlet(np.full(size, 0.7)) for i, size in enumerate(CODES.values())]


def draw(rng: np.random.Generator, count: int) -> Rows:
    """Loans of one distribution: skewed, integer, mostly missing and constant numbers, and categories, some rare."""
    numerical = rng.lognormal(0, 1, (count, len(NUMBERS)))
    numerical[:, 1] = rng.integers(0, 3, count)
    numerical[:, 2] = 5.0
    numerical[rng.random(count) < 0.9, 3] = np.nan
    numerical[rng.random(count) < 0.05, 4] = np.nan
    codes = [rng.choice(len(shares), count, p=shares) for shares in SHARES]
    return Rows(numerical.astype(np.float32), np.stack(codes, axis=1).astype(np.int16))


def scores(rng: np.random.Generator, count: int) -> np.ndarray:
    return 1 / (1 + np.exp(-rng.normal(-2, 1.5, count)))


@pytest.fixture(scope="module")
def reference() -> ReferenceRows:
    rng = np.random.default_rng(0)
    pd = scores(rng, 1_000)
    made = ReferenceRows.of(NUMBERS, CODES, draw(rng, 4_000), pd, rng.random(1_000) < pd, 0.3)
    return ReferenceRows.from_dict(json.loads(json.dumps(made.as_dict())))


def named(reference: ReferenceRows, rows: Rows) -> list[str]:
    return [each.name for each in reference.compare(reference.count(rows)) if each.light != "green"]


@pytest.mark.parametrize("count", [50, 80, 200, 1_000])
def test_undrifted_partitions_raise_no_alarm(reference: ReferenceRows, count: int) -> None:
    rng = np.random.default_rng(count)
    alarms = [named(reference, draw(rng, count)) for _ in range(20)]
    alarms += [["pd"] for _ in range(20) if reference.compare_scores(scores(rng, count)).light != "green"]
    assert [alarm for alarm in alarms if alarm] == []


def _shift(rows: Rows) -> None:
    rows.numerical[:, 0] *= 3


def _missing(rows: Rows) -> None:
    rows.numerical[::2, 4] = np.nan


def _no_longer_constant(rows: Rows) -> None:
    rows.numerical[::3, 2] = 6.0


def _other_category(rows: Rows) -> None:
    rows.categorical[:, 4] = np.argmin(SHARES[4])


@pytest.mark.parametrize("count", [80, 1_000])
@pytest.mark.parametrize(
    ("feature", "change"),
    [("n0", _shift), ("n4", _missing), ("n2", _no_longer_constant), ("c4", _other_category)],
)
def test_one_drifted_feature_is_named_and_no_other(
    reference: ReferenceRows, count: int, feature: str, change: object
) -> None:
    rows = draw(np.random.default_rng(count), count)
    change(rows)  # type: ignore[operator]
    assert named(reference, rows) == [feature]


def test_drift_of_the_score_is_seen(reference: ReferenceRows) -> None:
    assert reference.compare_scores(scores(np.random.default_rng(1), 100) ** 0.5).light == "red"


def test_the_limit_is_exceeded_by_chance_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    for shares, rows in ((np.full(10, 0.1), 60), (np.array([0.6, 0.25, 0.1, 0.05]), 100)):
        before, after = rng.multinomial(5_000, shares, 2_000), rng.multinomial(rows, shares, 2_000)
        found = [
            BinnedValues("x", None, tuple(old.tolist())).compare(new, 0.05)
            for old, new in zip(before, after, strict=True)
        ]
        assert 0.03 < np.mean([each.psi > each.limit for each in found]) < 0.07


def test_a_small_shift_of_many_rows_is_not_drift() -> None:
    binned = BinnedValues("x", None, (500_000, 500_000))
    found = binned.compare(np.array([52_000, 48_000]), 0.001)
    assert found.psi > found.limit, "chance does not explain it"
    assert found.light == "green"


def test_counts_of_batches_add_up(reference: ReferenceRows) -> None:
    rows = draw(np.random.default_rng(3), 90)
    parts = [reference.count(rows.take(index)) for index in (np.arange(30), np.arange(30, 90))]
    for whole, first, second in zip(reference.count(rows), *parts, strict=True):
        np.testing.assert_array_equal(whole, first + second)
