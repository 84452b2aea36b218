"""Excel and OpenDocument workbooks as rows of typed cells and as chunks of Arrow columns.

A workbook is read whole by calamine; its sheets hold at most 1,048,576 rows, and here at most 20 million cells.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError, did_you_mean
from loan_default_assets.portfolio.ingest.column_names import names_as_read
from loan_default_assets.portfolio.ingest.compression import compression_of, open_decompressed
from loan_default_assets.portfolio.ingest.csv_reader import Chunk, SelectColumns
from loan_default_assets.portfolio.ingest.excel_blanks import blank_cells
from loan_default_assets.portfolio.ingest.table_location import is_like_row
from loan_default_assets.portfolio.source_options import Source

_MOST_CELLS = 20_000_000
_ROWS = 20_000
_HEAD_ROWS = 20
_FAR_SMALLER = 5
# Excel keeps 15 digits of a number.
_EXACT = 1e15

ExcelRow = list[Any]


def sheet_names(path: Path) -> tuple[str, ...]:
    """The names of the visible sheets that hold more than one row; of those with one row, where none holds more."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    shown, with_cells = SheetVisibleEnum.Visible, SheetTypeEnum.WorkSheet
    with _workbook(path) as book:
        visible = [s.name for s in book.sheets_metadata if s.visible == shown and s.typ == with_cells]
        last = {name: book.get_sheet_by_name(name).end for name in visible}
    # `end` is the last cell, counted from 0.
    tables = tuple(name for name, end in last.items() if end is not None and end[0] > 0)
    return tables or tuple(name for name, end in last.items() if end is not None)


def sheets_by_table(path: Path) -> tuple[str, ...]:
    """The names of `sheet_names`, the first one that may be the table first: a sheet of remarks is far smaller."""
    names = sheet_names(path)
    with _workbook(path) as book:
        sheets = [book.get_sheet_by_name(name) for name in names]
        cells = [sheet.height * sheet.width for sheet in sheets]
    first = next((i for i, count in enumerate(cells) if count >= max(cells) / _FAR_SMALLER), 0)
    return names[first : first + 1] + names[:first] + names[first + 1 :]


def sheets_alike(path: Path, columns: Sequence[str], sheets: Sequence[str]) -> tuple[str, ...]:
    """Those of the sheets that have the given columns among their first rows, as one of several years has."""
    wanted, found = {name for name in columns if name.strip()}, []
    with _workbook(path) as book:
        for name in sheets:
            rows = book.get_sheet_by_name(name).to_python(nrows=_HEAD_ROWS)
            if len(wanted) > 1 and any(wanted <= {str(cell).strip() for cell in row} for row in rows):
                found.append(name)
    return tuple(found)


def sheet_rows(path: Path, sheet: str | None) -> list[ExcelRow]:
    """The rows of a sheet from its first row, each with the same number of cells; None for an empty cell.

    Args:
        path: The workbook.
        sheet: The name of the sheet; None for the first visible one that holds cells.

    Raises:
        SourceError: The file is no workbook, is protected by a password, or has no such sheet, or the sheet is empty
            or larger than 20 million cells, or has formulas without a value.
    """
    names = sheet_names(path)
    with _workbook(path) as book:
        if sheet is not None and sheet not in book.sheet_names:
            hint = did_you_mean(sheet, book.sheet_names)
            raise SourceError(f"{path}: source.sheet: the workbook has no sheet {sheet!r}{hint}")
        if sheet is None and not names:
            raise SourceError(f"{path}: the workbook has no visible sheet with cells. {EXPORT_AGAIN}")
        chosen = sheet or names[0]
        cells = book.get_sheet_by_name(chosen)
        height, width = (place + 1 for place in cells.end or (-1, -1))
        if height * width > _MOST_CELLS:
            raise SourceError(
                f"{path}: sheet {chosen!r} has {height:,} rows of {width:,} cells; a workbook is read whole, up to "
                f"{_MOST_CELLS:,} cells. Save the sheet as CSV"
            )
        if not height:
            raise SourceError(f"{path}: sheet {chosen!r} has no cells. {EXPORT_AGAIN}")
        rows = cells.to_python(skip_empty_area=False)
    _restore_errors(path, chosen, rows)
    return [[_value(cell) for cell in row] for row in rows]


