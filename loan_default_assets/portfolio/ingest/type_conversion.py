"""Conversion of a source's cells to the types that a portfolio describes, and a record of those that do not fit."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.cell_parsing import (
    FAR_DATE,
    FIRST_DATE,
    LAST_DATE,
    NOT_A_NUMBER,
    NUL_BYTE,
    TOO_MANY_DIGITS,
    canonical_code,
    not_a_date,
    parse_cell,
)
from loan_default_assets.portfolio.ingest.date_parsing import parse_date
from loan_default_assets.portfolio.ingest.missing_values import MissingValues, missing_values_of
from loan_default_assets.portfolio.ingest.number_arrays import parse_numbers, without_missing
from loan_default_assets.portfolio.ingest.number_parsing import (
    EXACT_BELOW,
    NumberFormat,
    is_number,
    number_format,
)
from loan_default_assets.portfolio.ingest.text_conversion import (
    NUL_HINT,
    Converter,
    add_garbled,
    add_rows,
    as_text,
    coded_cells,
    decoded,
    is_text,
    key_converter,
    marked,
    text_converter,
)
from loan_default_assets.portfolio.ingest.text_encodings import mojibake
from loan_default_assets.portfolio.spec import Portfolio

__all__ = ["CellErrors", "convert", "converters", "is_number", "parse_cell", "parse_date"]

OTHER_LABEL = -1.0
_MISSING_HINT = "correct them, or list what means a missing value under `missing` of the column"
_NUMBER_HINT = f"{_MISSING_HINT}; `decimal`, `thousands` and `affixes` say how numbers are written"
_DIGITS_HINT = "use kind: text, or list the column under `ignore`"


def converters(p: Portfolio) -> dict[str, Converter]:
    """The converter per source column; the keys are the columns that are read from a source.

    Numbers and the label become double (a label that is neither positive nor negative: -1), categories a dictionary
    of strings, dates date32, the rest strings.
    """
    by_column: dict[str, Converter] = {p.key: key_converter(missing_values_of(p, p.key))} if p.key else {}
    if p.as_of:
        by_column[p.as_of] = _dates(p.date_format, missing_values_of(p, p.as_of))
    by_column[p.label.column] = _labels(p)
    if p.label.observed_at:
        by_column[p.label.observed_at] = _dates(p.date_format, missing_values_of(p, p.label.observed_at))
    for name, column in p.columns.items():
        missing = missing_values_of(p, name)
        if column.kind == "number":
            by_column[name] = _numbers(number_format(column), missing)
        elif column.kind == "category":
            by_column[name] = _categories(frozenset(column.values or ()), missing)
        elif column.kind == "date":
            by_column[name] = _dates(column.format, missing)
        else:
            by_column[name] = text_converter(missing)
    return by_column


def convert(
    p: Portfolio, columns: dict[str, pa.Array], first_row: int, errors: CellErrors
) -> dict[str, pa.Array]:
    """Convert the columns of one chunk; `columns` is emptied on the way, to keep memory low.

    Args:
        p: The portfolio.
        columns: Cells by column name.
        first_row: Number of the chunk's first row in the source, from 1.
        errors: Where cells that do not fit are recorded.
    """
    by_column = converters(p)
    return {name: by_column[name](name, columns.pop(name), first_row, errors) for name in list(columns)}


def _numbers(written: NumberFormat, missing: MissingValues) -> Converter:
    # Numbers that are missing are found after the conversion, words before.
    has_words = not all(map(is_number, missing.texts))

    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        if pa.types.is_floating(cells.type):
            return _present(cells.cast(pa.float64()), missing)
        if (
            pa.types.is_integer(cells.type)
            or pa.types.is_decimal(cells.type)
            or pa.types.is_boolean(cells.type)
        ):
            numbers = _present(cells.cast(pa.float64(), safe=False), missing)
            if not pa.types.is_boolean(cells.type):
                _add_inexact(name, numbers, None, first_row, errors)
            return numbers
        if is_text(cells) and written.is_plain and not has_words:
            try:
                numbers = _present(cells.cast(pa.float64()), missing)
            except pa.ArrowInvalid:
                pass
            else:
                _add_inexact(name, numbers, cells, first_row, errors)
                return numbers
        coded = coded_cells(cells if is_text(cells) or pa.types.is_dictionary(cells.type) else as_text(cells))
        texts = coded.dictionary.cast(pa.string())
        values, bad = parse_numbers(texts, written, missing)
        add_rows(name, NOT_A_NUMBER, marked(bad, len(texts)), coded, first_row, errors, _NUMBER_HINT)
        numbers = pa.array(values, from_pandas=True).take(coded.indices)
        _add_inexact(name, numbers, coded, first_row, errors)
        return numbers

    return convert_cells


def _present(numbers: pa.Array, missing: MissingValues) -> pa.Array:
    if not missing.numbers:
        return numbers
    return pa.array(without_missing(numbers.to_numpy(zero_copy_only=False), missing), from_pandas=True)


def _add_inexact(
    name: str, numbers: pa.Array, texts: pa.Array | None, first_row: int, errors: CellErrors
) -> None:
    """Record whole numbers that a double does not hold; `texts` are the cells as written, None for exact types."""
    bounds = pc.min_max(numbers)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low > -EXACT_BELOW and high < EXACT_BELOW):
        return
    rows = np.flatnonzero(np.abs(numbers.to_numpy(zero_copy_only=False)) >= EXACT_BELOW)
    if texts is not None:
        written = decoded(texts.take(pa.array(rows))).to_pylist()
        rows = rows[[text is not None and text.strip().lstrip("+-").isdecimal() for text in written]]
    errors.add(name, TOO_MANY_DIGITS, rows + first_row, _DIGITS_HINT)


def _categories(values: frozenset[str], missing: MissingValues) -> Converter:
    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        coded = coded_cells(cells)
        texts = [_present_text(category_text(value), missing) for value in coded.dictionary.to_pylist()]
        texts = [canonical_code(text, values) for text in texts]
        with_nul = ["\0" in (text or "") for text in texts]
        add_rows(name, NUL_BYTE, with_nul, coded, first_row, errors, NUL_HINT)
        if mojibake(text for text in texts if text):
            add_garbled(name, pa.array(texts, pa.string()).take(coded.indices), first_row, errors)
        distinct = dict.fromkeys(text for text in texts if text is not None)
        codes = {text: code for code, text in enumerate(distinct)}
        table = pa.array([None if text is None else codes[text] for text in texts], pa.int32())
        return pa.DictionaryArray.from_arrays(table.take(coded.indices), pa.array(list(codes), pa.string()))

    return convert_cells


def _present_text(text: str | None, missing: MissingValues) -> str | None:
    return None if text is None or missing.has(text) else text


def _labels(p: Portfolio) -> Converter:
    outcome: dict[str, float | None] = dict.fromkeys(p.label.pending)
    outcome |= dict.fromkeys(p.label.negatives, 0.0) | dict.fromkeys(p.label.positives, 1.0)
    known, least = frozenset(outcome), p.label.at_least
    missing = missing_values_of(p, p.label.column)

    def outcome_of(text: str | None) -> float | None:
        if text is None:
            return None
        if least is None or text in p.label.pending:
            return outcome.get(canonical_code(text, known) or text, OTHER_LABEL)
        number = float(text) if is_number(text) else None
        return OTHER_LABEL if number is None else float(number >= least)

    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        coded = coded_cells(cells)
        texts = [_present_text(category_text(value), missing) for value in coded.dictionary.to_pylist()]
        return pa.array([outcome_of(text) for text in texts], pa.float64()).take(coded.indices)

    return convert_cells


def _dates(date_format: str | None, missing: MissingValues) -> Converter:
    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        if pa.types.is_temporal(cells.type):
            # The day in the time zone of the column.
            cells = cells.cast(pa.date32(), safe=False)
            coded = coded_cells(cells)
            days = coded.dictionary.to_pylist()
        else:
            coded = coded_cells(cells)
            texts = [_present_text(category_text(value), missing) for value in coded.dictionary.to_pylist()]
            days = [parse_date(text, date_format) for text in texts]
        wrong = [day is False for day in days]
        add_rows(name, not_a_date(date_format), wrong, coded, first_row, errors, _MISSING_HINT)
        days = [day if day and day not in missing.dates else None for day in days]
        far = [day is not None and not FIRST_DATE <= day <= LAST_DATE for day in days]
        add_rows(name, FAR_DATE, far, coded, first_row, errors, _MISSING_HINT)
        return pa.array(days, pa.date32()).take(coded.indices)

    return convert_cells
