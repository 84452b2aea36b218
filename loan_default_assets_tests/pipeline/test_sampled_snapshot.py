import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.model.splits import split
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.warehouse.samples import portfolio

DAY = np.timedelta64(1, "D")
START = np.datetime64("2024-01-01", "D")
LIMITS = SplitLimits(min_rows=100, min_positives=10)
CUTOFF = date(2024, 3, 1)


def loans_of(days: np.ndarray, ids: np.ndarray, *, horizon: int = 0, dated: bool = True) -> LoanRows:
    """Rows in partitions of a day; a tenth without an outcome, a fifth of the others defaults."""
    rng = np.random.default_rng(0)
    count = len(days)
    label = np.where(rng.random(count) < 0.1, -1, rng.random(count) < 0.2).astype(np.int8)
    none = np.full(count, np.datetime64("NaT", "D"))
    return LoanRows(
        partition_key=days.astype(str),
        loan_id=ids,
        as_of=days if dated else none,
        numerical=rng.normal(size=(count, 4)).astype(np.float32),
        categorical=rng.integers(0, 4, (count, 1)).astype(np.int16),
        label=label,
        label_observed_at=np.where(label < 0, none, days + horizon * DAY) if dated else none,
    )


def single_rows(count: int = 3000, days: int = 50) -> tuple[np.ndarray, np.ndarray]:
    return START + np.arange(count) * days // count, np.array([f"loan {i:05d} é" for i in range(count)])


def panel(loans: int = 300, rows: int = 10) -> tuple[np.ndarray, np.ndarray]:
    first = np.random.default_rng(1).integers(0, 40, loans)
    days = START + (first[:, None] + np.arange(rows)).ravel()
    # Every third loan has one row only.
    kept = (np.arange(loans) % 3 > 0)[:, None] | (np.arange(rows) == 0)
    return days[kept.ravel()], np.repeat([f"L{i:05d}" for i in range(loans)], rows)[kept.ravel()]


CASES: dict[str, Callable[[], LoanRows]] = {
    "dates": lambda: loans_of(*single_rows(), horizon=5),
    "immature rows": lambda: loans_of(*single_rows(), horizon=25),
    "loans with several rows": lambda: loans_of(*panel()),
    "two days": lambda: loans_of(START + np.repeat([0, 1], [2400, 600]), single_rows()[1]),
    "one day": lambda: loans_of(*single_rows(days=1)),
    "no dates": lambda: loans_of(START + np.zeros(3000, int), single_rows()[1], dated=False),
}


@pytest.fixture
def store(database_url: str) -> Callable[[LoanRows], Loans]:
    """Stores rows in a table of their own, partition by partition in the order of their first rows."""

    def stored(rows: LoanRows, name: str = "sample") -> Loans:
        described = portfolio(name=name, cadence="daily")
        database = Database(database_url, described.name)
        database.migrate(described)
        loans = Loans(database, described)
        keys = list(dict.fromkeys(rows.partition_key.tolist()))
        loans.replace_processed_partitions(keys, [rows])
        return loans

    return stored


def taken(rows: LoanRows, index: np.ndarray) -> LoanRows:
    return LoanRows(**{name: values[index] for name, values in vars(rows).items()})


def parts(snapshot: TrainingSnapshot) -> dict[str, set[tuple[str, str]]]:
    """Keys of the rows of each part."""
    rows, found = snapshot.rows, snapshot.split
    return {
        name: set(zip(rows.partition_key[index].tolist(), rows.loan_id[index].tolist(), strict=True))
        for name, index in (
            ("train", found.train),
            ("validation", found.validation),
            ("window", found.window),
            ("immature", found.immature),
            ("unlabelled", found.unlabelled),
        )
    }


@pytest.mark.parametrize("name", CASES)
def test_the_database_splits_the_rows_as_the_split_in_memory_does(
    store: Callable[..., Loans], name: str
) -> None:
    rows = CASES[name]()
    loans = store(rows)
    whole = read_snapshot(loans, LIMITS)
    expected = split(
        whole.rows.as_of,
        whole.rows.loan_id,
        whole.rows.label,
        whole.rows.label_observed_at,
        whole.cutoff,
        LIMITS,
    )
    count = len(rows)
    sampled = read_snapshot(loans, replace(LIMITS, max_rows=count - 1))
    assert whole.sampling is None
    assert sampled.sampling is not None
    before = sampled.sampling.before
    assert {name: count.rows for name, count in before.items()} == {
        "excluded": len(expected.excluded),
        "training": len(expected.train),
        "validation": len(expected.validation),
        "window": len(expected.window),
        "immature": len(expected.immature),
        "unlabelled": len(expected.unlabelled),
    }
    for index, counted in (
        (expected.train, before["training"]),
        (expected.validation, before["validation"]),
        (expected.window, before["window"]),
    ):
        assert counted.defaults == int((whole.rows.label[index] == 1).sum())
    all_rows, found = parts(whole), parts(sampled)
    for part, keys in found.items():
        assert keys <= all_rows[part], part
    dates = ("window_from", "window_to", "trained_from", "trained_to")
    assert {d: getattr(sampled.split, d) for d in dates} == {d: getattr(expected, d) for d in dates}
    assert sampled.matured == whole.matured


