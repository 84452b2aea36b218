"""The errors of the room, and the hint that a misspelt name deserves."""

from collections.abc import Iterable
from difflib import get_close_matches


class PortfolioError(ValueError):
    """A portfolio, or rows read under it, cannot be used; the message says what, where and what next."""


def did_you_mean(name: str, allowed: Iterable[str], *, otherwise_all: bool = True) -> str:
    """`; did you mean 'x'?` when a name of `allowed` is close, else (or nothing) the list of what is allowed."""
    names = [str(other) for other in allowed]
    close = get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; allowed: {', '.join(names[:40])}" if names and otherwise_all else ""


class SourceError(PortfolioError):
    """A source that cannot be read, or rows in it that no check can look at."""


ROWS_SHOWN = 20


def row_list(rows: list[int], count: int) -> str:
    """`rows 3, 8, ...`: numbers of source rows, 1 = first data row, at most 20 of `count`."""
    shown = ", ".join(map(str, rows[:ROWS_SHOWN]))
    return f"row{'s' if count > 1 else ''} {shown}{', ...' if count > len(rows[:ROWS_SHOWN]) else ''}"
