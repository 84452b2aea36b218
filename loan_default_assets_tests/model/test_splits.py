from datetime import date, timedelta

import numpy as np
import pytest

from loan_default_assets.model.splits import Split, SplitLimits, split

DAY = np.timedelta64(1, "D")


def dated(
    days: int,
    rows_per_day: int,
    *,
    horizon: int = 0,
    cutoff: int | None = None,
    rate: float = 0.2,
    **limits: int,
) -> Split:
    rng = np.random.default_rng(0)
    as_of = np.datetime64("2025-01-01", "D") + np.repeat(np.arange(days), rows_per_day)
    label = (rng.random(len(as_of)) < rate).astype(np.int8)
    today = date(2025, 1, 1) + timedelta(days=days if cutoff is None else cutoff)
    ids = np.array([str(i) for i in range(len(as_of))])
    order = rng.permutation(len(as_of))
    return split(
        as_of[order], ids, label[order], (as_of + horizon * DAY)[order], today, SplitLimits(**limits)
    )


def test_training_precedes_validation_and_validation_the_window() -> None:
    found = dated(100, 100, min_rows=1000, min_positives=100)
    parts = (found.train, found.validation, found.window)
    assert sum(len(part) for part in parts) == 10_000
    assert len(found.window) == 2000
    assert len(found.validation) == 1600
    assert found.enough
    assert found.trained_from == date(2025, 1, 1)
    assert found.trained_to == date(2025, 3, 21)
    assert (found.window_from, found.window_to) == (date(2025, 3, 22), date(2025, 4, 10))


@pytest.mark.parametrize(
    ("shape", "limits", "window", "enough"),
    [
        ((100, 100), {"min_rows": 100, "min_positives": 10}, 500, True),
        ((30, 100), {"min_rows": 1000, "min_positives": 100}, 1000, True),
        ((20, 100), {"min_rows": 1000, "min_positives": 100}, 800, False),
        ((100, 10), {"min_rows": 200, "min_positives": 70}, 340, True),
        ((2, 500), {"min_rows": 100, "min_positives": 10}, 0, False),
    ],
    ids=["five times the minimum", "the minimum", "at most 40 %", "extended for defaults", "a day over 40 %"],
)
def test_the_window_is_whole_days_within_its_limits(
    shape: tuple[int, int], limits: dict[str, int], window: int, enough: bool
) -> None:
    found = dated(*shape, **limits)
    assert len(found.window) % shape[1] == 0
    assert len(found.window) == pytest.approx(window, abs=5 * shape[1] if "70" in str(limits) else 0)
    assert found.enough is enough


def test_labels_count_only_after_they_are_observed() -> None:
    found = dated(100, 100, horizon=30, cutoff=100, min_rows=1000, min_positives=100)
    assert len(found.immature) == 29 * 100
    assert found.window_to == date(2025, 1, 1) + timedelta(days=70)


def test_labels_without_a_date_and_rows_without_a_label() -> None:
    n = 1000
    undated = np.full(n, "NaT", dtype="datetime64[D]")
    label = np.where(np.arange(n) % 10 == 0, -1, np.arange(n) % 2).astype(np.int8)
    ids = np.array([f"{i:04}" for i in range(n)])
    found = split(undated, ids, label, undated, date(2025, 1, 1))
    assert len(found.unlabelled) == 100
    assert not len(found.immature)
    assert found.window_from is found.trained_to is None


def test_without_dates_the_hash_of_the_id_decides_and_order_does_not() -> None:
    n = 5000
    undated = np.full(n, "NaT", dtype="datetime64[D]")
    ids = np.array([f"loan-{i}" for i in range(n)])
    label = (np.arange(n) % 3 == 0).astype(np.int8)
    found = split(undated, ids, label, undated, None)
    shares = [len(part) / n for part in (found.train, found.validation, found.window)]
    assert shares == pytest.approx([0.64, 0.16, 0.20], abs=0.02)
    assert found.enough
    order = np.random.default_rng(0).permutation(n)
    again = split(undated, ids[order], label[order], undated, None)
    assert set(ids[found.window]) == set(ids[order][again.window])
    more = split(undated[:100], ids[:100], label[:100], undated[:100], None)
    assert set(ids[:100][more.window]) == set(ids[found.window]) & set(ids[:100])


def test_one_day_before_the_window_still_gives_validation_rows() -> None:
    as_of = np.repeat(np.array(["2025-01-01", "2025-01-02"], "datetime64[D]"), [800, 200])
    label = (np.arange(1000) % 2).astype(np.int8)
    ids = np.array([str(i) for i in range(1000)])
    found = split(as_of, ids, label, as_of, date(2025, 1, 3), SplitLimits(100, 10))
    assert len(found.window) == 200
    assert 100 < len(found.validation) < 220
    assert len(found.train) + len(found.validation) == 800


def test_rows_with_and_without_dates_are_refused() -> None:
    as_of = np.array(["2025-01-01", "NaT"], "datetime64[D]")
    with pytest.raises(ValueError, match="1 of 2 matured rows have no date"):
        split(as_of, np.array(["a", "b"]), np.array([0, 1]), as_of, None)


def test_no_rows_at_all() -> None:
    none = np.zeros(0, "datetime64[D]")
    found = split(none, np.zeros(0, str), np.zeros(0, np.int8), none, date(2025, 1, 1))
    assert not found.enough
    assert not len(found.train) + len(found.window)
