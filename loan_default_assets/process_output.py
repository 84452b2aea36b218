"""Logs, warnings and uncaught errors of a process without the texts of other libraries, which may quote values."""

import asyncio
import logging
import sys
import threading
import warnings
from typing import Any, TextIO

from loan_default_assets.error_outline import outline, stack

_logger = logging.getLogger("loan_default")


def keep_values_out() -> None:
    """From now on, this process writes kind and location of an error or a warning, and not its text.

    That concerns tracebacks and errors in log records of all libraries, warnings, and errors that end a thread or the
    process. `faulthandler` writes locations only, so it needs nothing. May be called again.
    """
    if not isinstance(logging.getLogRecordFactory(), _Records):
        logging.setLogRecordFactory(_Records(logging.getLogRecordFactory()))
    warnings.showwarning = _show_warning
    sys.excepthook = lambda _, error, __: _write(error)
    sys.unraisablehook = lambda unraisable: _write(unraisable.exc_value)
    threading.excepthook = lambda ended: _write(ended.exc_value)


def report_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler of an event loop; asyncio's own one writes callbacks with their arguments."""
    error = context.get("exception")
    _logger.error("an error outside of any request: %s", outline(error) if error else "without an exception")


class _Records:
    """Makes log records without the texts of errors."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(each) for each in record.args)
        elif isinstance(record.args, dict):
            record.args = {name: _shown(each) for name, each in record.args.items()}
        if isinstance(record.msg, BaseException):
            record.msg = _shown(record.msg)
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.exc_info, record.exc_text = None, f"{stack(error)}{outline(error)}"
        return record


def _shown(value: Any) -> Any:
    return outline(value) if isinstance(value, BaseException) else value


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    (file or sys.stderr).write(f"{filename}:{lineno}: {category.__name__}\n")


def _write(error: BaseException | None) -> None:
    if error is not None and sys.stderr is not None:
        sys.stderr.write(f"{stack(error)}{outline(error)}\n")
