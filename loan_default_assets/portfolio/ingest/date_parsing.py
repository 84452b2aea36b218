"""Dates as they are written in cells: the formats that a portfolio may name, read strictly.

A format is one or several alternatives separated by ` or `. An alternative is a strptime text or a name of `NAMES`;
where its years have two digits, the years they stand for may follow: `%d-%b-%y (years 1927-2026)`. Without them 69 to
99 are 1969 to 1999, as POSIX has it. A date without a day is the first of its month, quarter or year.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from loan_default_assets.portfolio.ingest.date_words import same_text

NAMES = (
    "iso",
    "quarter",
    "year",
    "yyyymm",
    "yyyy.mm",
    "excel_serial",
    "excel_serial_1904",
    "epoch_days",
    "epoch_seconds",
    "epoch_milliseconds",
    "epoch_microseconds",
    "sas_days",
    "sas_seconds",
)

DateReader = Callable[[str], date | None]

_ORIGIN = {"epoch": date(1970, 1, 1), "sas": date(1960, 1, 1)}
_PER_DAY = {"days": 1, "seconds": 86_400, "milliseconds": 86_400_000, "microseconds": 86_400_000_000}
_SERIAL = re.compile(r"[+-]?\d{1,17}(?:\.\d*)?", re.ASCII)
_WHOLE = re.compile(r"(\d+)\.0*", re.ASCII)
_YEARS = re.compile(r"(.*\S)\s*\(years (\d{4})-(\d{4})\)")
_YEAR_DOT_MONTH = re.compile(r"(\d{4})\.(0[1-9]|1[0-2])", re.ASCII)
_DIGITS_ONLY = re.compile(r"(?:%[YymdjHMS])+")
_DAY_ONLY = re.compile(r"(?:%[YymdbB]|[^%\s])+")
_TIME_ONLY = re.compile(r"(?:%[HIMSp]|[^%\d])+")
_CACHED = 100_000
_QUARTER = re.compile(
    r"(?P<a>\d{4})\s*년?\s*[-/. _]?\s*(?:Q\s*(?P<b>[1-4])|(?P<c>[1-4])\s*(?:Q|분기))"
    r"|Q\s*(?P<d>[1-4])\s*[-/. _']?\s*(?P<e>\d{4}|\d{2})"
    r"|(?P<f>[1-4])\s*Q\s*[-/. _']?\s*(?P<g>\d{4}|\d{2})",
    re.IGNORECASE | re.ASCII,
)


def check_date_format(text: str | None) -> str | None:
    """The format, if it is one.

    Raises:
        ValueError: The text is neither a strptime format of a date with a year nor a named format.
    """
    for alternative in text.split(" or ") if text is not None else ():
        years = _YEARS.fullmatch(alternative)
        if years and int(years[3]) - int(years[2]) != 99:
            raise ValueError(
                f"{alternative!r}: two-digit years stand for 100 years, such as (years 1927-2026)"
            )
        name = years[1] if years else alternative
        if name in NAMES:
            continue
        if "%" not in name:
            raise ValueError(f"{name!r} is neither a strptime format nor one of {', '.join(NAMES)}")
        try:
            datetime.strptime("", name)
        except ValueError as error:
            if "bad directive" in str(error) or "stray" in str(error):
                raise ValueError(f"{name!r}: {error}") from error
    return text


def parse_date(text: str | None, date_format: str | None) -> date | Literal[False] | None:
    """The date in a text; None for no text, False for a text that is not a date.

    Args:
        text: A cell.
        date_format: As in a portfolio, or None for ISO 8601.
    """
    if text is None:
        return None
    return date_reader(date_format)(text) or False


@lru_cache(maxsize=256)
def date_reader(date_format: str | None) -> DateReader:
    """The function that reads dates of a format; it returns None for a text that is not one."""
    readers = [_reader(alternative) for alternative in (date_format or "iso").split(" or ")]
    if len(readers) == 1:
        return readers[0]

    def read(text: str) -> date | None:
        return next((day for reader in readers if (day := reader(text)) is not None), None)

    return read


def _reader(alternative: str) -> DateReader:
    years = _YEARS.fullmatch(alternative)
    name, first_year = (years[1], int(years[2])) if years else (alternative, None)
    if name == "iso":
        return _tolerant(_iso)
    if name == "quarter":
        return lambda text: _quarter(text, first_year)
    if name in ("year", "yyyymm"):
        name = {"year": "%Y", "yyyymm": "%Y%m"}[name]
    if name == "yyyy.mm":
        return _year_dot_month
    if name in ("excel_serial", "excel_serial_1904"):
        return lambda text: _excel(text, 1462 if name == "excel_serial_1904" else 0)
    if name in NAMES:
        origin, unit = name.split("_")
        return lambda text: _since(text, _ORIGIN[origin], _PER_DAY[unit])
    return _tolerant(_strptime(name, first_year))


def _tolerant(reader: DateReader) -> DateReader:
    def read(text: str) -> date | None:
        day = reader(text)
        if day is None and (same := same_text(text)) != text:
            return reader(same)
        return day

    return read


def _iso(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _strptime(date_format: str, first_year: int | None) -> DateReader:
    digits = None
    if _DIGITS_ONLY.fullmatch(date_format):
        digits = sum({"Y": 4, "j": 3}.get(letter, 2) for letter in date_format[1::2])
    two_digits = first_year is not None and "%y" in date_format
    day_format, _, time_format = date_format.partition(" ")
    if _TIME_ONLY.fullmatch(time_format) and _DAY_ONLY.fullmatch(day_format):
        return _split(_cached_strptime(day_format, first_year), time_format)

    def read(text: str) -> date | None:
        if digits is not None:
            # strptime itself would read 2018111 as 2018-11-01.
            text = whole[1] if (whole := _WHOLE.fullmatch(text)) else text
            if len(text) != digits:
                return None
        try:
            day = datetime.strptime(text, date_format).date()
            return day.replace(year=_in_century(day.year, first_year)) if two_digits and first_year else day
        except ValueError:
            return None

    return read


@lru_cache(maxsize=256)
def _cached_strptime(date_format: str, first_year: int | None) -> DateReader:
    return lru_cache(maxsize=_CACHED)(_strptime(date_format, first_year))


def _split(read_day: DateReader, time_format: str) -> DateReader:
    """Read day and time apart: many distinct times have few distinct days."""

    @lru_cache(maxsize=_CACHED)
    def is_time(text: str) -> bool:
        try:
            datetime.strptime(text, time_format)
        except ValueError:
            return False
        return True

    def read(text: str) -> date | None:
        day, _, time = text.partition(" ")
        return read_day(day) if is_time(time.lstrip()) else None

    return read


def _in_century(year: int, first_year: int) -> int:
    return first_year + (year - first_year) % 100


def _quarter(text: str, first_year: int | None) -> date | None:
    match = _QUARTER.fullmatch(text.strip())
    if match is None:
        return None
    year = match["a"] or match["e"] or match["g"]
    quarter = int(match["b"] or match["c"] or match["d"] or match["f"])
    number = int(year) if len(year) == 4 else _in_century(int(year), first_year or 1969)
    return date(number, 3 * quarter - 2, 1) if number else None


def _year_dot_month(text: str) -> date | None:
    """The month in 2015.03; a spreadsheet writes October as 2015.1 too, so that a month has two digits here."""
    match = _YEAR_DOT_MONTH.fullmatch(text)
    return date(int(match[1]), int(match[2]), 1) if match and int(match[1]) else None


def _excel(text: str, offset: int) -> date | None:
    if not _SERIAL.fullmatch(text):
        return None
    # Below 61 Excel counts a 29 February 1900 that never was.
    days = int(float(text)) + offset
    return date(1899, 12, 30) + timedelta(days=days) if 61 <= days <= 2_958_465 else None


def _since(text: str, origin: date, per_day: int) -> date | None:
    # A count of days has no fraction; 2015.03 is something else.
    if not _SERIAL.fullmatch(text) or (per_day == 1 and not float(text).is_integer()):
        return None
    try:
        return origin + timedelta(days=int(float(text) // per_day))
    except OverflowError:
        return None
