"""Ctrl-C of a command: one line and exit code 130, from its first import to its end; imports nothing slow."""

import os
import signal
from types import FrameType

EXIT_CODE = 130
LINE = "stopped; the same command goes on from here"


def stop_at_once() -> None:
    """Until `unwind_from_here`, Ctrl-C ends the process without unwinding: libraries swallow it while imported.

    A shell starts the background jobs of a script with Ctrl-C ignored; that stays.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def unwind_from_here() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, because something was begun that must be ended in order."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ignore_from_here() -> None:
    """The command has ended; Python's own end is not interrupted."""
    if signal.getsignal(signal.SIGINT) in (_stop, signal.default_int_handler):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    os.write(2, f"{LINE}\n".encode())
    os._exit(EXIT_CODE)
