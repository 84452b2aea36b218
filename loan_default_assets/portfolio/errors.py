"""The errors of the room, and the hint that a misspelt name deserves."""

from collections.abc import Iterable
from difflib import get_close_matches


class PortfolioError(ValueError):
    """A portfolio, or rows read under it, cannot be used; the message says what, where and what next."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a name of `allowed` is close, else the list of what is allowed."""
    names = [str(other) for other in allowed]
    close = get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; allowed: {', '.join(names[:40])}" if names else ""
