"""The journal's files: nothing lost, nothing twice, whatever dies."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bento.prediction_log import file_locks
from bento.prediction_log.shipper import DatabaseUnreachable, Shipper
from bento.prediction_log.spool import Spool, SpoolFull


def drain(spool: Spool) -> list[bytes]:
    """Everything undelivered, which is then delivered."""
    found: list[bytes] = []
    while True:
        records, size = spool.read()
        if not records:
            return found
        found.extend(records)
        spool.done(size)


def lines(count: int, size: int = 20) -> list[bytes]:
    return [f"{n}:".encode().ljust(size, b"x") for n in range(count)]


@pytest.mark.parametrize(
    ("segment_bytes", "size"), [(1 << 20, 20), (100, 20), (50, 2000), (1 << 20, 3 << 20)]
)
def test_records_come_back_in_order_and_their_files_go(tmp_path: Path, segment_bytes: int, size: int) -> None:
    spool = Spool(tmp_path, limit_bytes=1 << 30, segment_bytes=segment_bytes)
    wanted = lines(7, size)
    for record in wanted[:4]:
        spool.append([record])
    spool.append(wanted[4:])
    assert spool.waiting_bytes == sum(len(record) + 1 for record in wanted)
    assert drain(spool) == wanted
    assert spool.waiting_bytes == 0
    spool.close()
    assert not list(tmp_path.iterdir())


def test_a_full_spool_takes_nothing_until_it_is_delivered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=100)
    spool.append(lines(4))
    with pytest.raises(SpoolFull):
        spool.append(lines(1))
    assert drain(spool) == lines(4)
    spool.append(lines(4))


def test_what_is_undelivered_at_the_end_is_adopted(tmp_path: Path) -> None:
    first = Spool(tmp_path, limit_bytes=1 << 20, segment_bytes=50)
    first.append(lines(3))
    first.append(lines(2))
    first.close()
    second = Spool(tmp_path, limit_bytes=1 << 20)
    assert sorted(drain(second)) == sorted(lines(3) + lines(2))


def test_a_living_process_keeps_its_files(tmp_path: Path) -> None:
    first = Spool(tmp_path, limit_bytes=1 << 20)
    first.append(lines(3))
    second = Spool(tmp_path, limit_bytes=1 << 20)
    assert drain(second) == []
    assert drain(first) == lines(3)


def _write_and_wait(folder: str, ready: threading.Event) -> None:
    spool = Spool(Path(folder), limit_bytes=1 << 20)
    spool.append(lines(5))
    os.write(spool._active.descriptor, b"torn record")
    ready.set()
    signal.pause()


def test_a_killed_process_loses_nothing_and_a_torn_line_is_none(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_write_and_wait, args=(str(tmp_path), ready))
    process.start()
    assert ready.wait(30)
    survivor = Spool(tmp_path, limit_bytes=1 << 20)
    assert drain(survivor) == []
    process.kill()
    process.join()
    assert survivor.adopt() == 1
    assert drain(survivor) == lines(5)


def test_a_removed_lock_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    held = file_locks.create(path)
    assert file_locks.take(path) is None
    os.close(held)
    taken = file_locks.take(path)
    assert taken is not None
    path.unlink()
    os.close(taken)
    assert file_locks.take(path) is None


class Table:
    """A table that ignores what it has; `away` and `poison` are its moods."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.calls = 0
        self.away = False
        self.reached = threading.Event()

    def store(self, records: Sequence[bytes]) -> None:
        self.calls += 1
        if self.away:
            self.reached.set()
            raise DatabaseUnreachable
        if any(b"poison" in record for record in records):
            raise ValueError("refused")
        self.rows.extend(record for record in records if record not in self.rows)


@pytest.fixture
def table() -> Table:
    return Table()


def test_delivery_empties_the_spool(tmp_path: Path, table: Table) -> None:
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, tmp_path / "refused")
    spool.append(lines(50))
    shipper.wake()
    shipper.stop(10)
    assert table.rows == lines(50)
    assert (shipper.delivered, spool.waiting_bytes) == (50, 0)


def test_records_wait_while_the_table_is_away(tmp_path: Path, table: Table) -> None:
    table.away = True
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, tmp_path / "refused")
    spool.append(lines(5))
    shipper.wake()
    assert table.reached.wait(10)
    spool.append(lines(9)[5:])
    table.away = False
    shipper.stop(10)
    assert table.rows == lines(9)


def test_what_could_not_be_delivered_waits_for_the_next_process(tmp_path: Path, table: Table) -> None:
    table.away = True
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, tmp_path / "refused")
    spool.append(lines(5))
    shipper.stop(0)
    spool.close()
    table.away = False
    again = Spool(tmp_path / "s", 1 << 20)
    Shipper(again, table.store, tmp_path / "refused").stop(10)
    assert table.rows == lines(5)


def test_a_refused_record_stops_no_other(tmp_path: Path, table: Table) -> None:
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, tmp_path / "refused")
    spool.append([*lines(10), b"poison", *lines(20)[10:]])
    shipper.stop(10)
    assert sorted(table.rows) == sorted(lines(20))
    assert (tmp_path / "refused").read_bytes() == b"poison\n"
    assert shipper.set_aside == 1
