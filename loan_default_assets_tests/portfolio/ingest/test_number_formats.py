"""Numbers as people write them: what is proposed for a column, and what a given format reads and refuses."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.missing_values import MissingValues
from loan_default_assets.portfolio.ingest.number_arrays import parse_numbers
from loan_default_assets.portfolio.ingest.number_formats import (
    NumberFormat,
    is_identifier,
    parse_number,
    propose_number_format,
)
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert, parse_cell
from loan_default_assets_tests.portfolio.five_columns import portfolio

READINGS: list[tuple[dict[str, float], dict[str, Any], str | None]] = [
    ({"1": 1, "-2.5": -2.5, "3e2": 300, ".5": 0.5, "+7": 7}, {}, None),
    ({"1,234": 1234, "999": 999, "2,000,001.5": 2000001.5}, {"thousands": ","}, None),
    ({"1,23,456": 123456, "99,12,34,567": 991234567}, {"thousands": ","}, None),
    ({"1.234,56": 1234.56, "7,5": 7.5}, {"decimal": ",", "thousands": "."}, None),
    ({"3,5": 3.5, "14": 14}, {"decimal": ","}, None),
    ({"1 234,5": 1234.5, "12\u00a0345,0": 12345, "1\u202f000,25": 1000.25}, {"decimal": ",", "thousands": " "}, None),
    ({"9'876.50": 9876.5, "12\u2019000.00": 12000}, {"thousands": "'"}, None),
    ({"1_250": 1250, "3_000_000": 3000000}, {"thousands": "_"}, None),
    ({"$1,050.00": 1050, "-$3.00": -3, "$ 7.25": 7.25}, {"thousands": ",", "affixes": ["$"]}, "USD"),
    ({"US$ 12.5": 12.5, "13 USD": 13}, {"affixes": ["US$", "USD"]}, "USD"),
    ({"£12.10": 12.1, "£3": 3}, {"affixes": ["£"]}, "GBP"),
    ({"€ 1.200,50": 1200.5, "€ 3,00": 3}, {"decimal": ",", "thousands": ".", "affixes": ["€"]}, "EUR"),
    ({"₩1,200,000": 1200000, "￦３００": 300}, {"thousands": ",", "affixes": ["₩"]}, "KRW"),
    ({"1,200,000원": 1200000, "300원": 300}, {"thousands": ",", "affixes": ["원"]}, "KRW"),
    ({"350만원": 3500000, "20만원": 200000}, {"multipliers": {"만원": 1e4}}, None),
    ({"2억 500만": 205000000, "30만": 300000}, {"multipliers": {"억": 1e8, "만": 1e4}}, None),
    ({"Rs. 3,50,000": 350000, "Rs. 900": 900}, {"thousands": ",", "affixes": ["Rs."]}, "INR"),
    ({"INR 900/-": 900, "INR 850/-": 850}, {"affixes": ["INR", "/-"]}, "INR"),
    ({"3 lakh": 300000, "1.5 crore": 15000000}, {"multipliers": {"crore": 1e7, "lakh": 1e5}}, None),
    ({"7.5%": 7.5, "12 %": 12}, {"affixes": ["%"]}, "percent"),
    ({"24 months": 24, "1 month": 1}, {"affixes": ["months", "month"]}, "months"),
    ({"18 mo": 18, "24 mo": 24}, {"affixes": ["mo"]}, "months"),
    ({"24개월": 24, "36개월": 36}, {"affixes": ["개월"]}, "months"),
    ({"10+ years": 10, "< 1 year": 0, "1 year": 1, "4 years": 4},
     {"affixes": ["years", "year", "+"], "replace": {"< 1 year": 0}}, "years"),
    ({"2yrs 11mon": 35, "0yrs 4mon": 4}, {"multipliers": {"yrs": 12, "mon": 1}}, "months"),
    ({"3 years": 36, "18 months": 18}, {"multipliers": {"years": 12, "months": 1}}, "months"),
    ({"12k": 12000, "1.5M": 1500000, "800": 800}, {"multipliers": {"M": 1e6, "k": 1e3}}, None),
    ({"2bn": 2e9, "3.5bn": 3.5e9}, {"multipliers": {"bn": 1e9}}, None),
    ({"(1,234.50)": -1234.5, "17.00": 17}, {"thousands": ",", "negative": ["parentheses"]}, None),
    ({"$(12.00)": -12, "($3.00)": -3, "$4.00": 4}, {"affixes": ["$"], "negative": ["parentheses"]}, "USD"),
    ({"12-": -12, "13": 13}, {"negative": ["trailing"]}, None),
    ({'="0"': 0, '="17"': 17}, {"affixes": ['="', '"']}, None),
    ({"17_": 17, "18": 18}, {"affixes": ["_"]}, None),
    ({"3+": 3, "2": 2}, {"affixes": ["+"]}, None),
    ({"<0.5": 0.5, "1.25": 1.25}, {"affixes": ["<"]}, None),
    ({"<600": 599, "640": 640}, {"replace": {"<600": 599}}, None),
    ({"\u22125": -5, "6": 6}, {}, None),
    ({"12 pcs": 12, "7 pcs": 7}, {"affixes": ["pcs"]}, "pcs"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "keys", "unit"), READINGS)
def test_a_column_of_numbers_is_recognised(
    values: dict[str, float], keys: dict[str, Any], unit: str | None
) -> None:
    made = propose_number_format(dict.fromkeys(values, 1))
    assert made is not None
    assert (made.keys(), made.unit, made.rejected) == (keys, unit, 0)
    column = Column(kind="number", **made.keys())
    for text, value in values.items():
        assert parse_cell(column, text) == pytest.approx(value, rel=1e-12)
        assert parse_cell(column, f" {text} ") == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "texts",
    [
        "00100 02134 90210",
        "201xx 945xx",
        "A1 B2 C3",
        "L1001 L1002",
        "25-34 35-44",
        "555-1234 555-9876",
        "1/2 3/4",
        "12:30 13:45",
        "2018-01-01 2018-02-01",
        "2018Q1 2018Q2",
        "1.2.3 1.2.4",
        "Y N",
        "true false",
        "1st 2nd",
        "1234567890123450001 1234567890123450002",
        "1.23457E+15 1.23458E+15",
        "$1-2 $3-4",
        "12,34,5 1,2,3",
        "M5 K7",
        "192.168.0.1 10.0.0.1",
        "900101-1234567 900102-2234567",
        "$5 €5",
        "0x1F 0x2A",
        "5² 6²",
        "1k2k 3k3k",
    ],
)
def test_a_column_of_something_else_is_not(texts: str) -> None:
    assert propose_number_format(Counter(texts.split())) is None


@pytest.mark.parametrize("text", ["Grade 1", "dept 601", "12 Main St", "3mon 5yrs", "5 yrs 6 yrs", "10 11"])
def test_words_before_a_number_are_no_unit(text: str) -> None:
    assert propose_number_format({text: 5, text.replace("1", "2"): 3}) is None


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("1,234", {}),
        ("12,34", {"thousands": ","}),
        ("1,2345", {"thousands": ","}),
        ("0,522", {"thousands": ","}),
        ("14.54", {"decimal": ","}),
        ("$5", {}),
        ("5$4", {"affixes": ["$"]}),
        ("€5", {"affixes": ["$"]}),
        ("(5)", {}),
        ("-(5)", {"negative": ["parentheses"]}),
        ("5-", {}),
        ("-5-", {"negative": ["trailing"]}),
        ("--5", {}),
        ("5 K", {"multipliers": {"k": 1000}}),
        ("5 M", {"affixes": ["m"]}),
        ("5mon 3yrs", {"multipliers": {"yrs": 12, "mon": 1}}),
        ("1_000", {}),
        ("inf", {}),
        ("\u0663", {}),
        ("12a45", {}),
        ("1234567890123450001", {}),
    ],
)
def test_a_given_format_is_strict(text: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a number|more than 15 digits") as error:
        parse_cell(Column(kind="number", **options), text)
    assert text not in str(error.value)


def test_three_digits_after_a_separator_have_two_readings() -> None:
    def keys(*texts: str, hint: Any = None) -> list[dict[str, Any]]:
        made = propose_number_format(Counter(texts), hint)
        assert made is not None
        return [made.keys(), *(other.keys() for other in made.alternatives)]

    grouped = {"decimal": ",", "thousands": "."}
    assert keys("1.234", "5.678") == [{}, grouped]
    assert keys("1.500", "25.000") == [grouped, {}]
    assert keys("1.500", "25.000", hint=".") == [{}]
    assert keys("1.500", "25.000", hint=",") == [grouped]
    assert keys("1.500", "0.125") == [{}]
    assert keys("10,522", "25,000") == [{"thousands": ","}, {"decimal": ","}]
    assert keys("10,522", "25,000", hint=".") == [{"thousands": ","}]
    assert keys("10,522", "1,025,000") == [{"thousands": ","}]


@pytest.mark.parametrize(
    ("texts", "grouped"),
    [
        (["1.230", "2.450", "1.100", "1.231", "876", "940", "12"], True),
        (["-1.230", "2.450", "12.100", "876", "940", "0"], True),
        (["1.23", "2.45", "1.1", "1.231", "876", "940", "12"], False),
        (["1.231", "2.459", "1.104", "876", "940", "12"], False),
        (["1.230", "2.450", "1.100", "1.231", "0.876"], False),
        (["1.230", "2.450", "1.100", "876", "940", "1200"], False),
        (["1.230", "876"], False),
    ],
)
def test_groups_of_three_digits_beside_numbers_below_1000_are_thousands(
    texts: list[str], grouped: bool
) -> None:
    """1.230 beside 876 was read as 1.23."""
    found = propose_number_format(dict.fromkeys(texts, 5))
    assert found is not None
    assert (found.thousands == ".") == grouped
    assert parse_number("1.230", found) == (1230 if grouped else 1.23)


def test_a_slip_does_not_turn_thousands_into_decimals() -> None:
    grouped = {f"{n},{n % 7}{n % 10}5": 1 for n in range(10, 400)}
    made = propose_number_format(grouped | {"1,5": 1})
    assert made is not None
    assert (made.thousands, made.unconverted) == (",", ("1,5",))
    assert [other.keys() for other in made.alternatives] == [{"decimal": ","}]
    decimals = propose_number_format(grouped | {"0,512": 1})
    assert decimals is not None
    assert (decimals.keys(), decimals.alternatives) == ({"decimal": ","}, ())
    assert propose_number_format({f"{n}.123.456": 1 for n in range(1, 99)} | {"0.5": 2}) is None
    mixed = propose_number_format({f"{n}.5": 1 for n in range(500)} | {"1,234.5": 2})
    assert mixed is not None
    assert (mixed.keys(), mixed.alternatives, mixed.rejected) == ({"thousands": ","}, (), 0)


def test_a_slip_does_not_make_a_number_column_text() -> None:
    counts = {str(1000 + n): 2 for n in range(100)}
    made = propose_number_format(counts | {"12a45": 1, "not scored": 4, "?": 9})
    assert made is not None
    assert (made.converted, made.rejected, made.missing) == (200, 5, ("?",))
    assert made.unconverted == ("12a45", "not scored")
    assert propose_number_format(counts | {"12a45": 50}) is None
    assert propose_number_format(counts | {"not scored": 50}) is not None


@pytest.mark.parametrize(
    ("m", "keys"), [("36m 60m", {"affixes": ["m"]}), ("2m 300k", {"multipliers": {"m": 1e6, "k": 1e3}})]
)
def test_the_other_units_tell_months_from_millions(m: str, keys: dict[str, Any]) -> None:
    made = propose_number_format(Counter(m.split()))
    assert made is not None
    assert made.keys() == keys
    assert [other.keys() for other in made.alternatives] == (
        [{"multipliers": {"m": 1e6}}] if "affixes" in keys else []
    )


def test_identifiers_are_told_from_numbers() -> None:
    assert all(map(is_identifier, ["00100", "007", "123456789012345", "1.23457E+15", "1E+15"]))
    assert not any(map(is_identifier, ["100", "0", "0.5", "12345678901234", "1.5E+05", "1.234567890123E+12"]))


@settings(deadline=None, derandomize=True)
@given(
    st.floats(-1e12, 1e12), st.sampled_from([",", "'", " ", "_"]), st.sampled_from(["", "$", "%", " months"])
)
def test_a_number_is_read_as_it_was_written(value: float, mark: str, affix: str) -> None:
    written = NumberFormat(thousands=mark, affixes=(affix.strip(),) if affix else ())
    text = f"{value:,.3f}".replace(",", mark) + affix
    assert parse_number(text, written) == float(f"{value:.3f}")
    many = [text, "5" + affix, *(f"{n}" for n in range(100)), "x"]
    values, bad = parse_numbers([*many, *(f"{n}.5{affix}" for n in range(200))], written, MissingValues())
    assert (values[0], values[1], bad) == (float(f"{value:.3f}"), 5.0, [102])


def test_every_type_of_cell_gives_the_same_number(tmp_path: Path) -> None:
    p = portfolio(
        tmp_path, ("income: {kind: number,", "income: {kind: number, thousands: ',', missing: [-1, none],")
    )
    texts = ["1,234", " 5 ", "NONE", None, "-1", "7", "bad", "1234567890123450001"]
    arrays = [pa.array(texts), pa.array(texts).dictionary_encode(), pa.array(texts, pa.large_string())]
    for cells in arrays:
        errors = CellErrors()
        made = convert(p, {"income": cells}, 11, errors)["income"].to_pylist()
        assert made[:6] == [1234, 5, None, None, None, 7]
        with pytest.raises(SourceError, match=r"not a number: 1 cell \(row 17\).*under `missing`") as error:
            errors.raise_if_any("loans.csv")
        assert "more than 15 digits, which would lose digits as a number: 1 cell (row 18)" in str(error.value)
    typed = [pa.array([1234, -1, None]), pa.array([1234.0, -1, np.nan], from_pandas=True)]
    typed.append(typed[0].cast(pa.decimal128(21, 2)))
    for cells in typed:
        assert convert(p, {"income": cells}, 1, CellErrors())["income"].to_pylist() == [1234, None, None]
