"""Dates as they are written: of loans (`as_of`) and of other columns, decided from the cells or asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from loan_default_assets_tests.cases.case_files import DATED, Case, column_case, file, loans, text_of

_DAYS = [date(2015, 1, 3) + timedelta(days=53 * n) for n in range(24)]
_ISSUED = [date(2018, 1, 1) + timedelta(days=11 * n) for n in range(60)]
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_GERMAN = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
_FRENCH = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
_EXCEL, _SAS, _EPOCH = date(1899, 12, 30), date(1960, 1, 1), date(1970, 1, 1)

Written = Callable[[date], str]


def _month(day: date) -> date:
    return day.replace(day=1)


def _quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _q(day: date) -> int:
    return (day.month + 2) // 3


def _suffix(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(number, "th")


def _issued(
    name: str,
    write: Written,
    value: Callable[[date], date] = date.toordinal,
    days: Sequence[date] = _ISSUED,
    **expected: Any,
) -> Case:
    """The dates of the loans in one writing."""
    value = (lambda day: day) if value is date.toordinal else value
    cells = {row: value(day) for row, day in enumerate(days, start=1)}
    return Case(
        name,
        file(text_of(loans(issued=[write(day) for day in days]))),
        uses={"issued": "as_of"},
        cells={"as_of": cells},
        **expected,
    )


def _opened(
    name: str,
    write: Written,
    value: Callable[[date], date] | None = None,
    column: str = "opened",
    days: Sequence[date] = _DAYS,
    **expected: Any,
) -> Case:
    """The dates of another column in one writing."""
    return column_case(
        name, column, {write(day): value(day) if value else day for day in days}, "date", **expected
    )


def _written(text: str) -> Written:
    return lambda day: day.strftime(text)


DATE_CASES = [
    _issued("date_ampm", _written("%m/%d/%Y %I:%M:%S %p"), said=["%m/%d/%Y %I:%M:%S %p"]),
    _issued("date_dmy_time", _written("%d/%m/%Y 10:20:30"), said=["%d/%m/%Y %H:%M:%S"]),
    _issued("date_dot_kr", lambda d: f"{d.year}. {d.month}. {d.day}", said=["%Y. %m. %d"]),
    _issued("date_kor", lambda d: f"{d.year}년 {d.month}월 {d.day}일"),
    _issued("date_long", lambda d: f"{d.day} {_MONTHS[d.month - 1]} {d.year}", said=["%d %B %Y"]),
    _issued("date_mdy_time", _written("%m/%d/%Y 07:05")),
    _issued("date_mixed_yy", lambda d: f"{d.month}/{d.day}/{d:%Y}" if d.day % 2 else f"{d:%m/%d/%y}"),
    _issued("date_mon_year", _written("%b-%Y"), _month, said=["monthly"]),
    _issued("date_quarter", lambda d: f"{d.year}Q{_q(d)}", _quarter),
    _issued("date_serial", lambda d: str((d - _EXCEL).days), said=["excel_serial"]),
    _issued("date_us_long", lambda d: f"{_MONTHS[d.month - 1]} {d.day}, {d.year}"),
    _issued("date_ym", _written("%Y-%m"), _month),
    _issued("date_ym6", _written("%Y%m"), _month),
    _issued(
        "sba_1969", _written("%d-%b-%y"), days=[date(1966, 1, 5) + timedelta(days=200 * n) for n in range(60)]
    ),
    Case(
        "date_ambiguous",
        file(text_of(loans(issued=[f"{n % 12 + 1:02d}/{n * 5 % 12 + 1:02d}/2018" for n in range(60)]))),
        refused=["how are the dates in 'issued' written?", "--date-format", "%d/%m/%Y", "%m/%d/%Y"],
    ),
    Case(
        "date_ambiguous_answered",
        file(text_of(loans(issued=[f"{n % 12 + 1:02d}/{n * 5 % 12 + 1:02d}/2018" for n in range(60)]))),
        replace(DATED, date_format="%d/%m/%Y"),
        cells={
            "as_of": {row: date(2018, (row - 1) * 5 % 12 + 1, (row - 1) % 12 + 1) for row in range(1, 61)}
        },
    ),
    Case(
        "date_future",
        file(text_of(loans(issued=[*map(str, _ISSUED[:59]), "2099-01-01"]))),
        said=["after today", "(row 60)"],
        violations=["column issued: after today", "(row 60)"],
    ),
    Case(
        "date_missing_few",
        file(text_of(loans(issued=[*map(str, _ISSUED[:49]), "", *map(str, _ISSUED[50:])]))),
        said=["no date (row 50)"],
        violations=["column issued: empty, but every loan needs a date: 1 cell (row 50)"],
    ),
    _opened("date_zero", str, column="hired", days=_DAYS[:23]),
    column_case(
        "date_zero_marks",
        "hired",
        {str(d): d for d in _DAYS} | {"0000-00-00": None, "00.00.0000": None},
        "date",
    ),
    column_case(
        "date_no_value", "hired", {str(d): d for d in _DAYS} | {"NaT": None, "-": None, "없음": None}, "date"
    ),
    column_case(
        "date_sentinels",
        "hired",
        {str(d): d for d in _DAYS} | {"9999-12-31": None, "1900-01-01": None},
        "date",
        said=["missing ['1900-01-01', '9999-12-31']"],
    ),
    column_case(
        "date_bad_day",
        "hired",
        {str(d): d for d in _DAYS} | {"2016-02-30": None},
        "date",
        count=25,
        said=["row 25 not converted"],
        violations=["column hired: not a date", "1 cell (row 25)"],
        bad_cells={"hired": 25},
    ),
    _opened("date_feature_ymd8", _written("%Y%m%d")),
    _opened("date_ymd6", _written("%y%m%d"), said=["could also be written %d%m%y"]),
    _opened("date_dotted_short", _written("%d.%m.%y"), said=["%d.%m.%y (years"]),
    _opened("date_year_dot_month", _written("%Y.%m"), _month, said=["yyyy.mm"]),
    _opened("date_year_dot_month_no_zero", lambda d: f"{d.year}.{d.month}", _month),
    _opened("date_iso_zone", lambda d: f"{d}T23:20:30+09:00"),
    _opened("date_fraction", lambda d: f"{d} 10:20:30.123456789"),
    _opened("date_korean_weekday", lambda d: f"{d}({'월화수목금토일'[d.weekday()]})"),
    _opened("date_korean_afternoon", lambda d: f"{d.year}. {d.month}. {d.day}. 오후 3:20"),
    _opened("date_chinese", lambda d: f"{d.year}年{d.month}月{d.day}日"),
    _opened("date_german", lambda d: f"{d.day}. {_GERMAN[d.month - 1]} {d.year}"),
    _opened("date_french", lambda d: f"{d.day} {_FRENCH[d.month - 1]} {d.year}"),
    _opened("date_weekday", _written("%A, %d %B %Y")),
    _opened("date_ordinal", lambda d: f"{_MONTHS[d.month - 1]} {d.day}{_suffix(d.day)}, {d.year}"),
    _opened("date_program", _written("%a %b %d 10:20:30 KST %Y")),
    _opened("date_sas_text", lambda d: f"{d:%d%b%Y}:10:00:00".upper()),
    _opened("date_mon_yy", _written("%b-%y"), _month),
    _opened("date_mon_space", _written("%b %Y"), _month),
    _opened("date_quarter_first", lambda d: f"{_q(d)}Q{d.year}", _quarter),
    _opened("date_quarter_dash", lambda d: f"{d.year}-Q{_q(d)}", _quarter),
    _opened("date_quarter_korean", lambda d: f"{d.year}년 {_q(d)}분기", _quarter),
    _opened("date_quarter_short", lambda d: f"{_q(d)}Q{d:%y}", _quarter),
    _opened("date_epoch_seconds", lambda d: str((d - _EPOCH).days * 86_400 + 3_600)),
    _opened("date_epoch_milliseconds", lambda d: str(((d - _EPOCH).days * 86_400 + 3_600) * 1_000)),
    _opened("date_sas_days", lambda d: str((d - _SAS).days), said=["could also be written"]),
    _opened("date_day_of_year", _written("%Y%j")),
    _opened(
        "date_birth_short",
        _written("%m/%d/%y"),
        column="opened_birth",
        days=[date(1931, 5, 3) + timedelta(days=911 * n) for n in range(24)],
    ),
    _opened(
        "date_maturity_short",
        _written("%d.%m.%y"),
        column="maturity_date",
        days=[date(2019, 1, 15) + timedelta(days=511 * n) for n in range(24)],
    ),
]
