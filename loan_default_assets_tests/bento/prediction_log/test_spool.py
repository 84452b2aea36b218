"""Spool and shipper: no record is lost or delivered twice, whichever process ends."""

import errno
import fcntl
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bento.prediction_log import file_locks
from bento.prediction_log import spool as spool_module
from bento.prediction_log.shipper import DatabaseUnreachable, Shipper
from bento.prediction_log.spool import Spool, SpoolFull, take_in


def drain(spool: Spool) -> list[bytes]:
    """All undelivered records, which are marked as delivered."""
    drained: list[bytes] = []
    while True:
        records, size = spool.read()
        if not records:
            return drained
        drained.extend(records)
        spool.done(size)


def lines(count: int, size: int = 20) -> list[bytes]:
    return [f"{n}:".encode().ljust(size, b"x") for n in range(count)]


@pytest.mark.parametrize(
    ("segment_bytes", "size"), [(1 << 20, 20), (100, 20), (50, 2000), (1 << 20, 3 << 20)]
)
def test_records_are_read_in_order_and_delivered_segments_are_removed(
    tmp_path: Path, segment_bytes: int, size: int
) -> None:
    spool = Spool(tmp_path, limit_bytes=1 << 30, segment_bytes=segment_bytes)
    records = lines(7, size)
    for record in records[:4]:
        spool.append([record])
    spool.append(records[4:])
    assert spool.waiting_bytes == sum(len(record) + 1 for record in records)
    assert drain(spool) == records
    assert spool.waiting_bytes == 0
    spool.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("exists", [True, False])
def test_folder_and_files_are_the_owners_alone(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "spool"
    before = os.umask(0)
    try:
        if exists:
            folder.mkdir()
        spool = Spool(folder, limit_bytes=1 << 20)
        spool.append(lines(3))
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {0o600}
    spool.close()


def test_a_full_spool_refuses_records_until_it_is_delivered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=100)
    spool.append(lines(4))
    with pytest.raises(SpoolFull):
        spool.append(lines(1))
    assert drain(spool) == lines(4)
    spool.append(lines(4))


def test_delivered_records_leave_the_disk_though_others_keep_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure waits for that; the segment of a busy service is never delivered to its end."""
    monkeypatch.setattr(spool_module, "SEGMENT_SECONDS", 0.0)
    spool = Spool(tmp_path, limit_bytes=1 << 20)
    spool.append(lines(1))
    for record in lines(9)[1:]:
        _, size = spool.read()
        spool.append([record])
        spool.done(size)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [record for record in lines(9)[:6] if record in kept]
    assert drain(spool) == lines(9)[-1:]


def test_undelivered_records_of_a_closed_spool_are_adopted(tmp_path: Path) -> None:
    first = Spool(tmp_path, limit_bytes=1 << 20, segment_bytes=50)
    first.append(lines(3))
    first.append(lines(2))
    first.close()
    second = Spool(tmp_path, limit_bytes=1 << 20)
    assert sorted(drain(second)) == sorted(lines(3) + lines(2))


def test_segments_of_a_living_process_are_not_adopted(tmp_path: Path) -> None:
    first = Spool(tmp_path, limit_bytes=1 << 20)
    first.append(lines(3))
    second = Spool(tmp_path, limit_bytes=1 << 20)
    assert drain(second) == []
    assert drain(first) == lines(3)


def _write_and_wait(folder: str, ready: threading.Event) -> None:
    spool = Spool(Path(folder), limit_bytes=1 << 20)
    spool.append(lines(5))
    assert spool._active is not None
    os.write(spool._active.descriptor, b"incomplete record")
    ready.set()
    signal.pause()


def test_a_killed_process_loses_no_complete_record(tmp_path: Path) -> None:
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


def test_a_removed_file_cannot_be_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    created = file_locks.create(path)
    assert file_locks.acquire(path) is None
    os.close(created)
    acquired = file_locks.acquire(path)
    assert acquired is not None
    path.unlink()
    os.close(acquired)
    assert file_locks.acquire(path) is None


def test_hidden_files_of_ended_processes_are_removed(tmp_path: Path) -> None:
    abandoned, live = tmp_path / ".a.jsonl.new", tmp_path / ".b.jsonl.new"
    abandoned.touch()
    descriptor = os.open(live, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    spool = Spool(tmp_path, limit_bytes=100)
    assert not abandoned.exists()
    assert live.exists()
    os.close(descriptor)
    spool.adopt()
    assert not live.exists()


def test_a_file_that_is_removed_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            file_locks.remove_abandoned(tmp_path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    descriptor = file_locks.create(tmp_path / "a.lock")
    assert os.fstat(descriptor).st_nlink == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.lock"]


def test_a_disk_that_the_spool_has_filled_is_free_again_after_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capacity, write = 1000, os.write

    def limited_write(descriptor: int, data: bytes) -> int:
        free = capacity - sum(path.stat().st_size for path in tmp_path.iterdir())
        if free <= 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(descriptor, data[:free])

    spool = Spool(tmp_path, limit_bytes=1 << 20)
    monkeypatch.setattr(os, "write", limited_write)
    spool.append(lines(1, size=899))
    with pytest.raises(OSError, match="no space left"):
        spool.append(lines(1, size=200))
    assert drain(spool) == lines(1, size=899)
    spool.append(lines(1, size=899))
    spool.append(lines(1))
    assert drain(spool) == [*lines(1, size=899), *lines(1)]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_segments_in_the_folder_of_the_release_before_are_shipped(tmp_path: Path, table: "Table") -> None:
    former = tmp_path / "journal"
    former.mkdir(mode=0o700)
    (former / f"{'0' * 32}.jsonl").write_bytes(b"\n".join(lines(5)) + b"\nincomplete")
    spool = Spool(tmp_path / "spool", 1 << 20, former_folder=former)
    shipper = Shipper(spool, table.store, table.keep_refused)
    shipper.stop(10)
    assert table.rows == lines(5)
    spool.close()
    Spool(tmp_path / "spool", 1 << 20, former_folder=former)
    assert not former.exists()


def test_the_folder_of_the_release_before_stays_while_a_process_of_that_release_writes(
    tmp_path: Path,
) -> None:
    former = Spool(tmp_path / "journal", 1 << 20)
    former.append(lines(3))
    spool = Spool(tmp_path / "spool", 1 << 20, former_folder=tmp_path / "journal")
    assert drain(spool) == []
    former.close()
    assert spool.adopt() == 1
    assert drain(spool) == lines(3)
    assert spool.adopt() == 0
    assert not (tmp_path / "journal").exists()


class Table:
    """A table that ignores records which it has, may be unreachable, and refuses records with `poison`."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.refused: list[tuple[bytes, str]] = []
        self.calls = 0
        self.unreachable = False
        self.called = threading.Event()

    def store(self, records: Sequence[bytes]) -> None:
        self.calls += 1
        if self.unreachable:
            self.called.set()
            raise DatabaseUnreachable
        if any(b"poison" in record for record in records):
            raise ValueError(str(records))
        self.rows.extend(record for record in records if record not in self.rows)

    def keep_refused(self, record: bytes, reason: str) -> bool:
        if self.unreachable:
            raise DatabaseUnreachable
        known = record in [kept for kept, _ in self.refused]
        self.refused += [] if known else [(record, reason)]
        return not known


