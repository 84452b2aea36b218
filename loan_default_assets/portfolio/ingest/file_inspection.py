"""How a file is laid out, decided from its first rows and its last ones: what `init` writes under `source`.

Nothing is decided silently: each decision that is not the default is a sentence in the notes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.column_names import names_as_read, usable_names
from loan_default_assets.portfolio.ingest.compression import Compression, compression_of, documentation_beside
from loan_default_assets.portfolio.ingest.excel_blanks import tells_errors
from loan_default_assets.portfolio.ingest.excel_reader import (
    as_texts,
    sheet_rows,
    sheets_alike,
    sheets_by_table,
)
from loan_default_assets.portfolio.ingest.file_signatures import FileKind, kind_by_content
from loan_default_assets.portfolio.ingest.json_reader import json_rows
from loan_default_assets.portfolio.ingest.parquet_reader import parquet_columns
from loan_default_assets.portfolio.ingest.table_location import (
    footer_rows,
    is_number_like,
    locate_table,
    table_width,
)
from loan_default_assets.portfolio.ingest.text_inspection import inspect_text
from loan_default_assets.portfolio.source_options import LAYOUT_KEYS, Source

_SAMPLE_ROWS = 400
# JSON names of which each is in few objects are values that were written as names.
_MOST_SPARSE_NAMES, _LEAST_SHARE, _ROWS_THAT_TELL = 50, 0.05, 3
_PLAIN_NAME = re.compile(r"[^\W\d_]+(_[^\W\d_]+)*_?\d{0,2}")


@dataclass(frozen=True)
class FileLayout:
    """The layout of a file, in the keys of a portfolio's `source`.

    Attributes:
        kind: The kind of the file.
        compression: How it is compressed.
        encoding: The encoding of its text; None where the portfolio need not name it.
        delimiter: The separator; a blank for runs of blanks.
        quote: The character around cells that may hold the separator.
        comment: The start of lines that are omitted.
        header: The number of the header line, comment lines not counted; 0 without a header.
        names: The names of the columns, where they are not those of the header line.
        skip_footer: Number of lines after the table.
        sheet: The sheet of a workbook, where it has several.
        fill_short_rows: Whether cells that a short row lacks are read as missing; only where the user says so.
        columns: The names of the columns as read, each once.
        not_needed: Why a column is no column of loans (row numbers, empty, nested), by its name.
        notes: What was decided, for the user.
        decisions: What the user must decide or correct.
    """

    kind: FileKind
    columns: tuple[str, ...]
    compression: Compression | None = None
    encoding: str | None = None
    delimiter: str = ","
    quote: str = '"'
    comment: str | None = None
    header: int = 1
    names: tuple[str, ...] | None = None
    skip_footer: int = 0
    sheet: str | None = None
    fill_short_rows: bool = False
    not_needed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()

    @cached_property
    def portfolio_names(self) -> dict[str, str]:
        """The name under `columns` per name as read; where they differ, the column needs `source_name`."""
        return usable_names(self.columns)

    def source_keys(self) -> dict[str, Any]:
        """The keys of `source` that the file needs, apart from its path: the kind, and what is not the default."""
        keys: dict[str, Any] = {"kind": self.kind}
        for key in LAYOUT_KEYS:
            value = getattr(self, key)
            if value != Source.model_fields[key].default:
                keys[key] = list(value) if isinstance(value, tuple) else value
        return keys

    def source(self, path: Path) -> Source:
        """The source that reads the file."""
        return Source(path=str(path), **self.source_keys())


def inspect_file(
    path: Path | str, *, encoding: str | None = None, fill_short_rows: bool = False
) -> FileLayout:
    """Decide the layout of a file of loans.

    Args:
        path: The file.
        encoding: The encoding of a text file, where its text does not decide it.
        fill_short_rows: Read the cells that short rows of a text file lack as missing.

    Raises:
        SourceError: There is no such file, it is empty or damaged, or it is of a format that is not read.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(
            f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; give a file of loans"
        )
    kind = kind_by_content(path)
    if kind == "csv":
        layout = replace(_of_text(path, encoding), fill_short_rows=fill_short_rows)
    else:
        layout = {"excel": _of_workbook, "parquet": _of_parquet, "jsonl": _of_json}[kind](path)
    compression = compression_of(path)
    notes = [*layout.notes, *_notes_on_names(layout)]
    if compression:
        notes.insert(0, f"The file is compressed ({compression}).")
    if beside := documentation_beside(path):
        notes.insert(1, f"Documentation in the archive is not read: {', '.join(beside)}.")
    return replace(layout, compression=compression, notes=tuple(notes))


