"""Files that a living process holds: the kernel drops the lock when the process ends, however it ends."""

import fcntl
import os
from pathlib import Path


def create(path: Path) -> int:
    """Makes `path` and holds it; the descriptor. Nobody sees the file before it is held."""
    hidden = path.with_name(f".{path.name}.new")
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    hidden.rename(path)
    return descriptor


def take(path: Path) -> int | None:
    """The descriptor of a file that no living process holds, now held; None when one does or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # another process was faster, and removed it
        os.close(descriptor)
        return None
    return descriptor
