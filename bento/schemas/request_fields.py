"""One portfolio column as the type of a request field: bounds, allowed values, description, and an example."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, WithJsonSchema

from loan_default_assets.portfolio.cell_options import NUMBER_OPTIONS
from loan_default_assets.portfolio.description import LARGEST_NUMBER, Column
from loan_default_assets.portfolio.ingest.cell_parsing import FIRST_DATE, LAST_DATE, parse_cell
from loan_default_assets.portfolio.ingest.date_parsing import parse_date
from loan_default_assets.portfolio.ingest.missing_values import missing_values

LONGEST = 200
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
SHOWN_VALUES = 40

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _date_reader(date_format: str | None) -> Callable[[Any], date]:
    """Reads YYYY-MM-DD, and any other text as the files of the portfolio are read."""
    written = f", or be written {date_format} as in the portfolio's files" if date_format else ""

    def read(value: Any) -> date:
        if isinstance(value, str):
            day = _day(value.strip(), date_format)
            if day and FIRST_DATE <= day <= LAST_DATE:
                return day
        raise ValueError(f"must be a date in the format YYYY-MM-DD{written}")

    return read


def _day(text: str, date_format: str | None) -> date | Literal[False] | None:
    return parse_date(text, None if _ISO_DATE.fullmatch(text) else date_format)


def date_cell(date_format: str | None) -> Any:
    """The annotated type of a date that the portfolio's files write in `date_format` (ISO 8601 when None)."""
    shown = {"type": "string"} if date_format else {"type": "string", "format": "date"}
    return Annotated[date, BeforeValidator(_date_reader(date_format)), WithJsonSchema(shown)]


def cell_type(column: Column) -> Any:
    """The annotated type of a present value."""
    if column.kind == "number":
        return _number(column)
    return date_cell(column.format) if column.kind == "date" else _category(column)


def nullable_type(column: Column, missing: Iterable[str]) -> Any:
    """The annotated type of a value that may be missing.

    What a file may hold in place of a missing value is missing in a request too: a sentinel of the portfolio is not
    scored as a number, in whichever way it is written.

    Args:
        column: The column.
        missing: The portfolio's `missing`, which is for all columns.
    """
    listed = (*missing, *column.missing)
    described = _is_described(column)
    if column.kind != "category" and not listed and not described:
        return cell_type(column) | None
    marks = missing_values(listed, column.values or ())

    def present(value: Any) -> Any:
        if isinstance(value, str):
            text = value.strip()
            if text and (marks.has(text) or (marks.dates and _day(text, column.format) in marks.dates)):
                return None
            return _as_in_files(column, value, listed) if described else value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and value in marks.numbers else value

    return Annotated[cell_type(column) | None, BeforeValidator(present)]


def description(column: Column, *, protected: bool) -> str:
    """The meaning and unit of a column, and how the service treats it."""
    parts = [column.describe or ""]
    if column.unit:
        parts.append(f"Unit: {column.unit}")
    if column.kind == "category" and column.unknown == "allow":
        parts.append(f"Any value other than {_shown(column)} is scored as the unknown category")
    if protected:
        parts.append("Protected: accepted, never a feature")
    return ". ".join(part.rstrip(".") for part in parts if part)


def example(column: Column) -> Any:
    """A valid value."""
    if column.kind == "category":
        return (column.values or ("",))[0]
    if column.kind == "date":
        return "2020-01-01"
    low = column.min if column.min is not None else min(0.0, column.max or 0.0)
    high = column.max if column.max is not None else max(2 * low, 100.0)
    value = (low + high) / 2 if low < 0 else math.sqrt(max(low, 1.0) * max(high, 0.0))
    value = float(round(value))
    return value if low <= value <= high else high


def _is_described(column: Column) -> bool:
    """Whether the portfolio says how the column's numbers are written, so that a text is one."""
    return column.kind == "number" and bool(NUMBER_OPTIONS & column.model_dump(exclude_defaults=True).keys())


def _as_in_files(column: Column, value: Any, missing: Iterable[str] = ()) -> Any:
    """A text as the number that it is in a file of the portfolio, None for a missing one; other values unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return parse_cell(column, value, missing)
    except ValueError as error:
        raise ValueError(
            f"{error}; must be a number, or a text written as in the portfolio's files"
        ) from None


def _number(column: Column) -> Any:
    number = _plain_number(column)
    if not _is_described(column):
        return number
    as_in_files = BeforeValidator(partial(_as_in_files, column))
    shown = {"anyOf": [TypeAdapter(number).json_schema(), {"type": "string", "pattern": "[0-9]"}]}
    return Annotated[number, as_in_files, WithJsonSchema(shown)]


def _plain_number(column: Column) -> Any:
    low = column.min if column.min is not None else -LARGEST_NUMBER
    high = column.max if column.max is not None else LARGEST_NUMBER
    bounds = Field(ge=max(low, -LARGEST_NUMBER), le=min(high, LARGEST_NUMBER))
    if not column.integer:
        return Annotated[float, bounds]
    shown = {
        name: limit for name, limit in (("minimum", column.min), ("maximum", column.max)) if limit is not None
    }
    return Annotated[float, bounds, AfterValidator(_whole), WithJsonSchema({"type": "integer", **shown})]


def _whole(value: float) -> float:
    if not value.is_integer():
        raise ValueError("must be a whole number")
    return value


def _category(column: Column) -> Any:
    """Text; also a whole number if the portfolio's values are codes."""
    allowed = frozenset(column.values or ())
    codes = [int(value) for value in column.values or () if re.fullmatch(r"-?\d{1,15}", value)]
    closed = column.unknown == "forbid"
    printable = re.compile(PRINTABLE)

    def check(value: Any) -> str:
        if codes and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("must be a string or a whole number" if codes else "must be a string")
        if value in allowed:
            return value
        if closed:
            raise ValueError(f"is not an allowed value; allowed: {_shown(column)}")
        if len(value) > LONGEST or not value.strip() or not printable.fullmatch(value):
            raise ValueError(f"must have 1 to {LONGEST} printable characters")
        return value

    texts: dict[str, Any] = {"type": "string"}
    texts |= (
        {"enum": list(column.values or ())}
        if closed
        else {
            "minLength": 1,
            "maxLength": LONGEST,
            "pattern": r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        }
    )
    numbers: dict[str, Any] = {"type": "integer"} | ({"enum": codes} if closed else {})
    schema = {"anyOf": [texts, numbers]} if codes else texts
    return Annotated[str, BeforeValidator(check), WithJsonSchema(schema)]


def _shown(column: Column) -> str:
    values = column.values or ()
    more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
    return ", ".join(values[:SHOWN_VALUES]) + more
