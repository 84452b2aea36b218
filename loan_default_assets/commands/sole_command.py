"""One command at a time trains or loads a portfolio in one home."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from loan_default_assets.commands.session import CommandError, Session


@contextmanager
def sole_command(session: Session, verb: str) -> Iterator[None]:
    """Hold the portfolio's lock in the home for the time of a block; the kernel drops the lock of a killed process.

    Args:
        session: Names home and portfolio.
        verb: The command, for the message of the other one.

    Raises:
        CommandError: Another command holds the lock; the message names it.
    """
    path = session.settings.home / f"{session.portfolio.name}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 200, 0).decode(errors="replace").strip() or "another command"
            raise CommandError(
                f"{holder} works on portfolio {session.portfolio.name} in {session.settings.home}; "
                "two at once would load and train the same twice. Nothing was started.\n"
                f"Next: wait until it has ended, then loan-default {verb}"
            ) from None
        os.ftruncate(lock, 0)
        started = datetime.now().astimezone().isoformat(" ", "seconds")
        os.pwrite(lock, f"loan-default {verb} (process {os.getpid()}, since {started})".encode(), 0)
        yield
    finally:
        os.close(lock)
