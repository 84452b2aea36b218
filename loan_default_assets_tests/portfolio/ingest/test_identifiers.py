"""Identifiers, NUL bytes and whole numbers that no double holds: found before anything is stored."""

from pathlib import Path

import pyarrow as pa
import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets_tests.portfolio.five_columns import portfolio


def _converted(p: Portfolio, name: str, cells: pa.Array) -> tuple[list[object], CellErrors]:
    errors = CellErrors()
    return convert(p, {name: cells}, 1, errors)[name].to_pylist(), errors


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (["100001.0", "100002.00", "A1.0"], ["100001", "100002", "A1.0"]),
        (["00100", " 7 ", "1.5"], ["00100", "7", "1.5"]),
        (["1.00001E+05", "12E4", "1E5"], ["100001", "12E4", "1E5"]),
        ([100001.0, 2.0, None], ["100001", "2", None]),
        ([1234567890123450001, 5], ["1234567890123450001", "5"]),
    ],
)
def test_identifiers_are_the_same_however_they_are_written(
    tmp_path: Path, cells: list[object], keys: list[str | None]
) -> None:
    made, errors = _converted(portfolio(tmp_path), "id", pa.array(cells))
    assert made == keys
    errors.raise_if_any("loans.csv")


@pytest.mark.parametrize("cells", [["1", "1.23457E+15"], [1.0, 1.23456789012345e18]])
def test_identifiers_that_have_lost_digits_are_refused(tmp_path: Path, cells: list[object]) -> None:
    _, errors = _converted(portfolio(tmp_path), "id", pa.array(cells))
    with pytest.raises(
        SourceError, match=r"column id: .* has lost digits: 1 cell \(row 2\); export the identifiers"
    ):
        errors.raise_if_any("loans.csv")


@pytest.mark.parametrize(
    ("name", "problem"), [("note", "NUL byte"), ("grade", "NUL byte"), ("id", "NUL byte")]
)
def test_nul_bytes_are_found_before_anything_is_stored(tmp_path: Path, name: str, problem: str) -> None:
    _, errors = _converted(portfolio(tmp_path), name, pa.array(["A", "B\0"]))
    with pytest.raises(SourceError, match=rf"column {name}: a {problem} in the text: 1 cell \(row 2\)"):
        errors.raise_if_any("loans.csv")


def test_large_whole_numbers_are_found_before_anything_is_stored(tmp_path: Path) -> None:
    for cells in (pa.array([1, 2**62]), pa.array(["1", str(2**70)]), pa.array(["1,0", str(2**70)])):
        _, errors = _converted(portfolio(tmp_path), "children", cells)
        with pytest.raises(
            SourceError, match=r"column children: a whole number of more than 15 digits.* \(row 2\)"
        ):
            errors.raise_if_any("loans.csv")
