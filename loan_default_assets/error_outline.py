"""What is kept of an error where it leaves the code that raised it: kinds and locations, and texts without values.

The errors that this project defines hold no value of an applicant. The text of any other error may quote a row or a
request, and so may the errors behind it; see docs/deployment.md.
"""

import os
import traceback
from collections.abc import Iterator

_PACKAGES = ("loan_default_assets", "bento")
_SHOWN = 6


class UnexpectedError(Exception):
    """Takes the place of an error whose text may quote values; its own text is the `outline` of that error."""


def without_values(error: Exception) -> Exception:
    """The error that may be raised, logged or stored in place of `error`.

    Args:
        error: Any error. One that this project defines is returned itself, cut off from the errors behind it.

    Returns:
        An error whose text, notes and chain hold no value; its traceback leads to the original location.
    """
    if not _is_own(error):
        return UnexpectedError(outline(error)).with_traceback(error.__traceback__)
    error.__cause__, error.__suppress_context__ = None, True
    vars(error).pop("__notes__", None)
    return error


def outline(error: BaseException) -> str:
    """Kinds and locations of an error and of those behind it, with the texts that hold no value.

    >>> outline(ValueError("Kim"))
    'ValueError'
    >>> outline(FileNotFoundError(2, "Kim", "loans.csv"))
    'FileNotFoundError (No such file or directory: loans.csv)'
    """
    chain = list(_chain(error))
    shown = [_described(each) for each in chain[:_SHOWN]]
    return ", after ".join([*shown, *(["others"] if len(chain) > _SHOWN else [])])


def reason(error: BaseException) -> str:
    """What may be shown of an error without the lines of code: the project's own text, or the kind of any other.

    >>> reason(ValueError("Kim"))
    'ValueError'
    >>> reason(FileNotFoundError(2, "Kim", "loans.csv"))
    'FileNotFoundError (No such file or directory: loans.csv)'
    """
    text = _safe_text(error)
    if _is_own(error) and text:
        return text
    return f"{type(error).__name__}{f' ({text})' if text else ''}"


def stack(error: BaseException) -> str:
    """The lines of code on the way to an error, as a traceback shows them."""
    return "".join(traceback.format_tb(error.__traceback__))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those behind it, the newest first; one that the project suppressed is none of them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> str:
    text = _safe_text(error)
    location = _location(error)
    return f"{type(error).__name__}{f' ({text})' if text else ''}{f' at {location}' if location else ''}"


def _safe_text(error: BaseException) -> str:
    if _is_own(error):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        # Not `strerror`: libraries write their own text there.
        file = f": {error.filename}" if isinstance(error.filename, str) else ""
        return f"{os.strerror(error.errno)}{file}"
    return ""


def _location(error: BaseException) -> str:
    """The line that raised the error, and the project's own line that led there."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    raised = f"{frames[-1].filename}:{frames[-1].lineno}"
    own = next((f"{f.filename}:{f.lineno}" for f in reversed(frames) if _is_own_file(f.filename)), raised)
    return raised if own == raised else f"{raised}, reached from {own}"


def _is_own(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _PACKAGES


def _is_own_file(path: str) -> bool:
    return any(f"{os.sep}{package}{os.sep}" in path for package in _PACKAGES)
