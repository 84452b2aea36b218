"""One cell of a column as its value, for requests and for texts that are converted one by one."""

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.ingest.date_parsing import parse_date
from loan_default_assets.portfolio.ingest.missing_values import MissingValues, missing_values
from loan_default_assets.portfolio.ingest.number_parsing import (
    EXACT_BELOW,
    NumberFormat,
    number_format,
    parse_number,
)

NOT_A_NUMBER = "not a number"
TOO_MANY_DIGITS = "a whole number of more than 15 digits, which would lose digits as a number"
NUL_BYTE = "a NUL byte in the text"
FAR_DATE = "a date before 1678 or after 2261 (leave it empty)"
FIRST_DATE, LAST_DATE = date(1678, 1, 1), date(2261, 12, 31)


def not_a_date(date_format: str | None) -> str:
    """The problem of a cell that is not a date in the format."""
    return f"not a date written {date_format or 'YYYY-MM-DD (set `format` for another format)'}"


def parse_cell(column: Column, value: Any, missing: Iterable[str] = ()) -> float | str | date | None:
    """The value of one cell, exactly as it would be read from a file or a query.

    Args:
        column: The column.
        value: A text, or a number, boolean or date.
        missing: The portfolio's `missing`, which is for all columns.

    Returns:
        A float for kind number, a date for kind date, else a text; None for a missing cell.

    Raises:
        ValueError: The cell is neither a value of the column's kind nor missing; the message does not contain it.
    """
    written, absent = _options(column, tuple(missing))
    if column.kind == "number":
        return _number(value, written, absent)
    if column.kind == "date":
        return _day(value, column.format, absent)
    text = category_text(value)
    if text is not None and "\0" in text:
        raise ValueError(NUL_BYTE)
    if text is None or (column.kind == "text" and not absent.texts):
        return text
    if absent.has(text) if column.kind == "category" else absent.is_listed(text):
        return None
    return canonical_code(text, frozenset(column.values or ())) if column.kind == "category" else text


def canonical_code(text: str | None, values: frozenset[str]) -> str | None:
    """`1` for `1.0` and `true` for `True` where only the former is a value.

    Columns of whole numbers with gaps are often written as floats, and booleans differ between programs.
    """
    if text is None or text in values:
        return text
    if text.endswith(".0") and text[:-2] in values:
        return text[:-2]
    if text.casefold() in ("true", "false"):
        return next((value for value in values if value.casefold() == text.casefold()), text)
    return text


@lru_cache(maxsize=1024)
def _options(column: Column, missing: tuple[str, ...]) -> tuple[NumberFormat, MissingValues]:
    return number_format(column), missing_values((*missing, *column.missing), column.values or ())


def _number(value: Any, written: NumberFormat, absent: MissingValues) -> float | None:
    if isinstance(value, str):
        text = value.strip()
        if absent.has(text):
            return None
        number = parse_number(text, written)
        exact = number is None or abs(number) < EXACT_BELOW or not text.lstrip("+-").isdecimal()
    elif value is None or value != value:
        return None
    else:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(NOT_A_NUMBER) from None
        exact = not isinstance(value, int) or abs(value) < EXACT_BELOW
    if number is None:
        raise ValueError(NOT_A_NUMBER)
    if number in absent.numbers:
        return None
    if not exact:
        raise ValueError(TOO_MANY_DIGITS)
    return number


def _day(value: Any, date_format: str | None, absent: MissingValues) -> date | None:
    if isinstance(value, datetime):
        day: Any = value.date()
    elif isinstance(value, date):
        day = value
    else:
        text = category_text(value)
        day = None if text is None or absent.has(text) else parse_date(text, date_format)
    if day is False:
        raise ValueError(not_a_date(date_format))
    if day is None or day in absent.dates:
        return None
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValueError(FAR_DATE)
    return day
