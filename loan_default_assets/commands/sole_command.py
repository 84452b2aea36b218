"""One command at a time trains or loads a portfolio in one home."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from loan_default_assets.commands.home_lock import home_lock
from loan_default_assets.commands.session import Session


@contextmanager
def sole_command(session: Session, verb: str) -> Iterator[None]:
    """Hold the portfolio's lock in the home for the time of a block.

    Args:
        session: Names home and portfolio.
        verb: The command, for the message of the other one.

    Raises:
        CommandError: Another command holds the lock; the message names it.
    """
    path = session.settings.home / f"{session.portfolio.name}.lock"

    def refusal() -> str:
        holder = path.read_text("utf-8", errors="replace").strip() or "another command"
        return (
            f"{holder} works on portfolio {session.portfolio.name} in {session.settings.home}; "
            "two at once would load and train the same twice. Nothing was started.\n"
            f"Next: wait until it has ended, then loan-default {verb}"
        )

    with home_lock(path, refusal) as lock:
        os.ftruncate(lock, 0)
        started = datetime.now().astimezone().isoformat(" ", "seconds")
        os.pwrite(lock, f"loan-default {verb} (process {os.getpid()}, since {started})".encode(), 0)
        yield
