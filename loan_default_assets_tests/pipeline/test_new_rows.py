import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loan_default_assets.pipeline import load_loans
from loan_default_assets.pipeline.new_rows import new_rows, source_state
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.deliveries import (
    DAYS,
    Folder,
    Table,
    load_new,
    of_days,
    opened,
    rows_by_day,
    search,
)

FIRST, SECOND, THIRD, FOURTH = DAYS


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "in").mkdir()
    return Folder(tmp_path / "in")


@pytest.fixture
def delivered(folder: Folder, tmp_path: Path, database_url: str) -> BankSteps:
    """Two files with the loans of three days, loaded."""
    folder.deliver("a.csv", of_days(FIRST, SECOND))
    folder.deliver("b.csv", of_days(THIRD, rows=slice(3)))
    steps = opened(tmp_path, database_url, folder.source())
    assert load_new(steps) == [FIRST, SECOND, THIRD]
    return steps


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(tmp_path / "loans.db")
    table.insert(of_days(FIRST, SECOND), changed=100)
    table.insert(of_days(THIRD, rows=slice(3)), changed=200)
    return table


@pytest.fixture
def queried(table: Table, tmp_path: Path, database_url: str) -> BankSteps:
    """The table's loans of three days, loaded."""
    steps = opened(tmp_path, database_url, table.source())
    assert load_new(steps) == [FIRST, SECOND, THIRD]
    return steps


def test_nothing_is_loaded_twice(delivered: BankSteps) -> None:
    assert rows_by_day(delivered) == {FIRST: 6, SECOND: 6, THIRD: 3}
    assert search(delivered).keys == ()
    assert not any(part.changed for part in delivered.load([FIRST, SECOND]).partitions)
    assert {key: each.loads for key, each in delivered.loans.loaded.read().items()} == {
        FIRST: 2,
        SECOND: 2,
        THIRD: 1,
    }


FILES: dict[str, tuple[Callable[[Folder], object], list[str], dict[str, int]]] = {
    "rows of a new day": (
        lambda f: f.deliver("c.csv", of_days(FOURTH)),
        [FOURTH],
        {FIRST: 6, SECOND: 6, THIRD: 3, FOURTH: 6},
    ),
    "more rows of the newest day": (
        lambda f: f.deliver("c.csv", of_days(THIRD, rows=slice(3, None))),
        [THIRD],
        {FIRST: 6, SECOND: 6, THIRD: 6},
    ),
    "a late row of an old day, in a file with new ones": (
        lambda f: f.deliver(
            "c.csv", of_days(FIRST, FOURTH, rows=slice(1)).replace("000-000", "000-late"), age=9000
        ),
        [FIRST, FOURTH],
        {FIRST: 7, SECOND: 6, THIRD: 3, FOURTH: 1},
    ),
    "a file that is replaced by one of other days": (
        lambda f: f.deliver("b.csv", of_days(FOURTH)),
        [THIRD, FOURTH],
        {FIRST: 6, SECOND: 6, FOURTH: 6},
    ),
    "a file that is written under another name": (
        lambda f: f.deliver("c.csv.part", of_days(FOURTH)),
        [],
        {FIRST: 6, SECOND: 6, THIRD: 3},
    ),
    "a file that is being written": (
        lambda f: f.deliver("c.csv", of_days(FOURTH), age=0),
        [],
        {FIRST: 6, SECOND: 6, THIRD: 3},
    ),
}


@pytest.mark.parametrize(("change", "keys", "rows"), FILES.values(), ids=FILES)
def test_files(
    delivered: BankSteps,
    folder: Folder,
    change: Callable[[Folder], object],
    keys: list[str],
    rows: dict[str, int],
) -> None:
    change(folder)
    assert list(search(delivered).keys) == keys
    if keys:
        delivered.load(keys)
        delivered.features(keys)
    assert search(delivered).keys == ()
    assert rows_by_day(delivered) == rows


ROWS: dict[str, tuple[Callable[[Table], object], list[str], dict[str, int]]] = {
    "rows of a new day": (
        lambda t: t.insert(of_days(FOURTH), 300),
        [FOURTH],
        {FIRST: 6, SECOND: 6, THIRD: 3, FOURTH: 6},
    ),
    "more rows of the newest day": (
        lambda t: t.insert(of_days(THIRD, rows=slice(3, None)), 300),
        [THIRD],
        {FIRST: 6, SECOND: 6, THIRD: 6},
    ),
    "a row of an old day that is committed late, below the newest watermark": (
        lambda t: t.insert(of_days(FIRST, rows=slice(1)).replace("000-000", "000-late"), 50),
        [FIRST],
        {FIRST: 7, SECOND: 6, THIRD: 3},
    ),
    "a changed row": (
        lambda t: t.execute("UPDATE loans SET income = 1, changed = 300 WHERE loan = '001-002'"),
        [SECOND],
        {FIRST: 6, SECOND: 6, THIRD: 3},
    ),
    "a row that moves to another day": (
        lambda t: t.execute(f"UPDATE loans SET issued = '{THIRD}', changed = 300 WHERE loan = '001-002'"),
        [SECOND, THIRD],
        {FIRST: 6, SECOND: 5, THIRD: 4},
    ),
    "a day that is deleted": (
        lambda t: t.execute("DELETE FROM loans WHERE issued = ?", [THIRD]),
        [THIRD],
        {FIRST: 6, SECOND: 6},
    ),
}


