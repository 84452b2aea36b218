"""Several partitions in one transaction: the same rows in any order, whole partitions for readers, one connection."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg2
import pytest

from loan_default_assets.warehouse import loans as loans_module
from loan_default_assets.warehouse import partition_writes
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import DuplicateRow, WarehouseError
from loan_default_assets.warehouse.loans import LoanRows, Loans, Replaced
from loan_default_assets_tests.warehouse.one_partition import replace_raw
from loan_default_assets_tests.warehouse.samples import ids, portfolio, processed, raw

KEYS = [(date(2024, 1, 1) + timedelta(days=day)).isoformat() for day in range(12)]


@pytest.fixture
def database(sample_database: Database) -> Database:
    return sample_database


@pytest.fixture
def loans(database: Database) -> Loans:
    return Loans(database, portfolio())


def frames(rows: int = 7, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Rows for all partitions; every fourth one is empty."""
    return {
        key: raw(ids(rows if number % 4 else 0), key=key, seed=seed + number)
        for number, key in enumerate(KEYS)
    }


def chunks(
    parts: dict[str, pd.DataFrame], rows: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """The rows of all partitions in any order, `rows` at a time."""
    keys = np.concatenate([np.full(len(frame), key) for key, frame in parts.items()])
    frame = pd.concat([part for part in parts.values() if len(part)], ignore_index=True)
    order = np.random.default_rng(seed).permutation(len(frame))
    for first in range(0, len(order), rows):
        some = order[first : first + rows]
        yield keys[some], frame.iloc[some]


@pytest.mark.parametrize("rows", [1, 10, 1000])
def test_partitions_together_are_the_same_as_one_by_one(rows: int, loans: Loans) -> None:
    for key, frame in frames().items():
        replace_raw(loans, key, frame)
    before = loans.table_hash("raw_data")
    sizes = [len(frame) for frame in frames().values()]

    unchanged = [Replaced(size, changed=False) for size in sizes]
    assert loans.replace_raw_partitions(KEYS, chunks(frames(), rows)) == unchanged
    loans.replace_raw_partitions(KEYS, chunks(frames(rows=4, seed=50), rows))
    assert loans.table_hash("raw_data") != before
    assert loans.replace_raw_partitions(KEYS[::-1], chunks(frames(), rows, seed=1)) == [
        Replaced(size, changed=size > 0) for size in sizes[::-1]
    ]
    assert loans.table_hash("raw_data") == before


def test_rows_that_did_not_arrive_change_nothing(loans: Loans, monkeypatch: pytest.MonkeyPatch) -> None:
    loans.replace_raw_partitions(KEYS, chunks(frames(), 10))
    before = loans.table_hash("raw_data")
    copy_in = partition_writes.copy_in

    def lossy(cursor: Any, statement: Any, content: Iterable[bytes]) -> int:
        header, first, *_, trailer = content
        return copy_in(cursor, statement, (header, first, trailer))

    monkeypatch.setattr(partition_writes, "copy_in", lossy)
    with pytest.raises(WarehouseError, match="10 of 63 rows arrived"):
        loans.replace_raw_partitions(KEYS, chunks(frames(seed=9), 10))
    assert loans.table_hash("raw_data") == before


def test_new_changed_unchanged_emptied_and_empty_partitions(loans: Loans) -> None:
    same, larger, other, emptied, empty, new, left = KEYS[:7]
    for key in (same, larger, other, emptied, left):
        replace_raw(loans, key, raw(ids(6), key=key))
    given = {
        new: raw(ids(2), key=new),
        larger: raw(ids(9), key=larger),
        same: raw(ids(6), key=same),
        other: raw(ids(6), key=other, seed=1),
    }
    replaced = loans.replace_raw_partitions([new, larger, empty, same, emptied, other], chunks(given, 5))
    assert [(entry.rows, entry.changed) for entry in replaced] == [
        (2, True),
        (9, True),
        (0, False),
        (6, False),
        (0, True),
        (6, True),
    ]
    assert {key: state.raw_rows for key, state in loans.partitions().items()} == {
        same: 6,
        larger: 9,
        other: 6,
        new: 2,
        left: 6,
    }
    assert loans.read_raw(other)["amount"].tolist() == given[other]["amount"].tolist()
    assert loans.replace_raw_partitions([new, larger], iter([])) == [Replaced(0, changed=True)] * 2
    assert loans.replace_raw_partitions([new, larger], iter([])) == [Replaced(0, changed=False)] * 2


def test_rows_that_are_stored_already_are_not_written(loans: Loans, database: Database) -> None:
    def written() -> list[tuple[str]]:
        with database.transaction() as cursor:
            cursor.execute("SELECT DISTINCT xmin::text FROM raw_data")
            return list(cursor.fetchall())

    loans.replace_raw_partitions(KEYS, chunks(frames(), 20))
    before = written()
    loans.replace_raw_partitions(KEYS, chunks(frames(), 9))
    assert written() == before


@pytest.mark.parametrize("stored", [True, False])
def test_an_error_leaves_all_partitions_as_they_were(stored: bool, loans: Loans) -> None:
    if stored:
        loans.replace_raw_partitions(KEYS, chunks(frames(), 20))
    before = loans.table_hash("raw_data")
    changed = frames(seed=9)

    def interrupted() -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        yield from chunks(changed, 10)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loans.replace_raw_partitions(KEYS, interrupted())
    with pytest.raises(DuplicateRow, match="duplicate key"):
        loans.replace_raw_partitions(KEYS, [*chunks(changed, 10), *chunks(changed, 10)])
    wrong = changed | {KEYS[-1]: raw(ids(3), key=KEYS[-1]).assign(label=2.0)}
    with pytest.raises(WarehouseError, match="check constraint"):
        loans.replace_raw_partitions(KEYS, chunks(wrong, 10))
    assert loans.table_hash("raw_data") == before


def test_rows_of_partitions_that_were_not_asked_for_are_refused(loans: Loans) -> None:
    with pytest.raises(WarehouseError, match="rows of other partitions"):
        loans.replace_processed_partitions(KEYS[:2], [processed(ids(3), key=KEYS[2])])
    assert loans.counts()["processed_data"] == 0


@pytest.mark.parametrize("most_locks", [0, 5, 250])
def test_writers_of_overlapping_partitions_in_any_order_and_readers(
    most_locks: int, loans: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No deadlock; readers see each partition as one writer left it, the last state likewise."""
    monkeypatch.setattr(partition_writes, "_MOST_LOCKS", most_locks)
    sizes = {20: 1, 30: 2}
    states = {
        size: {key: processed(ids(size), key=key, seed=seed) for key in KEYS} for size, seed in sizes.items()
    }
    expected = {key: {states[size][key].digest() for size in sizes} for key in KEYS}
    loans.replace_processed_partitions(KEYS, states[20].values())
    done = threading.Event()

    def write(size: int, keys: list[str]) -> None:
        for number in range(12):
            some = keys if number % 2 else keys[:3]
            loans.replace_processed_partitions(some, [states[size][key] for key in some])

    def read() -> int:
        count = 0
        while not done.is_set():
            for key in KEYS[::4]:
                assert loans.read_processed(keys=[key]).digest() in expected[key]
                count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write, 20, KEYS), pool.submit(write, 30, KEYS[::-1])]
        for writer in writers:
            writer.result()
        done.set()
        assert reader.result()
    for key in KEYS:
        assert loans.read_processed(keys=[key]).digest() in expected[key]


def test_one_connection_to_write_all_partitions_and_one_to_read_them(
    loans: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    connect = psycopg2.connect

    def counted(*arguments: object, **options: object) -> object:
        opened.append(arguments)
        return connect(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(psycopg2, "connect", counted)
    monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", 1)
    loans.replace_raw_partitions(KEYS, chunks(frames(), 5))
    assert len(opened) == 1
    read = list(loans.read_raw_batches(KEYS))
    assert len(opened) == 2
    assert {len(frame) for frame in read} == {1}
    assert len(read) == sum(map(len, frames().values()))


@pytest.mark.parametrize("rows", [1, 9, 63, 1000])
def test_raw_rows_of_several_partitions(rows: int, loans: Loans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", rows)
    loans.replace_raw_partitions(KEYS, chunks(frames(), 20))
    batches = list(loans.read_raw_batches([*KEYS, "2030-01-01"]))
    assert all(len(batch) == rows for batch in batches[:-1])
    read = pd.concat(batches, ignore_index=True)
    assert read["partition_key"].tolist() == [
        key for key, frame in frames().items() for _ in range(len(frame))
    ]
    for key, part in read.groupby("partition_key", observed=True):
        alone = loans.read_raw(str(key)).reset_index(drop=True)
        together = part.drop(columns="partition_key").reset_index(drop=True)
        pd.testing.assert_frame_equal(
            together.astype({"purpose": object}), alone.astype({"purpose": object}), check_dtype=False
        )
    assert not list(loans.read_raw_batches([]))
    assert not list(loans.read_raw_batches([KEYS[0]]))


def test_each_row_is_fetched_once_however_many_batches_there_are(
    loans: Loans, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", 100)
    loans.replace_raw_partitions(KEYS, chunks(frames(rows=300), 500))

    def fetched() -> int:
        with database.transaction() as cursor:
            cursor.execute(
                "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), pg_stat_force_next_flush() "
                "FROM pg_stat_user_tables WHERE schemaname = 'sample' AND relname LIKE 'raw_data%'"
            )
            return int(cursor.fetchall()[0][0])

    with database.transaction() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), count(*) FROM raw_data")
        rows = cursor.fetchall()[0][1]
    before = fetched()
    with Database.connected(database) as connected:
        read = sum(map(len, Loans(connected, portfolio()).read_raw_batches(KEYS)))
        with connected.transaction() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
    assert read == rows == 2700
    assert rows <= fetched() - before <= 2 * rows


def test_processed_rows_of_several_partitions_in_one_chunk(loans: Loans) -> None:
    parts = [processed([f"{key}-{n}" for n in ids(number)], key=key) for number, key in enumerate(KEYS)]
    together = LoanRows(
        *(np.concatenate(values) for values in zip(*(vars(p).values() for p in parts), strict=True))
    )
    replaced = loans.replace_processed_partitions(KEYS, [together])
    assert [entry.rows for entry in replaced] == list(range(12))
    assert loans.read_processed().digest() == together.digest()
