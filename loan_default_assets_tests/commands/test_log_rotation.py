"""Logs are bounded while other processes write them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from loan_default_assets.commands.log_rotation import rotate

WRITER = "i = 0\nwhile True:\n    print(f'line {i:08d}', flush=True)\n    i += 1\n"


def test_a_log_that_is_being_written_stays_small_and_keeps_its_newest_lines(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    most, keep = 20_000, 2
    with log.open("ab") as output:
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=output)
    try:
        rotated = 0
        end = time.monotonic() + 60
        while rotated < 6 and time.monotonic() < end:
            rotated += rotate(log, most, keep)
            time.sleep(0.005)
    finally:
        writer.kill()
        writer.wait()
    assert rotated == 6
    rotate(log, 0, keep)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert log.stat().st_size == 0
    # Each line is whole, and the copies follow each other.
    numbers = []
    for file in reversed(files):
        text = file.read_text()
        assert "\0" not in text
        numbers += [int(line.split()[1]) for line in text.splitlines() if len(line) == 13]
    assert numbers == sorted(numbers)
    assert len(numbers) > 1000


@pytest.mark.parametrize(("size", "rotated"), [(0, False), (100, False), (101, True)])
def test_a_log_is_rotated_above_its_limit(tmp_path: Path, size: int, rotated: bool) -> None:
    log = tmp_path / "service.log"
    log.write_text("x" * size)
    assert rotate(log, 100) == rotated
    assert log.stat().st_size == (0 if rotated else size)


def test_a_log_that_had_grown_without_limit_leaves_its_end(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.write_text("a" * 10_000 + "end")
    assert rotate(log, 100)
    kept = (tmp_path / "service.log.1").read_text()
    assert kept.endswith("end")
    assert len(kept) == 200


def test_a_missing_log_is_no_error_and_one_that_cannot_be_copied_is_emptied(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    assert not rotate(log, 100)
    log.write_text("x" * 200)
    (tmp_path / "service.log.1").mkdir()
    (tmp_path / "service.log.1" / "kept").write_text("")
    (tmp_path / "service.log.2").mkdir()
    (tmp_path / "service.log.2" / "kept").write_text("")
    assert rotate(log, 100)
    assert log.stat().st_size == 0
