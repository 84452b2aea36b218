"""Dates as people write them: what is proposed for a column, and what a given format reads and refuses."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.ingest.date_formats import date_reader, parse_date, propose_date_formats
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert, parse_cell
from loan_default_assets_tests.portfolio.five_columns import portfolio

TODAY = date(2026, 6, 1)
# Days that only one order of day and month can have, and that make every month name occur.
DAYS = [date(2015 + n // 12, n % 12 + 1, 13 + n % 16) for n in range(60)]
FIRSTS = [day.replace(day=1) for day in DAYS]


@pytest.mark.parametrize(
    "date_format",
    [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%Y. %m. %d.",
        "%Y년 %m월 %d일",
        "%Y년%m월%d일",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%d.%m.%Y",
        "%d-%m-%Y",
        "%d %B %Y",
        "%B %d, %Y",
        "%b %d, %Y",
        "%d-%b-%Y",
        "%d%b%Y",
        "%a, %d %b %Y",
        "%Y%m%d",
        "%d.%m.%Y %H:%M",
        "%m/%d/%Y %I:%M:%S %p",
        "%d%b%Y:%H:%M:%S",
        "%b %d %Y %I:%M%p",
        "%Y/%m/%d %H:%M:%S",
    ],
)
def test_a_column_of_dates_is_recognised(date_format: str) -> None:
    texts = {
        datetime(day.year, day.month, day.day, n % 24, n).strftime(date_format): day
        for n, day in enumerate(DAYS)
    }
    [made] = propose_date_formats(dict.fromkeys(texts, 2), TODAY)
    assert made.format == (None if date_format == "%Y-%m-%d" else date_format)
    assert (made.converted, made.rejected, made.first, made.last) == (120, 0, DAYS[0], DAYS[-1])
    column = Column(kind="date", format=made.format)
    assert [parse_cell(column, text) for text in texts] == list(texts.values())


@pytest.mark.parametrize(
    ("written", "date_format"),
    [
        ("{0:%b-%Y}", "%b-%Y"),
        ("{0:%b-%y}", "%b-%y (years 1927-2026)"),
        ("{0:%B %Y}", "%B %Y"),
        ("{0:%Y-%m}", "%Y-%m"),
        ("{0:%m/%Y}", "%m/%Y"),
        ("{0:%Y%m}", "%Y%m"),
        ("{0:%Y년 %m월}", "%Y년 %m월"),
        ("{0:%d/%m/%Y}", "%d/%m/%Y"),
        ("{0:%m/%d/%Y}", "%m/%d/%Y"),
    ],
)
def test_months_are_their_first_day(written: str, date_format: str) -> None:
    [made] = propose_date_formats({written.format(day): 1 for day in FIRSTS}, TODAY)
    assert (made.format, made.first, made.last) == (date_format, FIRSTS[0], FIRSTS[-1])
    assert made.whole_months


@pytest.mark.parametrize(
    "written", ["{0}Q{1}", "{0}-Q{1}", "{0} q{1}", "Q{1} {0}", "{1}Q{0}", "{0}년 {1}분기"]
)
def test_quarters(written: str) -> None:
    texts = {
        written.format(2010 + n // 4, n % 4 + 1): date(2010 + n // 4, n % 4 * 3 + 1, 1) for n in range(20)
    }
    [made] = propose_date_formats(dict.fromkeys(texts, 1), TODAY)
    assert made.format == "quarter"
    assert [parse_date(text, "quarter") for text in texts] == list(texts.values())


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("excel_serial", lambda day: (day - date(1899, 12, 30)).days),
        ("sas_days", lambda day: (day - date(1960, 1, 1)).days),
        ("epoch_seconds", lambda day: (day - date(1970, 1, 1)).days * 86400 + 3600),
        ("epoch_milliseconds", lambda day: (day - date(1970, 1, 1)).days * 86400000 + 9),
        ("%Y", lambda day: day.year),
    ],
)
def test_numbers_that_may_be_dates_are_proposed_as_such(name: str, number: Callable[[date], int]) -> None:
    texts = {str(number(day)): day for day in DAYS}
    made = propose_date_formats(dict.fromkeys(texts, 1), TODAY)
    assert made[0].format == name
    assert made[0].numeric
    assert parse_date(str(number(DAYS[5])), name) == (DAYS[5] if name != "%Y" else date(DAYS[5].year, 1, 1))


def test_years_are_no_numbers_of_days() -> None:
    made = propose_date_formats({str(year): 1 for year in range(1950, 2001)}, TODAY)
    assert [reading.format for reading in made] == ["%Y"]


def test_an_undecided_order_gives_both_readings() -> None:
    texts = ["03/04/2018", "05/06/2018", "01/02/2019"]
    assert [made.format for made in propose_date_formats(dict.fromkeys(texts, 1), TODAY)] == [
        "%m/%d/%Y",
        "%d/%m/%Y",
    ]
    [decided] = propose_date_formats(dict.fromkeys([*texts, "25/06/2018"], 1), TODAY)
    assert decided.format == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("texts", "date_format", "first"),
    [
        (["05-Jan-66", "07-Feb-99", "08-Mar-05"], "%d-%b-%y (years 1927-2026)", date(1966, 1, 5)),
        (["05-Jan-66", "07-Feb-71"], "%d-%b-%y (years 1927-2026)", date(1966, 1, 5)),
        (["13/06/20", "25/06/31"], "%d/%m/%y (years 1962-2061)", date(2020, 6, 13)),
        (["1/13/18", "1/14/2018", "1/15/2018"], "%m/%d/%Y or %m/%d/%y (years 1927-2026)", date(2018, 1, 13)),
    ],
)
def test_two_digit_years_are_those_of_the_column(texts: list[str], date_format: str, first: date) -> None:
    [made] = propose_date_formats(dict.fromkeys(texts, 1), TODAY)
    assert (made.format, made.first, made.rejected) == (date_format, first, 0)


@pytest.mark.parametrize(
    ("texts", "missing", "sentinels"),
    [
        ("2018-01-05 0000-00-00 2019-01-01", ("0000-00-00",), ()),
        ("1/15/2018 1/0/1900 1/25/2018", ("1/0/1900",), ()),
        ("2018-01-05 9999-12-31 1900-01-01", (), (date(1900, 1, 1), date(9999, 12, 31))),
        ("20180105 20190101 0", ("0",), ()),
        ("2018-01-05 1970-01-01 1965-03-01", (), ()),
        ("15.01.2018 ? 16.01.2018 N.A.", ("?", "N.A."), ()),
    ],
)
def test_missing_dates(texts: str, missing: tuple[str, ...], sentinels: tuple[date, ...]) -> None:
    made = propose_date_formats(dict.fromkeys(texts.split(), 1), TODAY)[0]
    assert (made.missing, made.sentinels, made.rejected) == (missing, sentinels, 0)


@pytest.mark.parametrize(
    "texts",
    [
        "12:30 13:45",
        "10-20 20-30",
        "1/2 3/4",
        "36/60 24/48",
        "555-1234 555-1235",
        "May June",
        "A1 B2",
        "2018-13-01 2018-14-01",
        "1.5 2.5",
        "54379 85254 71952",
        "100001 100002",
        "900101-1234567 900102-2234567",
        "192.168.0.1 10.0.0.1",
        "5yrs 6yrs",
        "2018-02-30 2018-02-31",
    ],
)
def test_a_column_of_something_else_has_no_dates(texts: str) -> None:
    assert propose_date_formats(dict.fromkeys(texts.split(), 3), TODAY) == ()


def test_a_slip_does_not_make_a_date_column_text() -> None:
    counts = {f"{day:%d.%m.%Y}": 1 for day in DAYS}
    [made] = propose_date_formats(counts | {"soon": 2}, TODAY)
    assert (made.format, made.unconverted, made.rejected) == ("%d.%m.%Y", ("soon",), 2)
    assert propose_date_formats(counts | {"soon": 20}, TODAY) == ()


@pytest.mark.parametrize(
    ("text", "date_format", "day"),
    [
        ("Sept. 5, 2018", "%b %d, %Y", date(2018, 9, 5)),
        ("21st May 2018", "%d %B %Y", date(2018, 5, 21)),
        ("2018-05-06(일)", None, date(2018, 5, 6)),
        ("2018.5.6 오후 3:04", "%Y.%m.%d %p %I:%M", date(2018, 5, 6)),
        ("2018-05-06 23:59:59.1234567", None, date(2018, 5, 6)),
        ("2018-05-06 23:30:00 UTC", None, date(2018, 5, 6)),
        ("06.05.2018 23:30:00.12+09:00", "%d.%m.%Y %H:%M:%S", date(2018, 5, 6)),
        ("2018-05-06", "%d.%m.%Y or iso", date(2018, 5, 6)),
        ("43101.75", "excel_serial", date(2018, 1, 1)),
        ("20180506.0", "%Y%m%d", date(2018, 5, 6)),
        ("2018111", "%Y%m%d", None),
        ("20181", "%Y%m", None),
        ("6/5/2018", None, None),
        ("60", "excel_serial", None),
        ("2018Q5", "quarter", None),
        ("13/13/2018", "%m/%d/%Y", None),
        ("06.05.2018 25:00", "%d.%m.%Y %H:%M", None),
        ("99999999999999999", "sas_days", None),
    ],
)
def test_a_given_format_is_strict(text: str, date_format: str | None, day: date | None) -> None:
    column = Column(kind="date", format=date_format)
    if day is not None:
        assert parse_cell(column, text) == day
    else:
        with pytest.raises(ValueError, match="not a date written") as error:
            parse_cell(column, text)
        assert text not in str(error.value)


@pytest.mark.parametrize("text", ["DD.MM.YYYY", "%d.%q.%Y", "%d-%b-%y (years 1950-2000)", "excel"])
def test_a_format_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    changes = [
        ("hired: {kind: date,", f"hired: {{kind: date, format: '{text}',"),
        ("key:", f"date_format: '{text}'\nkey:"),
    ]
    for change in changes:
        with pytest.raises(PortfolioError, match=r"format"):
            portfolio(tmp_path, change)


@settings(deadline=None, derandomize=True)
@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.sampled_from(["%d-%b-%y", "%y%m%d", "%m/%d/%y"]))
def test_two_digit_years_survive_writing_and_reading(day: date, written: str) -> None:
    assert parse_date(day.strftime(written), f"{written} (years 1927-2026)") == day


def test_every_type_of_cell_gives_the_same_date(tmp_path: Path) -> None:
    change = (
        "hired: {kind: date,",
        "hired: {kind: date, format: '%d/%m/%Y', missing: [1900-01-01, 00/00/0000],",
    )
    p = portfolio(tmp_path, change)
    texts = pa.array(["05/06/2018", " 5/6/2018 ", "00/00/0000", "01/01/1900", None, "6.5.2018"])
    for cells in (texts, texts.dictionary_encode()):
        errors = CellErrors()
        made = convert(p, {"hired": cells}, 1, errors)["hired"].to_pylist()
        assert made == [date(2018, 6, 5), date(2018, 6, 5), None, None, None, None]
        with pytest.raises(SourceError, match=r"not a date written %d/%m/%Y: 1 cell \(row 6\)"):
            errors.raise_if_any("loans.csv")
    seoul = timezone(timedelta(hours=9))
    typed = pa.array([datetime(2018, 6, 5, 0, 30, tzinfo=seoul), datetime(1900, 1, 1, 12, tzinfo=seoul)])
    assert convert(p, {"hired": typed}, 1, CellErrors())["hired"].to_pylist() == [date(2018, 6, 5), None]


@pytest.mark.parametrize("date_format", ["epoch_days", "sas_days"])
def test_a_number_of_days_has_no_fraction(date_format: str) -> None:
    assert date_reader(date_format)("2015.0") == date_reader(date_format)("2015")
    assert date_reader(date_format)("2015.03") is None


def test_a_month_after_a_dot_has_two_digits() -> None:
    assert date_reader("yyyy.mm")("2015.10") == date(2015, 10, 1)
    assert date_reader("yyyy.mm")("2015.1") is None
