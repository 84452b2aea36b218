"""Locks on files of a home, so that two commands do not change the same at once."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loan_default_assets.commands.command_errors import CommandError


@contextmanager
def home_lock(path: Path, refusal: Callable[[], str]) -> Iterator[int]:
    """Hold a file's lock for the time of a block; the kernel drops the lock of a killed process.

    Args:
        path: The file, which is created and stays. Child processes do not inherit the lock.
        refusal: What is wrong, and the next command, where another process holds the lock.

    Yields:
        The descriptor of the file.

    Raises:
        CommandError: Another process holds the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(refusal()) from None
        yield descriptor
    finally:
        os.close(descriptor)
