"""Numbers and times as people read them: three significant digits, thousands separated, shares in percent, UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Literal

DIGITS = 3
UNDEFINED = "–"
# A share below it is shown as below it.
TINY = 1e-5
Format = Literal["number", "count", "percent", "p_value", "ungrouped"]


def formatted(value: float, kind: Format = "number", digits: int = DIGITS) -> str:
    """A number for a table, a sentence or an axis.

    Examples:
        >>> formatted(0.92831), formatted(1234567.0), formatted(0.0), formatted(-0.000203)
        ('0.928', '1,234,567', '0', '-0.000203')
        >>> formatted(0.1562, "percent"), formatted(1750, "count"), formatted(0.0004, "p_value")
        ('15.6 %', '1,750', '< 0.001')
        >>> formatted(1995, "ungrouped")
        '1995'
        >>> formatted(0.9997, "percent"), formatted(3e-9, "percent"), formatted(float("nan"))
        ('100 %', '< 0.001 %', '–')
    """
    if math.isnan(value):
        return UNDEFINED
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "ungrouped":
        return f"{value:.15g}"
    if kind == "percent":
        if 0 < abs(value) < TINY:
            return f"{'' if value > 0 else '-'}< {100 * TINY:g} %"
        return f"{_significant(100 * value, digits)} %"
    if kind == "p_value" and value < 0.001:
        return "< 0.001"
    return _significant(value, digits)


def distinct_digits(value: float, limit: float) -> int:
    """Significant digits with which a number is not shown as its limit, which it only comes close to.

    Examples:
        >>> distinct_digits(0.79996, 0.8), distinct_digits(0.8, 0.8), distinct_digits(0.62, 0.8)
        (5, 3, 3)
    """
    for digits in range(DIGITS, 17):
        if value == limit or float(f"{value:.{digits}g}") != limit:
            return digits
    return 17


def minute(recorded: str) -> str:
    """A recorded time, in ISO 8601, in UTC and to the minute; a date, or nothing, as it is.

    Examples:
        >>> minute("2026-11-27T18:30:46+09:00"), minute("2026-11-27"), minute("")
        ('2026-11-27 09:30 UTC', '2026-11-27', '')
    """
    if "T" not in recorded:
        return recorded
    return f"{datetime.fromisoformat(recorded).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def rounded(value: float) -> float:
    """A number with three significant digits, where a number is needed and not a text.

    Examples:
        >>> rounded(0.92831), rounded(123456.0), rounded(0.0003)
        (0.928, 123000.0, 0.0003)
    """
    return float(f"{value:.{DIGITS}g}")


def _significant(value: float, digits: int) -> str:
    if value == 0 or math.isinf(value):
        return "0" if value == 0 else "∞"
    if abs(value) >= 10**DIGITS:
        return f"{value:,.0f}"
    if abs(value) < 1e-6:
        return f"{value:.{digits - 1}e}"
    # After rounding: 99.97 is 100, not 100.0.
    decimals = digits - 1 - math.floor(math.log10(abs(float(f"{value:.{digits}g}"))))
    return f"{value:.{max(decimals, 0)}f}"
