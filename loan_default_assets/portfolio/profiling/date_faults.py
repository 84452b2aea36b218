"""Why the cells of a column are no dates that can be read: two ways of writing in one column, or another calendar."""

import re
from collections.abc import Callable, Mapping
from datetime import date

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.ingest.date_formats import date_reader
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.column_roles import names_date

# The formats of exports; None is YYYY-MM-DD.
_COMMON = (
    None, "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y",
    "%d/%m/%y", "%m/%d/%y", "excel_serial",
)  # fmt: skip
_DAY_FIRST, _CONVERTED = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"), (None, "%Y/%m/%d", "excel_serial")
_NEARLY_ALL, _FEWEST, _FEWEST_SWAPPED = 0.95, 3, 20
_MOSTLY = 0.9
_YEAR_NAME, _YEAR = (
    re.compile(r"\b(?:year|yr|fy|jahr|ano|anno|vintage)\b|년도|연도"),
    re.compile(r"(?:19|20)\d\d(?:\.0)?"),
)
_CALENDARS: tuple[tuple[str, str], ...] = (
    (r"(?:.*\D)?2[45]\d\d(?:\D.*)?", "years of the Buddhist calendar: subtract 543"),
    (r"(?:.*\D)?1[34]\d\d(?:\D.*)?", "years of the Persian or Islamic calendar: convert them"),
    (r"(?:[HRS]|令和|平成|昭和)\s?(?:\d{1,2}|元)\s?[-./年].*", "years of Japanese eras: convert them"),
    (r"(?:民國|民国)?1[0-2]\d\s?[-./年]\s?\d{1,2}\D.*", "years of the Republic of China: add 1911"),
    (
        r"1\d{2}[01]\d[0-3]\d",
        "a century before two digits of the year (1240131 is 2024-01-31): write 20 for the leading 1",
    ),
    (
        r"(?:FY ?)?(?:\d{2}|\d{4})\s?[-/]\s?\d{2}",
        "years that begin in one calendar year and end in the next: write the first day",
    ),
)


def date_fault(counts: Mapping[str, int]) -> str:
    """What is wrong with the dates of a column, and what to do; an empty text where it is not known.

    Args:
        counts: Number of cells per distinct text, without missing ones.

    Examples:
        >>> date_fault({"31/12/2561": 5, "01/02/2562": 7})
        'its dates seem to have years of the Buddhist calendar: subtract 543'
        >>> date_fault({"2019-03-04": 5, "31.12.2018": 7})
        'its dates are written in two ways, 7 cells as %d.%m.%Y and 5 as YYYY-MM-DD: write all of them in one'
    """
    total = sum(counts.values())
    found = _two_formats(counts, total)
    if found:
        return found
    for pattern, said in _CALENDARS:
        like = re.compile(pattern, re.IGNORECASE)
        if sum(count for text, count in counts.items() if like.fullmatch(text)) >= _MOSTLY * total:
            return f"its dates seem to have {said}"
    return ""


def without_dates(columns: Mapping[str, ColumnProfile]) -> str:
    """What to decide where no column of a file holds dates that can be read."""
    hints = []
    for name, column in columns.items():
        fault = date_fault(column.present) if names_date(name) and len(column.present) > 1 else ""
        if fault:
            hints.append(f"{name}: {fault}.")
        elif (
            _YEAR_NAME.search(words_of(name)) and column.present and all(map(_YEAR.fullmatch, column.present))
        ):
            hints.append(
                f"--date {name} takes the year; with a month beside it, write both into one column: 2024-01."
            )
    return " ".join(
        (
            "date: no column holds dates that can be read, so that `run` evaluates on loans drawn at random, not the "
            "newest ones. Where the file has the date of a loan, name it with --date; otherwise --no-date says so.",
            *hints,
        )
    )


def _two_formats(counts: Mapping[str, int], total: int) -> str:
    first, one = _most(counts)
    second, other = _most({text: count for text, count in counts.items() if text not in one})
    cells, others = (sum(counts[text] for text in days) for days in (one, other))
    if others < _FEWEST or cells + others < _NEARLY_ALL * total:
        return ""
    said = (
        f"its dates are written in two ways, {cells:,} cells as {first or 'YYYY-MM-DD'} and {others:,} as "
        f"{second or 'YYYY-MM-DD'}: write all of them in one"
    )
    written = {first: one, second: other}
    text = next((written[key] for key in _DAY_FIRST if key in written), None)
    converted = next((written[key] for key in _CONVERTED if key in written), None)
    if text and converted and _swapped(text, converted):
        said += (
            ". Every day above 12 is in the cells that begin with the day, and none in the others, as a spreadsheet "
            "leaves it that took days for months where it could: in the others day and month are then the wrong way "
            "round. Export the file again, with its dates as text"
        )
    return said


def _swapped(texts: Mapping[str, date], converted: Mapping[str, date]) -> bool:
    """Whether all days above 12 stayed texts, and only those."""
    if len(texts) + len(converted) < _FEWEST_SWAPPED:
        return False
    return min(day.day for day in texts.values()) > 12 and max(day.day for day in converted.values()) <= 12


def _most(counts: Mapping[str, int]) -> tuple[str | None, dict[str, date]]:
    """The common format that reads most cells, and the dates that it reads."""
    best: tuple[int, str | None, dict[str, date]] = (0, None, {})
    for written in _COMMON:
        read: Callable[[str], date | None] = date_reader(written)
        days = {text: day for text in counts if (day := read(text)) is not None and 1900 < day.year < 2100}
        cells = sum(counts[text] for text in days)
        if cells > best[0]:
            best = (cells, written, days)
    return best[1], best[2]