@pytest.mark.parametrize(("max_rows", "all_defaults"), [(2000, True), (700, False), (400, False)])
def test_at_most_the_limit_is_read_and_all_defaults_up_to_half_of_the_training_rows(
    store: Callable[..., Loans], max_rows: int, all_defaults: bool
) -> None:
    snapshot = read_snapshot(store(loans_of(*single_rows())), replace(LIMITS, max_rows=max_rows))
    found = snapshot.sampling
    assert found is not None
    slack = 4 * np.sqrt(max_rows)
    assert len(snapshot.rows) == found.rows() == pytest.approx(max_rows, abs=slack)
    train, before = found.after["training"], found.before["training"]
    assert (train.defaults == before.defaults) is all_defaults
    assert train.defaults >= before.defaults * train.others / before.others
    if not all_defaults:
        assert train.defaults == pytest.approx(train.others, abs=slack)
    for name in ("validation", "window", "unlabelled"):
        assert found.after[name].rows <= 0.2 * max_rows + slack
    for name in ("validation", "window"):
        share = found.share(name)
        assert found.after[name].defaults / max(found.before[name].defaults, 1) == pytest.approx(
            share, abs=3 * np.sqrt(share * (1 - share) / found.before[name].defaults) + 1e-9
        )


def fraction(partition: str, loan: str) -> float:
    digest = hashlib.sha256(f"{partition}\x1f{loan}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def test_rows_are_chosen_by_their_keys_whatever_order_they_are_stored_in(store: Callable[..., Loans]) -> None:
    rows = loans_of(*panel(), horizon=3)
    limits = replace(LIMITS, max_rows=500)
    one, two = (
        read_snapshot(store(taken(rows, order), name), limits)
        for name, order in (("first", np.arange(len(rows))), ("second", np.arange(len(rows))[::-1]))
    )
    assert parts(one) == parts(two)
    assert one.digest == two.digest
    assert one.rows.digest() == two.rows.digest()
    chosen = parts(one)
    fractions = [fraction(*key) for key in chosen["validation"]]
    assert one.sampling is not None
    assert max(fractions) < 500 * 0.2 / one.sampling.before["validation"].rows


def test_other_rows_do_not_change_the_choice_and_every_row_changes_the_hash(
    store: Callable[..., Loans],
) -> None:
    rows = loans_of(*single_rows())
    limits = replace(LIMITS, max_rows=600)
    loans = store(rows)
    before = read_snapshot(loans, limits)
    window = np.flatnonzero(rows.as_of >= np.datetime64(before.split.window_from))
    for altered in (window[0], window[-1], 0):
        numerical = rows.numerical.copy()
        numerical[altered] += 1
        keys = list(dict.fromkeys(rows.partition_key.tolist()))
        loans.replace_processed_partitions(keys, [replace(rows, numerical=numerical)])
        after = read_snapshot(loans, limits)
        assert parts(after) == parts(before)
        assert after.digest != before.digest
        train = before.split.train
        if altered:
            np.testing.assert_array_equal(after.rows.numerical[train], before.rows.numerical[train])


def test_up_to_the_limit_nothing_is_sampled_and_the_hash_stays(store: Callable[..., Loans]) -> None:
    rows = loans_of(*single_rows(300))
    loans = store(rows)
    unlimited, at_limit, above = (
        read_snapshot(loans, replace(LIMITS, max_rows=limit)) for limit in (0, 300, 299)
    )
    assert unlimited.digest == at_limit.digest == rows.digest()
    assert unlimited.sampling is at_limit.sampling is None
    assert above.sampling is not None
    hashes = {read_snapshot(loans, replace(LIMITS, max_rows=limit)).digest for limit in (299, 200, 0)}
    assert len(hashes) == 3
    with loans.snapshot_rows() as stored:
        assert [stored.digest(limit) for limit in (0, 300, 299)] == [rows.digest()] * 2 + [above.digest]


def test_rows_with_and_without_dates_are_refused_by_the_database_too(store: Callable[..., Loans]) -> None:
    rows = loans_of(*single_rows(300))
    as_of = rows.as_of.copy()
    as_of[rows.label >= 0] = np.where(np.arange((rows.label >= 0).sum()) == 5, np.datetime64("NaT"), START)
    loans = store(replace(rows, as_of=as_of))
    with pytest.raises(ValueError, match=r"1 of \d+ matured rows have no date"):
        read_snapshot(loans, replace(LIMITS, max_rows=100))
