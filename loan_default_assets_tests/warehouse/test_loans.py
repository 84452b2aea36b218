"""Partitions: round trips, replacement as a whole, and concurrent readers and writers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.warehouse import table_hashes
from loan_default_assets.warehouse.copy import loan_rows
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loans import DefaultRate, Loans, PartitionState, Replaced
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import COLUMNS, DAY, ids, portfolio, processed, raw

NEXT = "2024-01-02"


@pytest.fixture
def database(sample_database: Database) -> Database:
    return sample_database


@pytest.fixture
def loans(database: Database) -> Loans:
    return Loans(database, portfolio())


def equal(one: LoanRows, other: LoanRows) -> bool:
    return one.digest() == other.digest()


@pytest.mark.parametrize("n", [0, 1, 7, 26_000])
def test_raw_rows_round_trip(n: int, loans: Loans) -> None:
    frame = raw(ids(n))
    assert replace_raw(loans, DAY, frame) == Replaced(n, changed=n > 0)
    read = loans.read_raw(DAY)
    pd.testing.assert_frame_equal(read, frame, check_categorical=False)
    assert replace_raw(loans, DAY, read.sample(frac=1, random_state=1)) == Replaced(n, changed=False)


@pytest.mark.parametrize(
    "names", [["a"], ["z", "a", "m" * 200], ["원화-1", "ü", 'a,b\n"c"', "a"], ids(26_000)]
)
def test_processed_rows_round_trip_in_order(names: list[str], loans: Loans) -> None:
    rows = processed(names)
    assert replace_processed(loans, DAY, rows) == Replaced(len(names), changed=True)
    read = loans.read_processed()
    order = np.argsort(rows.loan_id)
    for field in (
        "partition_key",
        "loan_id",
        "as_of",
        "numerical",
        "categorical",
        "label",
        "label_observed_at",
    ):
        np.testing.assert_array_equal(getattr(read, field), getattr(rows, field)[order])
        assert getattr(read, field).dtype.kind == getattr(rows, field).dtype.kind
    assert replace_processed(loans, DAY, read) == Replaced(len(names), changed=False)


def test_the_special_values_of_features(loans: Loans) -> None:
    rows = processed(ids(4))
    rows.numerical[:] = np.array([np.nan, -0.0, np.finfo("f4").max, np.finfo("f4").tiny])
    rows.categorical[:, 0] = [0, 1, 32_767, 2]
    rows = replace(rows, as_of=np.array(["1899-01-01", "2262-01-01", "NaT", "2000-01-01"], "datetime64[D]"))
    replace_processed(loans, DAY, rows)
    assert equal(loans.read_processed(), rows)


@pytest.mark.parametrize("columns", [{"amount": COLUMNS["amount"]}, {"purpose": COLUMNS["purpose"]}])
def test_a_portfolio_without_categories_or_without_numbers(
    columns: dict[str, Any], database_url: str
) -> None:
    slim = portfolio(columns=columns)
    database = Database(database_url, "sample")
    database.migrate(slim)
    loans = Loans(database, slim)
    whole = processed(ids(5))
    names = slim.features
    rows = replace(
        whole,
        numerical=whole.numerical[:, : len(names.numerical)],
        categorical=whole.categorical[:, : len(names.categorical)],
    )
    replace_processed(loans, DAY, rows)
    assert equal(loans.read_processed(), rows)


def test_different_rows_have_different_digests() -> None:
    rows = processed(ids(10))
    other_nan = rows.numerical.copy()
    other_nan[np.isnan(other_nan)] = -np.float32(np.nan)
    assert replace(
        rows, numerical=other_nan, label_observed_at=rows.label_observed_at.astype("M8[ns]")
    ).digest() == (rows.digest())
    changed = [
        replace(rows, numerical=rows.numerical + 1),
        replace(rows, categorical=rows.categorical[::-1].copy()),
        replace(rows, label=-rows.label),
        replace(rows, loan_id=np.roll(rows.loan_id, 1)),
        replace(rows, as_of=rows.as_of + 1),
    ]
    assert len({rows.digest(), *(other.digest() for other in changed)}) == 6


@pytest.mark.parametrize("rows", [1, 2, 7, 8])
def test_the_digest_does_not_depend_on_how_the_texts_are_divided(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loans = processed(ids(7))
    whole = loans.digest()
    monkeypatch.setattr(loan_rows, "_ROWS_PER_CHUNK", rows)
    assert loans.digest() == whole


def test_only_rows_of_this_portfolio_known_by_the_cutoff(database: Database, loans: Loans) -> None:
    for key in (DAY, NEXT):
        replace_raw(loans, key, raw(ids(10), key=key))
        replace_processed(loans, key, processed(ids(10), key=key))
    known = [len(loans.read_processed(cutoff=date(2024, 1, day))) for day in (1, 2, 3)]
    assert known == [0, 10, 20]
    assert list(np.unique(loans.read_processed(keys=[NEXT, "2024-02-01"]).partition_key)) == [NEXT]
    assert len(loans.read_processed(keys=[])) == 0
    assert loans.cutoff() == date(2024, 1, 3)
    assert loans.partitions() == dict.fromkeys((DAY, NEXT), PartitionState(10, 10, stale=False))
    assert loans.default_rates()[DAY] == DefaultRate(10, 6, 3)
    assert loans.default_rates()[DAY].rate == 0.5

    changed = portfolio(columns=COLUMNS | {"income": {"kind": "number", "nullable": True}})
    database.migrate(changed)
    later = Loans(database, changed)
    assert len(later.read_processed()) == 0
    assert later.cutoff() is None
    assert later.partitions()[DAY] == PartitionState(10, 10, stale=True)
    rows = processed(ids(10))
    replace_processed(later, DAY, replace(rows, numerical=np.hstack([rows.numerical, rows.numerical[:, :1]])))
    assert not later.partitions()[DAY].stale
    assert len(later.read_processed()) == 10
    assert len(loans.read_processed()) == 10


@pytest.mark.parametrize("cadence", ["daily", "monthly"])
def test_data_of_a_partition_that_has_not_ended_are_known_up_to_today(
    database: Database, loans: Loans, cadence: str
) -> None:
    today = date.today()
    p = portfolio().model_copy(update={"cadence": cadence})
    key = p.partition_of(today)
    rows = processed(ids(5), key=today.isoformat())
    replace_processed(Loans(database, p), key, replace(rows, partition_key=np.full(5, key)))
    cutoff = Loans(database, p).cutoff()
    with database.transaction() as cursor:
        cursor.execute("SELECT cutoff FROM data_cutoff")
        ((stored,),) = cursor.fetchall()
    # A day later where the test passes midnight.
    assert today <= cutoff <= stored <= date.today()


def test_a_portfolio_without_dates_has_no_cutoff(database_url: str) -> None:
    undated = portfolio(
        as_of=None, start=None, label={"column": "bad"}, columns={"amount": COLUMNS["amount"]}
    )
    database = Database(database_url, "sample")
    database.migrate(undated)
    loans = Loans(database, undated)
    rows = processed(ids(3))
    rows = replace(
        rows,
        partition_key=np.full(3, "snapshot"),
        as_of=np.full(3, np.datetime64("NaT", "D")),
        numerical=rows.numerical[:, :1],
        categorical=rows.categorical[:, :0],
    )
    replace_processed(loans, "snapshot", rows)
    assert loans.cutoff() is None
    assert equal(loans.read_processed(cutoff=date(2000, 1, 1)), rows)


def test_a_smaller_partition_replaces_a_larger_one(loans: Loans) -> None:
    replace_raw(loans, DAY, raw(ids(10)))
    replace_raw(loans, NEXT, raw(ids(10), key=NEXT))
    assert replace_raw(loans, DAY, raw(ids(4))) == Replaced(4, changed=True)
    assert replace_raw(loans, DAY, raw([])) == Replaced(0, changed=True)
    assert replace_raw(loans, DAY, raw([])) == Replaced(0, changed=False)
    assert loans.counts() == {
        **{"raw_data": 10, "processed_data": 0, "model_metadata": 0, "predictions": 0, "model_performance": 0}
    }


def test_rows_and_the_first_partition_of_a_table(
    database_url: str, loans: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Loans(Database(database_url, "not_migrated"), portfolio()).first_partition() is None
    assert loans.first_partition() is None
    replace_raw(loans, NEXT, raw(ids(3), key=NEXT))
    assert loans.first_partition() == NEXT
    replace_raw(loans, DAY, raw(ids(2)))
    assert loans.first_partition() == DAY
    assert [loans.total_rows(table) for table in ("raw_data", "processed_data", "scored_loans")] == [5, 0, 0]
    monkeypatch.setattr(table_hashes, "_MOST_COUNTED", -1)
    assert loans.total_rows("raw_data") is None


def test_table_hashes_do_not_depend_on_order_or_history(loans: Loans) -> None:
    for key in (DAY, NEXT):
        replace_raw(loans, key, raw(ids(10), key=key))
        replace_processed(loans, key, processed(ids(10), key=key))
    before = {table: loans.table_hash(table) for table in loans.counts()}
    replace_raw(loans, DAY, raw(ids(10), seed=1))
    assert loans.table_hash("raw_data") != before["raw_data"]
    for key in (NEXT, DAY):
        replace_raw(loans, key, raw(ids(10), key=key).iloc[::-1])
        replace_processed(loans, key, processed(ids(10, 5), key=key))
        replace_processed(loans, key, processed(ids(10), key=key))
    assert {table: loans.table_hash(table) for table in loans.counts()} == before
    with pytest.raises(WarehouseError, match="none of the tables"):
        loans.table_hash("pg_class")


def broken(**columns: Any) -> pd.DataFrame:
    return raw(ids(5)).assign(**columns)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        pytest.param(broken(loan_id="same"), "duplicate key value", id="duplicate"),
        pytest.param(broken(label=0.5), "column label .*does not hold smallint", id="label"),
        pytest.param(broken(label=2.0), "violates check constraint", id="label 2"),
        pytest.param(
            broken(inquiries=1.5), "column inquiries between rows 1 and 5 does not hold bigint", id="whole"
        ),
        pytest.param(broken(note="a\0b"), "row 1 of the rows sent", id="zero byte"),
        pytest.param(broken().drop(columns="note"), "column note", id="missing"),
        pytest.param(broken(amount="x"), "column amount .*does not hold double", id="text"),
        pytest.param(broken(loan_id=None), "null value in column", id="no key"),
    ],
)
def test_invalid_raw_rows_change_nothing(frame: pd.DataFrame, message: str, loans: Loans) -> None:
    replace_raw(loans, DAY, raw(ids(3)))
    before = loans.table_hash("raw_data")
    with pytest.raises(WarehouseError, match=message):
        replace_raw(loans, DAY, frame)
    assert loans.table_hash("raw_data") == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numerical": np.zeros((5, 2), "f4")}, r"shapes \(5, 2\)"),
        ({"partition_key": np.full(5, NEXT)}, "rows of other partitions"),
        ({"loan_id": np.array(["a", "", "b", "c", "d"])}, "empty loan id"),
        ({"loan_id": np.full(5, "same")}, "duplicate key"),
        ({"label": np.full(5, 3, "i1")}, "check constraint"),
    ],
)
def test_invalid_features_change_nothing(change: dict[str, np.ndarray], message: str, loans: Loans) -> None:
    replace_processed(loans, DAY, processed(ids(3)))
    before = loans.table_hash("processed_data")
    with pytest.raises(WarehouseError, match=message):
        replace_processed(loans, DAY, replace(processed(ids(5)), **change))
    assert loans.table_hash("processed_data") == before


def test_two_writers_and_readers_of_one_partition(loans: Loans) -> None:
    """Readers see one complete state or the other; the last state is that of one writer."""
    sizes = {200: 1, 300: 2}
    states = {size: processed(ids(size), seed=seed) for size, seed in sizes.items()}
    digests = {rows.digest() for rows in states.values()}
    replace_processed(loans, DAY, states[200])
    replace_raw(loans, DAY, raw(ids(200)))
    done = threading.Event()

    def write(size: int) -> None:
        for _ in range(15):
            replace_processed(loans, DAY, states[size])
            replace_raw(loans, DAY, raw(ids(size)))

    def read() -> tuple[set[str], set[int]]:
        seen: set[str] = set()
        rows: set[int] = set()
        while not done.is_set():
            seen.add(loans.read_processed().digest())
            rows.add(len(loans.read_raw(DAY)))
        return seen, rows

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, size) for size in sizes]
        for writer in writers:
            writer.result()
        done.set()
        for reader in readers:
            seen, rows = reader.result()
            assert seen <= digests
            assert rows <= set(sizes)
    assert loans.read_processed().digest() in digests


def test_writers_of_different_partitions_do_not_block_each_other(database: Database, loans: Loans) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"sample.raw_data.{DAY}",))
        replace_raw(loans, NEXT, raw(ids(3), key=NEXT))
    assert loans.counts()["raw_data"] == 3
