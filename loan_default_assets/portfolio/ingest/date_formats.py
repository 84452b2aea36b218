"""Proposals of the format of a column's dates, from its distinct texts; several where the data does not decide."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from loan_default_assets.portfolio.ingest.date_parsing import date_reader, parse_date
from loan_default_assets.portfolio.ingest.date_shapes import DIGITS, formats_of
from loan_default_assets.portfolio.ingest.missing_values import DEFAULT_MARKS, is_usual_missing
from loan_default_assets.portfolio.ingest.two_digit_years import with_years

__all__ = ["DateFormat", "date_reader", "parse_date", "propose_date_formats"]

LEAST_SHARE = 0.95
_SENTINELS = """
0001-01-01 1111-11-11 1753-01-01 1899-12-30 1899-12-31 1900-01-01 1901-01-01 1970-01-01 2099-12-31 2100-12-31 2199-12-31
2262-04-11 2299-12-31 2500-12-31 2999-12-31 3000-12-31 3999-12-31 9999-01-01 9999-12-31
"""
SENTINEL_DATES = frozenset(map(date.fromisoformat, _SENTINELS.split()))
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_SAMPLE = 500
_LEAST_OF_SAMPLE = 0.9
_MOST_ALTERNATIVES, _MOST_CANDIDATES = 3, 20

_DIGITS = re.compile(r"[1-9]\d*", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)
_MONTH_WITH_ZERO = re.compile(r"(?:19|20)\d\d\.(?:0[1-9]|1[0-2])", re.ASCII)
_MONTH_WITHOUT_ZERO = re.compile(r"(?:19|20)\d\d\.(?:[1-9]|1[0-2])", re.ASCII)
# Names of numbers that count from an origin, and the first year that they are proposed for.
_SERIALS = {
    "excel_serial": 1930,
    "epoch_seconds": 1975,
    "epoch_milliseconds": 1975,
    "epoch_microseconds": 1975,
    "sas_days": 1975,
    "sas_seconds": 1975,
    # Later than the years from 1900 to 2100, read as numbers of days.
    "epoch_days": 1980,
}
_YEARS_AHEAD = 50
# So many different numbers that are all dates are no coincidence.
_LEAST_DISTINCT = {
    "yyyy.mm": 5,
    "%Y.%m": 5,
    "%Y%m": 5,
    "%Y%m%d": 5,
    "%d%m%Y": 12,
    "%m%d%Y": 12,
    "%Y%m%d%H%M": 5,
    "%Y%m%d%H%M%S": 5,
}


@dataclass(frozen=True)
class DateFormat:
    """A reading of a column's cells as dates.

    Attributes:
        format: For `format:` or `date_format:` in the portfolio; None for ISO 8601.
        converted: Number of cells that are dates in this format.
        unconverted: The distinct texts that are neither dates nor missing.
        rejected: Number of cells with such texts.
        first: The earliest date, apart from sentinels.
        last: The latest date, apart from sentinels.
        missing: Texts that mean a missing date, for `missing:`.
        sentinels: Dates that may stand for a missing one, such as 9999-12-31; a human decides.
        numeric: Whether the cells are plain numbers, so that only the column's meaning tells dates from quantities.
        whole_months: Whether every date is the first day of a month, as for formats without a day.
    """

    format: str | None
    converted: int = 0
    unconverted: tuple[str, ...] = ()
    rejected: int = 0
    first: date | None = None
    last: date | None = None
    missing: tuple[str, ...] = ()
    sentinels: tuple[date, ...] = ()
    numeric: bool = False
    whole_months: bool = False


def propose_date_formats(counts: Mapping[str, int], today: date | None = None) -> tuple[DateFormat, ...]:
    """The formats in which at least 95 % of a column's non-missing cells are dates, the likeliest first.

    Args:
        counts: Number of cells per distinct text.
        today: Two-digit years and serial numbers are read so that they do not lie after it, where possible.

    Returns:
        One format, or several while the order of day and month is undecided or the cells are plain numbers; none for
        a column of something else.
    """
    today = today or date.today()
    stripped: Counter[str] = Counter()
    for text, count in counts.items():
        stripped[text.strip()] += count
    missing = {text for text in stripped if not _DIGITS.fullmatch(text) and is_usual_missing(text)}
    numeric = all(_NUMBER.fullmatch(text) for text in stripped if text not in missing)
    if numeric:
        missing |= {text for text in stripped if not text.strip("0.")}
    present = {text: count for text, count in stripped.items() if text not in missing}
    if not present:
        return ()
    marks = tuple(text for text in stripped if text in missing and text not in DEFAULT_MARKS)
    found = []
    for formats in _readings(present):
        reading = _evaluate(None if formats == ["iso"] else with_years(formats, present, today), present)
        if reading.converted >= LEAST_SHARE * (reading.converted + reading.rejected):
            unsure = numeric and len(present) < _LEAST_DISTINCT.get(reading.format or "", len(present) + 1)
            found.append(replace(reading, missing=marks, numeric=unsure))
    return _decided(found, today)


def _readings(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Lists of alternative formats, one list per order of day and month, or per format of plain digits."""
    texts = list(counts)
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    if all(map(_NUMBER.fullmatch, sample)):
        lengths = {len(text.split(".")[0]) for text in sample}
        candidates = [[fmt] for length, formats in DIGITS.items() if length in lengths for fmt in formats]
        candidates += _dotted_months(sample) + [[name] for name in _SERIALS]
        yield from (formats for formats in candidates if _share(formats, sample) >= _LEAST_OF_SAMPLE)
        return
    by_order = _shapes(sample)
    for order, formats in by_order.items():
        chosen = _covering(formats, sample)
        if _share(chosen, sample) < _LEAST_OF_SAMPLE:
            continue
        # Rare ways of writing are not in the sample.
        others = [text for text in texts if not _reads(chosen, text)][:_SAMPLE]
        more = _shapes(others).get(order, []) if others else []
        yield _covering([*chosen, *more], [*sample, *others]) if more else chosen