def _restore_errors(path: Path, sheet: str, rows: list[ExcelRow]) -> None:
    """Write errors such as #N/A into the cells of an .xlsx sheet that calamine gives as empty.

    Raises:
        SourceError: A formula has no value, as in a workbook that no spreadsheet program has saved.
    """
    with open_decompressed(path) as file:
        found = blank_cells(file if compression_of(path) is None else io.BytesIO(file.read()), sheet)
    if found.uncomputed:
        shown = ", ".join(found.uncomputed[:20]) + (", ..." if len(found.uncomputed) > 20 else "")
        raise SourceError(
            f"{path}: sheet {sheet!r}: {len(found.uncomputed)} formulas have no value ({shown}): the workbook was "
            "never calculated. Open it in Excel, save it, and give it again"
        )
    for (row, column), error in found.errors.items():
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = error


def as_texts(row: Sequence[Any]) -> list[str]:
    """The cells of a row as texts, to see where the table lies."""
    return ["" if cell is None else str(cell) for cell in row]


def excel_chunks(
    path: Path, source: Source, select: SelectColumns, *, keep_rows: bool = False
) -> Iterator[Chunk]:
    """Yield the selected columns of a sheet in chunks of rows, each in the type of its cells, or as text.

    Args:
        path: The workbook.
        source: Its sheet, header, names and skip_footer say where the table lies.
        select: Gives the name of the chunk's column per name in the header, or refuses the header.
        keep_rows: Keep rows that skip_footer would omit but that look like rows of the table.

    Raises:
        SourceError: As in `sheet_rows`; or the sheet has no rows below its header.
    """
    rows = sheet_rows(path, source.sheet)
    if len(rows) < source.header:
        raise SourceError(
            f"{path}: the sheet has no row {source.header}, where source.header says its header is"
        )
    header = rows[source.header - 1] if source.header else [None] * len(rows[0])
    last = max((i for i, cell in enumerate(header) if cell is not None), default=-1)
    given = tuple(source.names or names_as_read(as_texts(header[: last + 1])))
    body = [row for row in rows[source.header :] if any(cell is not None for cell in row)]
    del rows
    body = _without_footer(path, source, body, len(given), keep_rows=keep_rows)
    wanted = {given.index(name): to for name, to in select(given).items()}
    if not body:
        sheet = f"sheet {source.sheet!r}" if source.sheet else "the sheet"
        raise SourceError(f"{path}: {sheet} has a header but no rows. {EXPORT_AGAIN}")
    beyond = [i for i, row in enumerate(body, 1) if any(cell is not None for cell in row[len(given) :])]
    if beyond:
        raise SourceError(
            f"{path}: {len(beyond)} rows have cells right of the header's {len(given)} columns (first: "
            f"row {beyond[0]}); give these columns a name, or clear the cells"
        )
    for start in range(0, len(body), _ROWS):
        part = body[start : start + _ROWS]
        yield {name: _column([row[index] for row in part]) for index, name in wanted.items()}


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    # Imported here, because most sources are no workbooks.
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        if compression_of(path) is None:
            book = CalamineWorkbook.from_path(str(path))
        else:
            with open_decompressed(path) as packed:
                book = CalamineWorkbook.from_filelike(io.BytesIO(packed.read()))
        yield book
    except PasswordError:
        raise SourceError(f"{path}: the workbook has a password; save it without one") from None
    except CalamineError as error:
        kind = type(error).__name__
        raise SourceError(f"{path}: not readable as an Excel workbook ({kind}); save it again") from None


def _value(cell: Any) -> Any:
    """The cell as Excel shows it: whole numbers without a fraction, None for a blank one."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return int(cell)
    return cell


def _without_footer(
    path: Path, source: Source, body: list[ExcelRow], width: int, *, keep_rows: bool
) -> list[ExcelRow]:
    if not source.skip_footer:
        return body
    footer = body[-source.skip_footer :]
    like_rows = [is_like_row(as_texts(row[:width]), width) for row in footer]
    if any(like_rows) and not keep_rows:
        raise SourceError(
            f"{path}: source.skip_footer: {source.skip_footer}, but one of these rows looks like a row of the table; "
            "correct skip_footer"
        )
    return body[: len(body) - (like_rows[::-1].index(True) if any(like_rows) else len(footer))]


def _column(cells: list[Any]) -> pa.Array:
    """The cells in one Arrow type, or as text where they are of several."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float}:
        return pa.array(cells, pa.float64() if float in kinds else pa.int64())
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds <= {date, datetime}:
        days = [cell.date() if isinstance(cell, datetime) else cell for cell in cells]
        whole = all(not isinstance(cell, datetime) or cell.time() == time() for cell in cells)
        return pa.array(days if whole or date in kinds else cells)
    return pa.array([_text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell.total_seconds()) if isinstance(cell, timedelta) else str(cell)
