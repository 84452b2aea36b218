"""Conversion of text cells: texts and identifiers, and what the conversions of other types share."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.cell_parsing import NUL_BYTE
from loan_default_assets.portfolio.ingest.missing_values import MissingValues
from loan_default_assets.portfolio.ingest.number_parsing import EXACT_BELOW
from loan_default_assets.portfolio.ingest.text_encodings import mojibake

LOST_DIGITS = "an identifier written as a number that has lost digits"
NUL_HINT = "export the file again, or remove the NUL bytes"
_KEY_HINT = "export the identifiers as text, with all their digits"
# How spreadsheets write long numbers: 1.23457E+15.
_SPREADSHEET_NUMBER = r"^[0-9](\.[0-9]+[eE]\+?|E\+)[0-9]{2,}$"
# How spreadsheets are told that a number is text: ="00123" and '00123.
_MARKED_AS_TEXT = r"""^(?:="([^"]*)"|'([0-9]+))$"""

Converter = Callable[[str, pa.Array, int, CellErrors], pa.Array]


def text_converter(missing: MissingValues) -> Converter:
    """The converter of a column of texts."""

    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        texts = pc.utf8_trim_whitespace(as_text(cells))
        texts = pc.if_else(pc.equal(texts, ""), None, texts)
        if missing.texts:
            listed = pc.is_in(pc.utf8_lower(texts), pa.array(sorted(missing.texts), pa.string()))
            texts = pc.if_else(listed, None, texts)
        with_nul = pc.match_substring(texts, "\0").fill_null(False)
        if pc.any(with_nul).as_py():
            rows = np.flatnonzero(with_nul.to_numpy(zero_copy_only=False)) + first_row
            errors.add(name, NUL_BYTE, rows, NUL_HINT)
        beyond_ascii = texts.filter(pc.invert(pc.string_is_ascii(texts)))
        if mojibake(pc.unique(beyond_ascii.drop_null()).to_pylist()):
            add_garbled(name, texts, first_row, errors)
        return texts

    return convert_cells


def key_converter(missing: MissingValues) -> Converter:
    """Identifiers as text: 100001.0 and ="100001" are 100001, and one that has lost digits is refused."""
    as_texts = text_converter(missing)

    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        typed = pa.types.is_floating(cells.type)
        if typed:
            cells = _whole_numbers(name, cells, first_row, errors)
        texts = as_texts(name, cells, first_row, errors)
        if pc.any(pc.match_substring_regex(texts, _MARKED_AS_TEXT)).as_py():
            texts = pc.replace_substring_regex(texts, _MARKED_AS_TEXT, r"\1\2")
        if pc.any(pc.match_substring(texts, ".0")).as_py():
            texts = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0+$", r"\1")
        scientific = pc.match_substring_regex(texts, _SPREADSHEET_NUMBER).fill_null(False)
        if not typed and pc.any(scientific).as_py():
            rows = np.flatnonzero(scientific.to_numpy(zero_copy_only=False))
            exact = [_all_digits(text) for text in texts.take(pa.array(rows)).to_pylist()]
            errors.add(
                name,
                LOST_DIGITS,
                [int(r) + first_row for r, d in zip(rows, exact, strict=True) if not d],
                _KEY_HINT,
            )
            texts = pc.replace_with_mask(texts, scientific, pa.array(exact, pa.string()))
        return texts

    return convert_cells


def _whole_numbers(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
    """Floating-point identifiers as whole numbers, where they are."""
    numbers = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
    errors.add(name, LOST_DIGITS, np.flatnonzero(np.abs(numbers) >= EXACT_BELOW) + first_row, _KEY_HINT)
    present = numbers[~np.isnan(numbers)]
    if np.any(present != np.floor(present)) or np.any(np.abs(present) >= EXACT_BELOW):
        return cells
    return pa.array(numbers, from_pandas=True).cast(pa.int64())


def _all_digits(text: str) -> str | None:
    """The whole number in the scientific notation of a spreadsheet, None where digits are lost."""
    digits, exponent = text.upper().replace("E+", "E").split("E")
    fraction = digits.partition(".")[2]
    return str(int(Decimal(text))) if len(fraction) >= int(exponent) else None


def is_text(cells: pa.Array) -> bool:
    """Whether the cells are text, and not a dictionary of it."""
    return pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)


def as_text(cells: pa.Array) -> pa.Array:
    """The cells as text, whatever their type."""
    cells = decoded(cells)
    try:
        return cells.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if cell is None else str(cell) for cell in cells.to_pylist()], pa.string())


def decoded(cells: pa.Array) -> pa.Array:
    """The cells without a dictionary."""
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def coded_cells(cells: pa.Array) -> pa.DictionaryArray:
    """The cells as a dictionary of their distinct values."""
    return cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()


def marked(positions: list[int], count: int) -> list[bool]:
    """A list that is true at the positions."""
    marked = [False] * count
    for position in positions:
        marked[position] = True
    return marked


def add_rows(
    name: str,
    problem: str,
    wrong: list[bool],
    coded: pa.DictionaryArray,
    first_row: int,
    errors: CellErrors,
    hint: str = "",
) -> None:
    """Record the cells whose distinct value is wrong."""
    if any(wrong):
        table = pa.array(wrong, pa.bool_()).take(coded.indices).fill_null(False)
        errors.add(name, problem, np.flatnonzero(table.to_numpy(zero_copy_only=False)) + first_row, hint)


def add_garbled(name: str, texts: pa.Array, first_row: int, errors: CellErrors) -> None:
    """Record the texts that were decoded with the wrong encoding."""
    rows = [row for row, text in enumerate(texts.to_pylist(), first_row) if text and mojibake([text])]
    errors.add(name, "text decoded with the wrong encoding before it was saved", rows)