def _of_text(path: Path, encoding: str | None) -> FileLayout:
    found = inspect_text(path, encoding)
    return FileLayout(
        kind="csv",
        columns=found.columns,
        encoding=found.encoding,
        delimiter=found.delimiter,
        quote=found.quote,
        comment=found.comment,
        header=found.header,
        names=found.names,
        skip_footer=found.skip_footer,
        not_needed=_not_needed(found.columns, found.sample),
        notes=found.notes,
    )


def _of_workbook(path: Path) -> FileLayout:
    sheets = sheets_by_table(path)
    sheet = sheets[0] if len(sheets) > 1 else None
    numbered = [(n, as_texts(row)) for n, row in enumerate(sheet_rows(path, sheet), 1) if any(as_texts(row))]
    width = _sheet_width([row for _, row in numbered[:_SAMPLE_ROWS]])
    rows = [row[:width] for _, row in numbered]
    place = locate_table(rows[:_SAMPLE_ROWS])
    names, header = place.names, 0
    if place.header is not None:
        header = numbered[place.header][0]
    columns = tuple(names) if names else names_as_read(_without_blank_end(rows[place.header or 0]))
    names = names_as_read(names) if names else None
    footer = footer_rows(rows[(place.header or 0) + 1 :][-_SAMPLE_ROWS:], len(columns))
    notes = list(place.notes)
    if sheet is not None:
        others = ", ".join(map(repr, sheets[1:20]))
        notes.append(f"The workbook has several sheets; {sheet!r} is read, not {others} (key source.sheet).")
    decisions = []
    if alike := sheets_alike(path, columns, sheets[1:]) if sheet is not None else ():
        listed = ", ".join(map(repr, alike[:20]))
        decisions.append(
            f"sheets: {listed} {'has' if len(alike) == 1 else 'have'} the same columns as {sheet!r}, and only that one "
            "is read. Put the rows of all of them into one sheet, or save them as one CSV."
        )
    if not tells_errors(path):
        notes.append(
            "In this format an error such as #N/A is read as an empty cell; an .xlsx file tells them apart."
        )
    if header > 1:
        notes.append(f"The header is row {header} of the sheet; the rows before it are omitted.")
    if header == 0:
        notes.append(f"The sheet has no header row; its columns are named x1 to x{len(columns)}.")
    if footer:
        notes.append(
            f"The last {footer} rows are totals or remarks, not loans; they are omitted (skip_footer)."
        )
    return FileLayout(
        kind="excel",
        columns=names or columns,
        header=header,
        names=names,
        skip_footer=footer,
        sheet=sheet,
        not_needed=_not_needed(names or columns, rows[(place.header or 0) + 1 : _SAMPLE_ROWS]),
        notes=tuple(notes),
        decisions=tuple(decisions),
    )


def _sheet_width(rows: Sequence[list[str]]) -> int:
    """The number of columns of the table: the last filled cell of most rows, or of a longer row that is as filled."""
    ends = [len(_without_blank_end(row)) for row in rows]
    usual = table_width([[""] * end for end in ends])
    return max(
        end
        for end, row in zip(ends, rows, strict=True)
        if end == usual or 2 * sum(map(bool, row)) >= end > usual
    )


