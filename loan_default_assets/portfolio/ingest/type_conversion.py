"""Conversion of a source's cells to the types that a portfolio describes, and a record of those that do not fit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.portfolio.errors import ROWS_SHOWN, SourceError, row_list
from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.ingest.text_encodings import mojibake
from loan_default_assets.portfolio.spec import Portfolio

OTHER_LABEL = -1.0
_FIRST_DATE, _LAST_DATE = date(1678, 1, 1), date(2261, 12, 31)


@dataclass
class CellErrors:
    """Cells that cannot be read: count and first rows per (column, problem)."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, column: str, problem: str, rows: Iterable[int]) -> None:
        """Record that the cells of `column` in `rows` (1 = first data row) have the problem."""
        numbers = [int(row) for row in rows]
        if numbers:
            key = (column, problem)
            self.counts[key] = self.counts.get(key, 0) + len(numbers)
            self.rows.setdefault(key, []).extend(numbers[: ROWS_SHOWN - len(self.rows.get(key, []))])

    def raise_if_any(self, location: str) -> None:
        """Raise SourceError with one line per problem, if there is any."""
        if self.counts:
            raise SourceError(
                "\n".join(
                    f"{location}: column {column}: {problem}: {count} cell{'s' if count > 1 else ''} "
                    f"({row_list(self.rows[column, problem], count)})"
                    for (column, problem), count in self.counts.items()
                )
            )


Converter = Callable[[str, pa.Array, int, CellErrors], pa.Array]


def converters(p: Portfolio) -> dict[str, Converter]:
    """The converter per source column; the keys are the columns that are read from a source.

    Numbers and the label become double (a label that is neither positive nor negative: -1), categories a dictionary
    of strings, dates date32, the rest strings.
    """
    by_column: dict[str, Converter] = {p.key: _text} if p.key else {}
    if p.as_of:
        by_column[p.as_of] = _dates(p.date_format)
    by_column[p.label.column] = _labels(p)
    if p.label.observed_at:
        by_column[p.label.observed_at] = _dates(p.date_format)
    for name, column in p.columns.items():
        if column.kind == "number":
            by_column[name] = _number
        elif column.kind == "category":
            by_column[name] = _categories(frozenset(column.values or ()))
        elif column.kind == "date":
            by_column[name] = _dates(column.format)
        else:
            by_column[name] = _text
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


def is_number(text: str) -> bool:
    """Whether a cell is a number without thousands separators and unit."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _number(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
    if pa.types.is_floating(cells.type):
        return cells.cast(pa.float64())
    if pa.types.is_integer(cells.type) or pa.types.is_decimal(cells.type) or pa.types.is_boolean(cells.type):
        return cells.cast(pa.float64(), safe=False)
    texts = [None if cell is None else str(cell).strip() or None for cell in cells.to_pylist()]
    bad = [row for row, text in enumerate(texts, first_row) if text is not None and not is_number(text)]
    errors.add(name, "not a number", bad)
    return pa.array(
        [None if text is None or not is_number(text) else float(text) for text in texts], pa.float64()
    )


def _text(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
    texts = pc.utf8_trim_whitespace(_decoded(cells).cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    beyond_ascii = texts.filter(pc.invert(pc.string_is_ascii(texts)))
    if mojibake(pc.unique(beyond_ascii.drop_null()).to_pylist()):
        _add_garbled(name, texts, first_row, errors)
    return texts


def _categories(values: frozenset[str]) -> Converter:
    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        coded = _coded(cells)
        texts = [_canonical_code(category_text(value), values) for value in coded.dictionary.to_pylist()]
        if mojibake(text for text in texts if text):
            _add_garbled(name, pa.array(texts, pa.string()).take(coded.indices), first_row, errors)
        distinct = dict.fromkeys(text for text in texts if text is not None)
        codes = {text: code for code, text in enumerate(distinct)}
        table = pa.array([None if text is None else codes[text] for text in texts], pa.int32())
        return pa.DictionaryArray.from_arrays(table.take(coded.indices), pa.array(list(codes), pa.string()))

    return convert_cells


def _canonical_code(text: str | None, values: frozenset[str]) -> str | None:
    """`1` for `1.0` where only `1` is a value: columns of whole numbers with gaps are often written as floats."""
    if text is not None and text not in values and text.endswith(".0") and text[:-2] in values:
        return text[:-2]
    return text


def _labels(p: Portfolio) -> Converter:
    outcome = {str(p.label.positive): 1.0, str(p.label.negative): 0.0}

    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        coded = _coded(cells)
        texts = [_canonical_code(category_text(v), frozenset(outcome)) for v in coded.dictionary.to_pylist()]
        table = [None if text is None else outcome.get(text, OTHER_LABEL) for text in texts]
        return pa.array(table, pa.float64()).take(coded.indices)

    return convert_cells


def _dates(date_format: str | None) -> Converter:
    def convert_cells(name: str, cells: pa.Array, first_row: int, errors: CellErrors) -> pa.Array:
        if pa.types.is_temporal(cells.type):
            cells = cells.cast(pa.date32(), safe=False)
            coded = _coded(cells)
            days = coded.dictionary.to_pylist()
        else:
            coded = _coded(cells)
            days = [parse_date(category_text(value), date_format) for value in coded.dictionary.to_pylist()]
        problem = f"not a date written {date_format or 'YYYY-MM-DD (set `format` for another format)'}"
        _add_rows(name, problem, [day is False for day in days], coded, first_row, errors)
        days = [day or None for day in days]
        far = [day is not None and not _FIRST_DATE <= day <= _LAST_DATE for day in days]
        _add_rows(name, "a date before 1678 or after 2261 (leave it empty)", far, coded, first_row, errors)
        return pa.array(days, pa.date32()).take(coded.indices)

    return convert_cells


def parse_date(text: str | None, date_format: str | None) -> date | Literal[False] | None:
    """The date in a text; None for no text, False for a text that is not a date.

    Args:
        text: A cell.
        date_format: A strptime format, or None for ISO 8601.
    """
    if text is None:
        return None
    try:
        return (datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)).date()
    except ValueError:
        return False


def _decoded(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def _coded(cells: pa.Array) -> pa.DictionaryArray:
    return cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()


def _add_rows(
    name: str, problem: str, wrong: list[bool], coded: pa.DictionaryArray, first_row: int, errors: CellErrors
) -> None:
    if any(wrong):
        table = pa.array(wrong, pa.bool_()).take(coded.indices).fill_null(False)
        errors.add(name, problem, np.flatnonzero(table.to_numpy(zero_copy_only=False)) + first_row)


def _add_garbled(name: str, texts: pa.Array, first_row: int, errors: CellErrors) -> None:
    rows = [row for row, text in enumerate(texts.to_pylist(), first_row) if text and mojibake([text])]
    errors.add(name, "text decoded with the wrong encoding before it was saved", rows)
