"""Faults of disk, folder and table: the prediction log says so, goes on by itself afterwards, and loses no record."""

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bento.prediction_log import shipper as shipper_module
from bento.prediction_log.shipper import DatabaseUnreachable, Shipper
from bento.prediction_log.spool import Spool

NAMES = [f"{n}" * 32 + ".jsonl" for n in range(10)]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper_module, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(shipper_module, "COLLECT_SECONDS", 0.01)
    monkeypatch.setattr(shipper_module, "ADOPT_SECONDS", 0.05)


def drain(spool: Spool) -> list[bytes]:
    drained: list[bytes] = []
    while True:
        records, size = spool.read()
        if not records:
            return drained
        drained.extend(records)
        spool.done(size)


def wait_for(found: Callable[[], Any], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not (done := bool(found())) and time.monotonic() < until:
        time.sleep(0.01)
    return done


def fail(*arguments: Any, **options: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_spool_opens_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "open", fail)
        full.setattr(os, "write", fail)
        spool = Spool(tmp_path, 1 << 20)
        with pytest.raises(OSError, match="No space"):
            spool.append([b"first"])
        assert spool.fault == "No space left on device"
        spool.recheck()
        assert spool.fault == "No space left on device"
    spool.recheck()
    assert spool.fault is None
    assert drain(spool) == []
    spool.append([b"second"])
    assert drain(spool) == [b"second"]


def test_the_fault_of_a_spool_at_its_limit_ends_with_a_delivery(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=100)
    spool.append([b"x" * 90])
    with pytest.raises(OSError, match="the spool is full"):
        spool.append([b"y" * 90])
    spool.recheck()
    assert spool.fault == "the spool is full"
    assert drain(spool) == [b"x" * 90]
    spool.recheck()
    assert spool.fault is None


def test_a_record_that_is_written_in_part_and_cannot_be_cut_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 1 << 20)
    spool.append([b"first"])
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
        full.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match="no space"):
            spool.append([b"refused"])
    spool.append([b"second"])
    assert drain(spool) == [b"first", b"second"]
    spool.close()
    assert not list(tmp_path.iterdir())


def test_a_delivered_segment_that_cannot_be_removed_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 1 << 20, segment_bytes=1)
    for record in (b"first", b"second"):
        spool.append([record])
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", fail)
        assert drain(spool) == [b"first", b"second"]
    spool.append([b"third"])
    assert drain(spool) == [b"third"]
    spool.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(30)
def test_a_segment_that_was_cut_from_outside_blocks_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20, segment_bytes=1)
    spool.append([b"first"])
    (segment,) = tmp_path.iterdir()
    os.truncate(segment, 3)
    spool.append([b"second"])
    assert drain(spool) == [b"fir", b"second"]
    spool.append([b"third"])
    (segment,) = tmp_path.iterdir()
    os.truncate(segment, 0)
    assert drain(spool) == []


def odd_files(folder: Path) -> None:
    folder.mkdir()
    (folder / NAMES[0]).mkdir()
    os.mkfifo(folder / NAMES[1])
    (folder / NAMES[2]).symlink_to(folder.parent / "elsewhere.jsonl")
    (folder / NAMES[3]).symlink_to(folder / "missing")
    (folder / "notes.jsonl").write_bytes(b"private\n")
    (folder / ".hidden.new").mkdir()
    (folder / NAMES[4]).write_bytes(b"adopted\n")
    (folder.parent / "elsewhere.jsonl").write_bytes(b"private\n")


class Table:
    """Keeps what it is given; `faults` are raised first."""

    def __init__(self, *faults: Exception) -> None:
        self.rows: list[bytes] = []
        self.refused: list[bytes] = []
        self.keeps_refused = True
        self.faults = list(faults)

    def store(self, records: Sequence[bytes]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if any(b"poison" in record for record in records):
            raise ValueError("poison")
        self.rows.extend(record for record in records if record not in self.rows)

    def keep_refused(self, record: bytes, reason: str) -> bool:
        if not self.keeps_refused:
            raise PermissionError("poison")
        self.refused.append(record)
        return True


@pytest.mark.timeout(60)
def test_odd_files_in_the_folder_are_left_alone_and_stop_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    odd_files(folder)
    before = {path.name for path in folder.iterdir()} - {NAMES[4]}
    spool, table = Spool(folder, 1 << 20), Table()
    shipper = Shipper(spool, table.store, table.keep_refused)
    assert spool.unreadable == {NAMES[0], NAMES[1], NAMES[2], NAMES[3]}
    assert wait_for(lambda: table.rows == [b"adopted"])
    (folder / NAMES[5]).write_bytes(b"later\n")
    (folder / NAMES[6]).mkdir()
    assert wait_for(lambda: table.rows == [b"adopted", b"later"])
    (folder / NAMES[0]).rmdir()
    assert wait_for(lambda: NAMES[0] not in spool.unreadable)
    shipper.stop(5)
    spool.close()
    left = {path.name for path in folder.iterdir()}
    assert left == (before | {NAMES[6]}) - {NAMES[0]}
    assert (tmp_path / "elsewhere.jsonl").read_bytes() == b"private\n"


def test_a_refused_record_that_cannot_be_kept_waits_behind_the_others(tmp_path: Path) -> None:
    spool, table = Spool(tmp_path / "spool", 1 << 20), Table()
    table.keeps_refused = False
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append([b"first", b"poison", b"second"])
    shipper.wake()
    assert wait_for(lambda: table.rows == [b"first", b"second"] and shipper.fault)
    spool.append([b"third"])
    assert wait_for(lambda: table.rows == [b"first", b"second", b"third"])
    assert "PermissionError" in str(shipper.fault)
    assert "poison" not in str(shipper.fault)
    table.keeps_refused = True
    assert wait_for(lambda: shipper.fault is None)
    assert table.refused == [b"poison"]
    assert (shipper.refused, spool.waiting_bytes) == (1, 0)
    shipper.stop(5)


@pytest.mark.parametrize("method", ["read", "done", "adopt", "sync"])
@pytest.mark.parametrize("error", [OSError, ValueError, StopIteration, MemoryError])
def test_the_thread_goes_on_after_any_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    error: type[Exception],
) -> None:
    spool, table = Spool(tmp_path / "spool", 1 << 20), Table(DatabaseUnreachable())
    original, failed = getattr(spool, method), threading.Event()

    def once(*arguments: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise error("Kim")
        return original(*arguments)

    monkeypatch.setattr(spool, method, once)
    shipper = Shipper(spool, table.store, table.keep_refused)
    spool.append([b"first"])
    shipper.wake()
    assert wait_for(lambda: shipper.failures == 1 and shipper.fault is None)
    assert wait_for(lambda: table.rows == [b"first"] and spool.waiting_bytes == 0)
    assert error.__name__ in caplog.text
    assert "Kim" not in caplog.text
    shipper.stop(5)
