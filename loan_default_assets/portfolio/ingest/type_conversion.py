"""Cells as a source gives them to the types that a portfolio describes, and a record of those that do not fit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

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
class Findings:
    """Cells that cannot be read: count and first rows by (column, what is wrong)."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, column: str, problem: str, rows: Iterable[int]) -> None:
        """Notes that the cells of `column` in `rows` (1 = first data row) have the problem."""
        found = [int(row) for row in rows]
        if found:
            key = (column, problem)
            self.counts[key] = self.counts.get(key, 0) + len(found)
            self.rows.setdefault(key, []).extend(found[: ROWS_SHOWN - len(self.rows.get(key, []))])

    def fail(self, where: str) -> None:
        """Raises SourceError with one line a problem, when there is one."""
        if self.counts:
            raise SourceError(
                "\n".join(
                    f"{where}: column {column}: {problem}: {count} cell{'s' if count > 1 else ''} "
                    f"({row_list(self.rows[column, problem], count)})"
                    for (column, problem), count in self.counts.items()
                )
            )


Converter = Callable[[str, pa.Array, int, Findings], pa.Array]


def converters(p: Portfolio) -> dict[str, Converter]:
    """How each source column is converted; the keys are the columns that a source is read for.

    Numbers and the label become double (another value than positive and negative: -1), categories a dictionary of
    strings, dates date32, the rest strings.
    """
    made: dict[str, Converter] = {p.key: _text} if p.key else {}
    if p.as_of:
        made[p.as_of] = _dates(p.date_format)
    made[p.label.column] = _labels(p)
    if p.label.observed_at:
        made[p.label.observed_at] = _dates(p.date_format)
    for name, column in p.columns.items():
        if column.kind == "number":
            made[name] = _number
        elif column.kind == "category":
            made[name] = _categories(frozenset(column.values or ()))
        elif column.kind == "date":
            made[name] = _dates(column.format)
        else:
            made[name] = _text
    return made


def convert(
    p: Portfolio, columns: dict[str, pa.Array], first_row: int, findings: Findings
) -> dict[str, pa.Array]:
    """The columns of one chunk in their types; `columns` is emptied on the way, to keep memory low."""
    made = converters(p)
    return {name: made[name](name, columns.pop(name), first_row, findings) for name in list(columns)}


def is_number(text: str) -> bool:
    """Whether a cell is a number as CSV has them (no thousands separators, no unit)."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _number(name: str, cells: pa.Array, first_row: int, findings: Findings) -> pa.Array:
    if pa.types.is_floating(cells.type):
        return cells.cast(pa.float64())
    if pa.types.is_integer(cells.type) or pa.types.is_decimal(cells.type) or pa.types.is_boolean(cells.type):
        return cells.cast(pa.float64(), safe=False)
    texts = [None if cell is None else str(cell).strip() or None for cell in cells.to_pylist()]
    bad = [row for row, text in enumerate(texts, first_row) if text is not None and not is_number(text)]
    findings.add(name, "not a number", bad)
    return pa.array(
        [None if text is None or not is_number(text) else float(text) for text in texts], pa.float64()
    )


def _text(name: str, cells: pa.Array, first_row: int, findings: Findings) -> pa.Array:
    texts = pc.utf8_trim_whitespace(_plain(cells).cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    beyond_ascii = texts.filter(pc.invert(pc.string_is_ascii(texts)))
    if mojibake(pc.unique(beyond_ascii.drop_null()).to_pylist()):
        _garbled(name, texts, first_row, findings)
    return texts


def _categories(values: frozenset[str]) -> Converter:
    def to(name: str, cells: pa.Array, first_row: int, findings: Findings) -> pa.Array:
        coded = _coded(cells)
        texts = [_canonical(category_text(value), values) for value in coded.dictionary.to_pylist()]
        if mojibake(text for text in texts if text):
            _garbled(name, pa.array(texts, pa.string()).take(coded.indices), first_row, findings)
        places = {text: place for place, text in enumerate(dict.fromkeys(t for t in texts if t is not None))}
        table = pa.array([None if text is None else places[text] for text in texts], pa.int32())
        return pa.DictionaryArray.from_arrays(table.take(coded.indices), pa.array(list(places), pa.string()))

    return to


def _canonical(text: str | None, values: frozenset[str]) -> str | None:
    """`1.0` for the code 1: a column of whole numbers with gaps is often written so."""
    if text is not None and text not in values and text.endswith(".0") and text[:-2] in values:
        return text[:-2]
    return text


def _labels(p: Portfolio) -> Converter:
    outcome = {str(p.label.positive): 1.0, str(p.label.negative): 0.0}

    def to(name: str, cells: pa.Array, first_row: int, findings: Findings) -> pa.Array:
        coded = _coded(cells)
        texts = [_canonical(category_text(v), frozenset(outcome)) for v in coded.dictionary.to_pylist()]
        table = [None if text is None else outcome.get(text, OTHER_LABEL) for text in texts]
        return pa.array(table, pa.float64()).take(coded.indices)

    return to


def _dates(written: str | None) -> Converter:
    def to(name: str, cells: pa.Array, first_row: int, findings: Findings) -> pa.Array:
        if pa.types.is_temporal(cells.type):
            cells = cells.cast(pa.date32(), safe=False)
            coded = _coded(cells)
            days = coded.dictionary.to_pylist()
        else:
            coded = _coded(cells)
            days = [parse_day(category_text(value), written) for value in coded.dictionary.to_pylist()]
        problem = f"not a date written {written or 'YYYY-MM-DD (set `format` for another way)'}"
        _note(name, problem, [day is False for day in days], coded, first_row, findings)
        days = [day or None for day in days]
        far = [day is not None and not _FIRST_DATE <= day <= _LAST_DATE for day in days]
        _note(name, "a date before 1678 or after 2261 (leave it empty)", far, coded, first_row, findings)
        return pa.array(days, pa.date32()).take(coded.indices)

    return to


def parse_day(text: str | None, written: str | None) -> date | bool | None:
    """The day in a text written that way (None: ISO 8601); None for no text, False for a text that is no date."""
    if text is None:
        return None
    try:
        return (datetime.strptime(text, written) if written else datetime.fromisoformat(text)).date()
    except ValueError:
        return False


def _plain(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def _coded(cells: pa.Array) -> pa.DictionaryArray:
    return cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()


def _note(
    name: str, problem: str, wrong: list[bool], coded: pa.DictionaryArray, first_row: int, findings: Findings
) -> None:
    if any(wrong):
        table = pa.array(wrong, pa.bool_()).take(coded.indices).fill_null(False)
        findings.add(name, problem, np.flatnonzero(table.to_numpy(zero_copy_only=False)) + first_row)


def _garbled(name: str, texts: pa.Array, first_row: int, findings: Findings) -> None:
    rows = [row for row, text in enumerate(texts.to_pylist(), first_row) if text and mojibake([text])]
    findings.add(name, "text decoded with the wrong encoding before it was saved", rows)
