from datetime import date, timedelta

import numpy as np
import pytest

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.splits import Split, one_row_per_loan, split

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


def panel(
    loans: int = 2000, months: int = 12, history: int = 48
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Date, id and outcome of monthly rows of loans that begin in the course of a history."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, history, loans)
    month = (np.datetime64("2018-01", "M") + first[:, None] + np.arange(months)).ravel()
    ids = np.repeat([f"loan-{i}" for i in range(loans)], months)
    label = np.repeat(rng.random(loans) < 0.2, months).astype(np.int8)
    return month.astype("datetime64[D]"), ids, label


def test_rows_of_one_loan_are_in_one_part_and_later_rows_do_not_move_it() -> None:
    as_of, ids, label = panel()
    found = split(as_of, ids, label, as_of, date(2030, 1, 1), SplitLimits(500, 50))
    parts = [set(ids[index]) for index in (found.train, found.validation, found.window)]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert as_of[found.train].max() < as_of[found.validation].min()
    assert as_of[found.validation].max() < as_of[found.window].min()
    used = np.concatenate([found.train, found.validation, found.window, found.excluded])
    assert np.array_equal(np.sort(used), np.arange(len(ids)))
    assert len(found.window) > 500
    earlier = as_of < np.datetime64("2020-01-01")
    former = split(
        as_of[earlier], ids[earlier], label[earlier], as_of[earlier], date(2030, 1, 1), SplitLimits(500, 50)
    )
    whole = np.isin(
        ids, [loan for loan, n in zip(*np.unique(ids[earlier], return_counts=True), strict=True) if n > 1]
    )
    fitted = np.concatenate([former.train, former.validation])
    assert not set(ids[earlier][fitted]) & set(ids[whole]) & parts[2]


@pytest.mark.parametrize("repeated", [1, 40])
def test_the_other_loans_stay_where_their_dates_put_them(repeated: int) -> None:
    days = np.datetime64("2025-01-01", "D") + np.repeat(np.arange(100), 100)
    ids = np.array([str(i) for i in range(len(days))])
    label = (np.arange(len(days)) % 5 == 0).astype(np.int8)
    plain = split(days, ids, label, days, date(2030, 1, 1), SplitLimits(1000, 10))
    ids[-repeated:] = ids[:repeated]
    found = split(days, ids, label, days, date(2030, 1, 1), SplitLimits(1000, 10))
    assert 0 < len(found.excluded) <= 2 * repeated
    for part, before in ((found.train, plain.train), (found.window, plain.window)):
        assert abs(len(part) - len(before)) <= 100 + repeated


@pytest.mark.parametrize("loans", [1, 2, 3])
def test_a_few_loans_of_many_rows_are_divided_without_an_error(loans: int) -> None:
    as_of, ids, label = panel(loans)
    found = split(as_of, ids, label, as_of, date(2030, 1, 1), SplitLimits(5, 1))
    assert len(set(ids[found.train]) & set(ids[found.window])) == 0


def test_one_row_per_loan_and_outcome() -> None:
    _, ids, label = panel(50)
    label[::12] = 1 - label[::12]
    chosen = one_row_per_loan(ids, label)
    assert len(chosen) == 100
    assert len({*zip(ids[chosen], label[chosen], strict=True)}) == 100
    assert len(one_row_per_loan(np.arange(9), np.zeros(9))) == 9
