"""The columns of a folder of files as people have them, where it is available: each is read as its case states."""

import csv
import os
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loan_default_assets.portfolio.ingest.date_formats import date_reader, propose_date_formats
from loan_default_assets.portfolio.ingest.missing_values import propose_missing
from loan_default_assets.portfolio.ingest.number_formats import parse_number, propose_number_format

CASES = Path(os.environ.get("LOAN_CASES_DIR", Path(__file__).parents[4] / "shared" / "cases"))
TODAY = date(2026, 6, 1)


def cells_of(case: str, column: str) -> Counter[str]:
    """The cells of a column of a case."""
    if not (CASES / case).is_dir():
        pytest.skip(f"{CASES / case} does not exist")
    if table := next((CASES / case).glob("*.parquet"), None):
        return Counter(map(str, pq.read_table(table).column(column).to_pylist()))
    file = next((CASES / case).glob("*.csv"))
    with file.open(encoding="utf-8", newline="") as text:
        header = text.readline()
        text.seek(0)
        return Counter(row[column] for row in csv.DictReader(text, delimiter=";" if ";" in header else ","))


@pytest.mark.parametrize(
    ("case", "column", "text", "value"),
    [
        ("num_dollar", "income", "$54,379.00", 54379),
        ("num_eur", "income", "€54,379", 54379),
        ("num_k", "income", "54k", 54000),
        ("num_lakh", "income", "Rs. 54,379", 54379),
        ("num_months", "income", "36 months", 36),
        ("num_nbsp", "income", "54\u00a0379", 54379),
        ("num_percent", "income", "19.53%", 19.53),
        ("num_quoted_eq", "income", '="54379"', 54379),
        ("num_trailing_minus", "income", "54379-", -54379),
        ("num_underscore", "income", "32130_", 32130),
        ("num_years", "income", "11 yrs", 11),
        ("num_ages", "income", "5yrs 9mon", 69),
        ("thousands", "amount", "25,000", 25000),
        ("thousands", "income", "54,379", 54379),
        ("eu_plain_decimal", "zins", "14,54", 14.54),
        ("eu_plain_decimal", "dti", "19,53", 19.53),
        ("numeric_in_text", "fico", "656", 656),
        ("numeric_in_text", "dependents", "3+", 3),
        ("one_bad_number", "income", "54379", 54379),
        ("pq_strnum", "income", "54,379", 54379),
        ("pq_strnum", "rate", "14.54%", 14.54),
        ("sba_1969", "GrAppv", "$30,437.90 ", 30437.9),
        ("ids_float", "id", "100001.0", 100001),
    ],
)
def test_numbers(case: str, column: str, text: str, value: float) -> None:
    counts = cells_of(case, column)
    made = propose_number_format(counts)
    assert text in counts
    assert made is not None
    assert parse_number(text.strip(), made) == value
    rejected = {("numeric_in_text", "fico"): ("not scored",), ("one_bad_number", "income"): ("12a45",)}
    assert made.unconverted == rejected.get((case, column), ())


def test_a_long_account_number_is_no_number() -> None:
    assert propose_number_format(cells_of("big_account", "account")) is None


@pytest.mark.parametrize(
    ("case", "marks"),
    [
        ("na_01", ["?"]),
        ("na_04", ["XNA"]),
        ("na_05", ["#N/A"]),
        ("na_07", ["none"]),
        ("na_08", ["."]),
        ("na_10", ["missing"]),
        ("na_11", ["--"]),
        ("na_13", ["(null)"]),
        ("na_14", ["#DIV/0!"]),
        ("na_16", ["N.A."]),
        ("na_17", ["nil"]),
        ("na_19", ["Not Available"]),
        ("na_20", ["*"]),
        ("na_case", ["NAN", "n/a", "na", "Null"]),
        ("na_padded", []),
    ],
)
def test_missing_values(case: str, marks: list[str]) -> None:
    made = propose_number_format(cells_of(case, "income"))
    assert made is not None
    assert sorted(made.missing) == sorted(marks)
    assert (made.keys(), made.rejected, made.converted) == ({}, 0, 118)
    if case not in ("na_case", "na_padded"):
        assert list(propose_missing(cells_of(case, "purpose"))) == marks


@pytest.mark.parametrize(
    ("case", "column", "date_format", "first"),
    [
        ("date_ampm", "issued", "%m/%d/%Y %I:%M:%S %p", "2018-01-01"),
        ("date_dmy_time", "issued", "%d/%m/%Y %H:%M:%S", "2018-01-01"),
        ("date_dot_kr", "issued", "%Y. %m. %d", "2018-01-01"),
        ("date_feature_ymd8", "opened", "%Y%m%d", "2007-03-30"),
        ("date_feature_ymd8", "birth", "%m/%d/%y (years 1927-2026)", "1960-03-06"),
        ("date_feature_ymd8", "maturity", "%d/%m/%Y", "2020-12-31"),
        ("date_future", "issued", None, "2018-01-01"),
        ("date_kor", "issued", "%Y년 %m월 %d일", "2018-01-01"),
        ("date_long", "issued", "%d %B %Y", "2018-01-01"),
        ("date_mdy_time", "issued", "%m/%d/%Y %H:%M", "2018-01-01"),
        ("date_missing_few", "issued", None, "2018-01-01"),
        ("date_mixed_yy", "issued", "%m/%d/%Y or %m/%d/%y (years 1927-2026)", "2018-01-01"),
        ("date_mon_year", "issued", "%b-%Y", "2018-01-01"),
        ("date_quarter", "issued", "quarter", "2018-01-01"),
        ("date_serial", "issued", "excel_serial", "2018-01-01"),
        ("date_us_long", "issued", "%B %d, %Y", "2018-01-01"),
        ("date_ym", "issued", "%Y-%m", "2018-01-01"),
        ("date_ym6", "issued", "%Y%m", "2018-01-01"),
        ("date_zero", "hired", None, "2015-07-16"),
        ("eu_plain_decimal", "datum", "%d.%m.%Y", "2018-01-01"),
        ("sba_1969", "ApprovalDate", "%d-%b-%y (years 1927-2026)", "1966-01-01"),
    ],
)
def test_dates(case: str, column: str, date_format: str | None, first: str) -> None:
    counts = cells_of(case, column)
    [made] = propose_date_formats(counts, TODAY)
    assert (made.format, str(made.first), made.rejected) == (date_format, first, 0)
    assert made.missing == (("0000-00-00",) if case == "date_zero" else ())
    read = date_reader(made.format)
    assert all(read(text.strip()) for text in counts if text.strip() and text not in made.missing)
