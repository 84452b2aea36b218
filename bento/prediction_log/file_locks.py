"""Files that a living process has locked: the kernel releases the lock when the process ends, however it ends."""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path


def create(path: Path) -> int:
    """Create `path` and lock it. Other processes see the file only after it is locked.

    Returns:
        The open descriptor that holds the lock; writes append.
    """
    hidden = path.with_name(f".{path.name}.new")
    while True:
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                hidden.rename(path)
                return descriptor
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                hidden.unlink()
            raise
        # `remove_abandoned` locked the file between the two calls above.
        os.close(descriptor)


def acquire(path: Path) -> int | None:
    """Lock a file that no living process has locked.

    Returns:
        The open descriptor that holds the lock; None when a process has it or the file does not exist.

    Raises:
        OSError: It is no regular file, or cannot be opened.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # another process locked it first and removed it
        os.close(descriptor)
        return None
    return descriptor


def remove_abandoned(folder: Path) -> None:
    """Remove the hidden files of processes that ended within `create`."""
    for hidden in folder.glob(".*.new"):
        # What cannot be opened is no file of `create`.
        with suppress(OSError):
            if (descriptor := acquire(hidden)) is not None:
                hidden.unlink(missing_ok=True)
                os.close(descriptor)
