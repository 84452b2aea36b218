"""The errors of the portfolio package, and the wording that their messages share.

`PortfolioError` is raised by `spec.load` and `spec.Portfolio` for a portfolio file that cannot be used, by `ingest`,
`features` and `synthetic` for a call that does not fit the portfolio, and by `profiling` for a file that no portfolio
can be drafted from. `SourceError`, a `PortfolioError`, is raised by `ingest` and `profiling` for a file or query that
cannot be read and for rows that no check can run on. A value that is read but breaks a rule is not an error here: it
is a `checks.violations.Violation`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PortfolioError(ValueError):
    """A portfolio that cannot be used; the message names the fault, where it is, and the next step."""


class SourceError(PortfolioError):
    """A source that cannot be read, or rows in it that no check can run on."""


ROWS_SHOWN = 20
# What to do about a file without a row.
EXPORT_AGAIN = "Next: export it again with its loans, or give another file"


def did_you_mean(name: str, allowed: Iterable[str], *, otherwise_all: bool = True) -> str:
    """The hint that follows an unknown name in a message.

    Args:
        name: The unknown name.
        allowed: The names that would be accepted.
        otherwise_all: List the first 40 allowed names when none is close to `name`.

    Returns:
        `; did you mean 'x'?`, `; allowed: ...`, or an empty string.
    """
    names = [str(other) for other in allowed]
    close = get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; allowed: {', '.join(names[:40])}" if names and otherwise_all else ""


def row_list(rows: list[int], count: int) -> str:
    """`rows 3, 8, ...`: numbers of source rows, 1 = first data row, at most ROWS_SHOWN of `count`."""
    shown = ", ".join(map(str, rows[:ROWS_SHOWN]))
    return f"row{'s' if count > 1 else ''} {shown}{', ...' if count > len(rows[:ROWS_SHOWN]) else ''}"