@pytest.fixture
def table() -> Table:
    return Table()


def test_shipping_empties_the_spool(tmp_path: Path, table: Table) -> None:
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append(lines(50))
    shipper.wake()
    shipper.stop(10)
    assert table.rows == lines(50)
    assert (shipper.delivered, spool.waiting_bytes) == (50, 0)


def test_records_wait_while_the_database_is_unreachable(tmp_path: Path, table: Table) -> None:
    table.unreachable = True
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append(lines(5))
    shipper.wake()
    assert table.called.wait(10)
    spool.append(lines(9)[5:])
    table.unreachable = False
    shipper.stop(10)
    assert table.rows == lines(9)


def test_undelivered_records_are_shipped_by_the_next_process(tmp_path: Path, table: Table) -> None:
    table.unreachable = True
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append(lines(5))
    shipper.stop(0)
    spool.close()
    table.unreachable = False
    again = Spool(tmp_path / "s", 1 << 20)
    Shipper(again, table.store, table.keep_refused).stop(10)
    assert table.rows == lines(5)


def test_a_refused_record_does_not_block_others(tmp_path: Path, table: Table) -> None:
    spool = Spool(tmp_path / "s", 1 << 20)
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append([*lines(10), b"poison", *lines(20)[10:]])
    shipper.stop(10)
    assert sorted(table.rows) == sorted(lines(20))
    assert [record for record, _ in table.refused] == [b"poison"]
    assert "poison" not in table.refused[0][1]
    assert shipper.refused == 1


def test_records_that_an_earlier_release_kept_beside_the_spool_are_delivered(
    tmp_path: Path, table: Table
) -> None:
    (tmp_path / "refused.jsonl").write_bytes(b"poison\n" + b"\n".join(lines(3)) + b"\n")
    for _ in range(2):
        take_in(tmp_path.glob("refused*.jsonl"), tmp_path / "s")
    spool = Spool(tmp_path / "s", 1 << 20)
    Shipper(spool, table.store, table.keep_refused).stop(10)
    spool.close()
    assert (sorted(table.rows), [record for record, _ in table.refused]) == (lines(3), [b"poison"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
