"""A figure that is not there, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Omitted:
    """A section without figures.

    Attributes:
        reason: Key of the message that says why.
        detail: What the message names; empty where it names nothing.

    Examples:
        >>> Omitted("omitted.no_dates")
        Omitted(reason='omitted.no_dates', detail='')
    """

    reason: str
    detail: str = ""