@pytest.mark.parametrize(("change", "keys", "rows"), ROWS.values(), ids=ROWS)
def test_watermarks(
    queried: BankSteps,
    table: Table,
    change: Callable[[Table], object],
    keys: list[str],
    rows: dict[str, int],
) -> None:
    assert search(queried).keys == ()
    change(table)
    assert load_new(queried) == keys
    assert search(queried).keys == ()
    assert rows_by_day(queried) == rows


def test_a_watermark_that_the_query_does_not_have_is_named(
    table: Table, tmp_path: Path, database_url: str
) -> None:
    steps = opened(tmp_path, database_url, table.source() | {"watermark": "updated"})
    with pytest.raises(SourceError, match="no such column: updated"):
        search(steps)


@pytest.mark.parametrize("source", ["files", "table"])
def test_rows_that_arrive_while_a_partition_is_read_are_loaded_next(
    source: str, folder: Folder, table: Table, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: BankSteps = request.getfixturevalue("delivered" if source == "files" else "queried")
    late, read = of_days(THIRD, rows=slice(3, None)), load_loans.sources.read_rows

    def arriving(*given: object, **options: object) -> object:
        if source == "files":
            folder.deliver("c.csv", late)
        else:
            table.insert(late, 300)
        monkeypatch.setattr(load_loans.sources, "read_rows", read)
        return read(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(load_loans.sources, "read_rows", arriving)
    steps.load([THIRD])
    assert load_new(steps) == [THIRD]
    assert search(steps).keys == ()
    assert rows_by_day(steps)[THIRD] == 6


KILLED = """
import os, signal, sys
from datetime import date
from logging import getLogger
from loan_default_assets.pipeline import load_loans
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
portfolio = load(sys.argv[1])
record = load_loans.record_loaded
def killed(cursor, marks):
    if sys.argv[3] == "after":
        record(cursor, marks)
    os.kill(os.getpid(), signal.SIGKILL)
load_loans.record_loaded = killed
loans = Loans(Database(sys.argv[2], portfolio.name), portfolio)
load_loans.load_partitions(portfolio, loans, sys.argv[4:], today=date(2025, 6, 1), log=getLogger())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_the_rows_and_their_mark_neither_is_stored(
    delivered: BankSteps, folder: Folder, tmp_path: Path, database_url: str, moment: str
) -> None:
    folder.deliver("c.csv", of_days(THIRD, FOURTH, rows=slice(3, None)))
    hashes, marks = delivered.loans.table_hash("raw_data"), delivered.loans.loaded.read()
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED,
            str(tmp_path / "small_bank.yaml"),
            database_url,
            moment,
            THIRD,
            FOURTH,
        ],
        check=False,
        env=os.environ,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL
    assert (delivered.loans.table_hash("raw_data"), delivered.loans.loaded.read()) == (hashes, marks)
    assert load_new(delivered) == [THIRD, FOURTH]
    assert rows_by_day(delivered) == {FIRST: 6, SECOND: 6, THIRD: 6, FOURTH: 3}


def test_features_that_were_not_made_are_asked_for_again(delivered: BankSteps, folder: Folder) -> None:
    folder.deliver("c.csv", of_days(FOURTH))
    delivered.load([FOURTH])
    assert search(delivered).keys == (FOURTH,)
    delivered.features([FOURTH])
    assert search(delivered).keys == ()


def test_features_of_rows_that_were_replaced_meanwhile_count_as_old(
    delivered: BankSteps, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = type(delivered.loans).read_raw_batches

    def replaced_after_reading(loans: object, keys: list[str]) -> object:
        batches = list(read(loans, keys))  # type: ignore[arg-type]
        folder.deliver("c.csv", of_days(THIRD, rows=slice(3, None)))
        delivered.load([THIRD])
        yield from batches

    delivered.load([THIRD])
    monkeypatch.setattr(type(delivered.loans), "read_raw_batches", replaced_after_reading)
    delivered.features([THIRD])
    assert search(delivered).keys == (THIRD,)


def test_two_loads_at_once_store_the_partition_once(delivered: BankSteps, folder: Folder) -> None:
    folder.deliver("c.csv", of_days(THIRD, FOURTH, rows=slice(3, None)))
    threads = [threading.Thread(target=delivered.load, args=([THIRD, FOURTH],)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivered.loans.loaded.read()[FOURTH].loads == 2
    delivered.features([THIRD, FOURTH])
    assert search(delivered).keys == ()
    assert rows_by_day(delivered) == {FIRST: 6, SECOND: 6, THIRD: 6, FOURTH: 3}


def test_a_file_that_is_gone_deletes_nothing(delivered: BankSteps, folder: Folder) -> None:
    hashes = delivered.loans.table_hash("raw_data")
    (folder.path / "a.csv").unlink()
    found = search(delivered)
    assert found.keys == ()
    assert {key: "a.csv: rows were loaded" in why for key, why in found.held_back.items()} == {
        FIRST: True,
        SECOND: True,
    }
    with pytest.raises(SourceError, match="it is gone; nothing was changed\nNext: put the file back"):
        delivered.load([SECOND, THIRD])
    assert delivered.loans.table_hash("raw_data") == hashes
    folder.deliver("c.csv", of_days(FOURTH))
    assert load_new(delivered) == [FOURTH], "other partitions are loaded all the same"


def test_a_portfolio_may_follow_files_that_are_gone(
    folder: Folder, tmp_path: Path, database_url: str
) -> None:
    folder.deliver("a.csv", of_days(FIRST))
    folder.deliver("b.csv", of_days(FIRST, SECOND).replace("000-", "100-", regex=True))
    steps = opened(tmp_path, database_url, folder.source(removed_files="follow"))
    load_new(steps)
    assert rows_by_day(steps) == {FIRST: 12, SECOND: 6}
    (folder.path / "b.csv").unlink()
    assert load_new(steps) == [FIRST, SECOND]
    assert rows_by_day(steps) == {FIRST: 6}


def test_a_loaded_file_that_is_written_again_is_waited_for(
    delivered: BankSteps, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.deliver("b.csv", of_days(THIRD), age=-3600)
    monkeypatch.setattr("time.time", lambda: (folder.path / "b.csv").stat().st_mtime)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    found = search(delivered)
    assert found.keys == ()
    assert "b.csv: the file is being written" in found.held_back[THIRD]
    with pytest.raises(SourceError, match="the file is being written; run again when it is complete"):
        delivered.load([THIRD])
    assert waits == [delivered.portfolio.source.settle_seconds]


def test_files_that_were_not_looked_into_yet_hold_back_what_they_may_change(
    delivered: BankSteps, folder: Folder
) -> None:
    folder.deliver("b.csv", of_days(FOURTH))
    loaded = delivered.loans.loaded
    before = loaded.read()
    state = source_state(delivered.portfolio, loaded, today=small_bank.TODAY, seconds=-1)
    found = new_rows(delivered.portfolio, state, before)
    assert (state.unread, found.keys) == (1, ())
    assert found.held_back == {THIRD: "1 files were not looked into yet"}
    assert search(delivered).keys == (THIRD, FOURTH)


def test_another_calendar_looks_into_the_files_again(delivered: BankSteps) -> None:
    monthly = delivered.portfolio.model_copy(update={"cadence": "monthly"})
    monthly.__dict__.pop("hash", None)
    state = source_state(monthly, delivered.loans.loaded, today=small_bank.TODAY)
    assert list(state.marks) == [FIRST]


def test_a_loan_in_two_files_of_a_day_is_refused_with_its_rows(delivered: BankSteps, folder: Folder) -> None:
    folder.deliver("c.csv", of_days(THIRD, rows=slice(1)))
    hashes = delivered.loans.table_hash("raw_data")
    with pytest.raises(ChecksFailedError) as error:
        delivered.load([THIRD])
    [(key, violation)] = error.value.checks[0].violations
    assert (key, violation.rows) == (THIRD, (1, 4))
    assert delivered.loans.table_hash("raw_data") == hashes


def test_a_cell_that_does_not_fit_names_its_file_and_row(delivered: BankSteps, folder: Folder) -> None:
    folder.deliver("c.csv", of_days(THIRD, rows=slice(3, None)).assign(income=["1", "2", "many"]))
    with pytest.raises(SourceError, match=r"c\.csv.*income.*\b3\b") as error:
        delivered.load([THIRD])
    assert "many" not in str(error.value)


def test_a_source_that_is_not_watched_leaves_no_marks(steps: BankSteps) -> None:
    steps.load(steps.keys[:2])
    steps.features(steps.keys[:2])
    assert steps.loans.loaded.read() == {}