def _dotted_months(texts: list[str]) -> list[list[str]]:
    """The format of years and months such as 2015.03, which are decimal numbers too."""
    if sum(map(bool, map(_MONTH_WITH_ZERO.fullmatch, texts))) >= _LEAST_OF_SAMPLE * len(texts):
        return [["yyyy.mm"]]
    # Without zeros 2015.1 is January only where October is 2015.10: a spreadsheet drops the zero of 2015.10.
    october = any(text.endswith(".10") for text in texts)
    if october and sum(map(bool, map(_MONTH_WITHOUT_ZERO.fullmatch, texts))) >= _LEAST_OF_SAMPLE * len(texts):
        return [["%Y.%m"]]
    return []


def _shapes(texts: list[str]) -> dict[str, list[str]]:
    """The formats that the texts may have, by the order of day and month; those without one are in every list."""
    by_order: dict[str, dict[str, None]] = {"": {}, "ymd": {}, "mdy": {}, "dmy": {}}
    for text in texts:
        for order, date_format in formats_of(text):
            by_order[order].setdefault(date_format)
    neutral = by_order.pop("")
    lists = {order: list(neutral | formats) for order, formats in by_order.items() if formats}
    return lists or ({"": list(neutral)} if neutral else {})


def _covering(formats: list[str], texts: list[str]) -> list[str]:
    """The fewest of the formats that together read the most texts, found greedily."""
    rest = set(texts)
    chosen: list[str] = []
    read = {fmt: {text for text in texts if date_reader(fmt)(text)} for fmt in formats[:_MOST_CANDIDATES]}
    while rest and read and len(chosen) < _MOST_ALTERNATIVES:
        best = max(read, key=lambda fmt: len(read[fmt] & rest))
        if not read[best] & rest:
            break
        chosen.append(best)
        rest -= read[best]
    return chosen or formats[:1]


def _reads(formats: list[str], text: str) -> bool:
    return any(date_reader(fmt)(text) for fmt in formats)


def _share(formats: list[str], texts: list[str]) -> float:
    return sum(_reads(formats, text) for text in texts) / len(texts)


def _evaluate(date_format: str | None, counts: Mapping[str, int]) -> DateFormat:
    read, unconverted, sentinels, days = date_reader(date_format), [], [], []
    for text in counts:
        day = read(text)
        if day is not None and day in SENTINEL_DATES:
            sentinels.append((text, day))
        elif day is None or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            unconverted.append(text)
        else:
            days.append(day)
    rejected = sum(counts[text] for text in unconverted)
    # A date such as 1970-01-01 among its neighbours is a date like the others.
    earliest, latest = min(days, default=date.max), max(days, default=date.min)
    odd = {day for _, day in sentinels if not earliest <= day <= latest}
    days += [day for _, day in sentinels if day not in odd]
    return DateFormat(
        date_format,
        sum(counts.values()) - rejected,
        tuple(unconverted),
        rejected,
        min(days, default=None),
        max(days, default=None),
        sentinels=tuple(sorted(odd)),
        whole_months=bool(days) and all(day.day == 1 for day in days),
    )


def _decided(found: list[DateFormat], today: date) -> tuple[DateFormat, ...]:
    """The readings that the data does not rule out, the likeliest first."""
    found = [
        reading
        for reading in found
        if reading.first is not None
        and reading.last is not None
        and (
            reading.format not in _SERIALS
            or (
                reading.first.year >= _SERIALS[reading.format]
                and reading.last.year <= today.year + _YEARS_AHEAD
            )
        )
    ]
    if any(reading.format in _LEAST_DISTINCT and not reading.numeric for reading in found):
        found = [reading for reading in found if not reading.numeric]
    most = max((reading.converted for reading in found), default=0)
    found = [reading for reading in found if reading.converted == most or reading.numeric]
    if any(reading.numeric for reading in found):
        return tuple(sorted(found, key=lambda reading: _implausible(reading, today)))
    if any("%y" in (reading.format or "") for reading in found):
        # Read in the wrong order, days become years: the dates spread over decades, or lie in the future.
        found.sort(key=lambda reading: _implausible_years(reading, today))
    # First days of many months, or else the first twelve days of one January: the former.
    monthly = [
        reading
        for reading in found
        if reading.whole_months
        and reading.first
        and reading.last
        and (reading.last - reading.first).days > 150
    ]
    return tuple(monthly if len(monthly) == 1 and len(found) > 1 else found)


def _implausible_years(reading: DateFormat, today: date) -> tuple[int, int]:
    first, last = reading.first or date.max, reading.last or date.max
    return max(0, last.year - today.year), last.year - first.year


def _implausible(reading: DateFormat, today: date) -> tuple[int, int, int]:
    """How far numbers are from the dates of loans: the fewer cells, and the further away from today, the less so."""
    first, last = reading.first or date.max, reading.last or date.max
    years_after = max(0, last.year - today.year)
    return -reading.converted, 10 * years_after + max(0, 1980 - first.year), int(reading.format in _SERIALS)