def _without_blank_end(row: Sequence[str]) -> list[str]:
    last = max((i for i, cell in enumerate(row) if cell.strip()), default=-1)
    return list(row[: last + 1])


def _of_parquet(path: Path) -> FileLayout:
    columns, nested, indexes = parquet_columns(path)
    notes = [f"{name} is the row index of pandas; it is not read." for name in indexes]
    notes += [f"Column {name} holds lists or objects, which are not read." for name in nested]
    reasons = tuple((name, "lists or objects") for name in nested)
    return FileLayout(kind="parquet", columns=columns, not_needed=reasons, notes=tuple(notes))


def _of_json(path: Path) -> FileLayout:
    rows = next(json_rows(path), [])
    counts = Counter(name for row in rows for name in row)
    cells = sum(map(len, rows))
    doubtful = _names_that_may_be_values(rows, counts)
    columns = tuple(name for name in counts if name not in doubtful)
    sparse = len(counts) > _MOST_SPARSE_NAMES and cells < _LEAST_SHARE * len(counts) * len(rows)
    if rows and (sparse or 2 * sum(map(is_number_like, columns)) >= max(len(columns), 1)):
        raise SourceError(
            f"{path}: the {len(rows)} objects have {len(counts)} names, {cells / len(rows):.0f} each: the names "
            "seem to be values, and are not shown; write one object per loan with the same names"
        )
    nested = [name for name in columns if any(isinstance(row.get(name), list | dict) for row in rows)]
    notes = ["The file is JSON, one object per line."]
    if doubtful:
        notes.append(
            f"Names of one object alone that may be values are not read and not shown: {len(doubtful)}."
        )
    notes += [f"Column {name} holds lists or objects, which are not read." for name in nested]
    reasons = tuple((name, "lists or objects") for name in nested)
    return FileLayout(kind="jsonl", columns=columns, not_needed=reasons, notes=tuple(notes))


def _names_that_may_be_values(rows: Sequence[dict[str, Any]], counts: Counter[str]) -> set[str]:
    """Names of one object alone that are no plain words, or whose object lacks most of the usual names."""
    usual = {name for name, count in counts.items() if 2 * count > len(rows)}
    alone = [{name for name in row if counts[name] == 1} for row in rows]
    return {
        name
        for row, names in zip(rows, alone, strict=True)
        for name in names
        if len(rows) >= _ROWS_THAT_TELL
        and (not _PLAIN_NAME.fullmatch(name) or 2 * len(usual - row.keys()) > len(usual))
    }


def _not_needed(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """Unnamed columns of the sample that are empty or count the rows."""
    reasons = []
    for index, name in enumerate(columns):
        if not name.startswith(("unnamed_", "row_name")):
            continue
        cells = [row[index].strip() for row in sample if index < len(row)]
        if not any(cells):
            reasons.append((name, "empty"))
        elif all(cell.isdecimal() for cell in cells):
            steps = {int(b) - int(a) for a, b in pairwise(cells)}
            if steps == {1}:
                reasons.append((name, "row number"))
    return tuple(reasons)


def _notes_on_names(layout: FileLayout) -> list[str]:
    notes = [
        f"Column {name} is not needed: {reason}."
        for name, reason in layout.not_needed
        if reason != "lists or objects"
    ]
    known = {name for name, _ in layout.not_needed}
    for position, name in enumerate(layout.columns, start=1):
        if name.startswith(f"unnamed_{position}") and name not in known:
            notes.append(f"Column {position} has no name; it is read as {name}.")
        base, dot, number = name.rpartition(".")
        if dot and number.isdecimal() and base in layout.columns:
            notes.append(f"The name {base} occurs more than once; column {position} is read as {name}.")
    for read, used in layout.portfolio_names.items():
        if read != used:
            shown = read if len(read) <= 80 else f"{read[:77]}..."
            notes.append(
                f"Column {shown!r} is named {used!r} in the portfolio (source_name keeps its own name)."
            )
    return notes
