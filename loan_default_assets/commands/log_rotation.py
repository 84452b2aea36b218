"""Rotation of logs that other processes write: bounded, while they write."""

import os
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

MOST_BYTES = 10 << 20
OLD_FILES = 3


def rotate(log: Path, most: int = MOST_BYTES, keep: int = OLD_FILES) -> bool:
    """Copy a log above `most` bytes to `<log>.1`, the former copy to `<log>.2` and so on, and empty it.

    The file itself stays, because its writers keep it open; they must have opened it for appending. Lines that are
    written between the copy and the emptying are lost. Where the copy fails, a full disk for example, the log is
    emptied all the same.

    Args:
        log: A file, which need not exist.
        most: Bytes from which it is rotated.
        keep: Number of copies.

    Returns:
        Whether it was rotated.
    """
    try:
        if log.stat().st_size <= most:
            return False
    except OSError:
        return False
    copies = [log.with_name(f"{log.name}.{number}") for number in range(1, keep + 1)]
    with suppress(OSError):
        for newer, older in reversed(list(pairwise(copies))):
            if newer.exists():
                newer.replace(older)
    try:
        # The newest bytes only: a log may have grown far beyond the limit while no process watched it.
        with log.open("rb") as written, copies[0].open("wb") as copy:
            copies[0].chmod(0o600)
            written.seek(max(0, log.stat().st_size - 2 * most))
            shutil.copyfileobj(written, copy)
    except OSError:
        copies[0].unlink(missing_ok=True)
    with suppress(OSError):
        os.truncate(log, 0)
    return True
