"""Numbers as JSON values store them."""

import math


def number_or_nan(value: float | None) -> float:
    """The number; NaN for the null that JSON has in its place.

    Examples:
        >>> number_or_nan(1), number_or_nan(None)
        (1.0, nan)
    """
    return math.nan if value is None else float(value)
