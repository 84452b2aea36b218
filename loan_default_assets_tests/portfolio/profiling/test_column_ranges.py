"""The range that a reader is told holds every value, at every magnitude, and is not finer than it needs to be."""

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loan_default_assets.portfolio.profiling.column_ranges import ColumnRanges


def text_of(*values: object, kind: pa.DataType | None = None) -> str:
    ranges = ColumnRanges()
    for value in values:
        ranges.add("x", pa.array([value, None], kind or pa.float64()))
    return ranges.text("x")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((300000.0, 300000.0), "always 300,000"),
        ((300000.0, 304950.0), "300,000 to 305,000"),
        ((299995.0, 300004.0), "299,995 to 300,004"),
        ((951.0, 97321.0), "950 to 98,000"),
        ((564.0, 847.0), "560 to 850"),
        ((2015.0, 2024.0), "2015 to 2024"),
        ((0.0, 7.0), "0 to 7"),
        ((36.0, 60.0), "36 to 60"),
        ((-9123.0, 365243.0), "-9200 to 370,000"),
        ((-24999.0, -7801.0), "-25,000 to -7800"),
        ((-117600.0, -1399.5), "-120,000 to -1300"),
        ((4.02, 18.4), "4 to 19"),
        ((0.0123, 0.6), "0.012 to 0.6"),
        ((0.0000041, 0.0000179), "0.0000041 to 0.000018"),
        ((0.1, 0.1), "always 0.1"),
        ((3e-12, 5.51e-11), "3e-12 to 5.6e-11"),
        ((7.31e9, 2.04e11), "7,300,000,000 to 210,000,000,000"),
        ((1e18, 2.33e21), "1e+18 to 2.4e+21"),
        ((-0.5, 0.0), "-0.5 to 0"),
        ((float("-inf"), 3.0), ""),
    ],
)
def test_a_range_contains_its_values_and_can_be_read(values: tuple[float, float], text: str) -> None:
    assert text_of(*values) == text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_no_value_lies_outside(values: list[float]) -> None:
    text = text_of(*values)
    bounds = [float(bound.replace(",", "")) for bound in re.sub("^always ", "", text).split(" to ")]
    assert bounds[0] <= min(values) <= max(values) <= bounds[-1]


@pytest.mark.parametrize(
    ("days", "text"), [((date(2015, 3, 1), date(2024, 1, 1)), "2015 to 2024"), ((date(2015, 3, 1),), "2015")]
)
def test_a_date_is_told_by_its_year(days: tuple[date, ...], text: str) -> None:
    assert text_of(*days, kind=pa.date32()) == text


def test_a_text_and_an_empty_column_have_no_range() -> None:
    ranges = ColumnRanges()
    ranges.add("x", pa.array(["a"]))
    ranges.add("y", pa.array([None], pa.float64()))
    assert (ranges.text("x"), ranges.text("y"), ranges.text("z")) == ("", "", "")


def test_incomes_that_differ_are_told_to_two_digits() -> None:
    incomes = np.random.default_rng(0).lognormal(10, 0.5, 2000)
    assert re.fullmatch(r"\d\d00 to \d\d0,000", text_of(float(incomes.min()), float(incomes.max())))
