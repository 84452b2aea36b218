"""CSV and Parquet files as chunks of Arrow columns, and the check of a header against the portfolio."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from loan_default_assets.portfolio.errors import SourceError, did_you_mean, row_list
from loan_default_assets.portfolio.ingest.text_encodings import TextEncoding, detect, mojibake
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, converters, is_number
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.yaml_loader import PLACEHOLDER

_MISSING_MARKS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
_BLOCK = 8 << 20

Chunk = dict[str, pa.Array]


def file_chunks(p: Portfolio, needed: Collection[str] | None = None) -> Iterator[Chunk]:
    """Yield the columns of the portfolio's CSV or Parquet file in chunks of rows, in the file's order.

    Args:
        p: The portfolio; its source names the file.
        needed: If given, only these columns must be present, and columns that are not described are ignored.

    Raises:
        SourceError: The file is missing, empty, damaged or changed while it was read, its header is not the
            portfolio's, or rows cannot be parsed.
    """
    path = _existing_file(p.source.path or "")
    before = _file_state(path)
    try:
        chunks = _csv_chunks if p.source.kind == "csv" else _parquet_chunks
        yield from chunks(p, path, needed)
    finally:
        # Raised in place of any other error, because a file that is being written explains it.
        if not path.exists() or _file_state(path) != before:
            raise SourceError(f"{path}: the file changed while it was read; run again when it is complete")


def columns_to_read(
    location: str, p: Portfolio, given: Sequence[str], needed: Collection[str] | None = None
) -> list[str]:
    """Check a header and select the columns to read.

    Args:
        location: The file or database, for the message.
        p: The portfolio.
        given: The names in the header.
        needed: As in `file_chunks`.

    Raises:
        SourceError: Columns are missing, not described, or duplicated; the message names them.
    """
    wanted = [name for name in converters(p) if needed is None or name in needed or name in given]
    problems = [f"{name!r} appears twice" for name, count in Counter(given).items() if count > 1]
    extra = [name for name in given if name not in wanted and name not in p.ignore and needed is None]
    for name in [name for name in wanted if name not in given]:
        problems.append(f"{name!r} is missing{did_you_mean(name, extra, otherwise_all=False)}")
    if extra:
        problems.append(
            f"not described in the portfolio: {', '.join(map(repr, extra))} (add to columns, or to ignore)"
        )
    if problems and mojibake(given):
        problems.append("the header was decoded with the wrong encoding before it was saved")
    if problems and len(given) == 1 and any(separator in given[0] for separator in ";\t|"):
        problems.append("the file uses another separator: set source.delimiter")
    if problems:
        raise SourceError(f"{location}: columns: {'; '.join(problems)}")
    return wanted


def _existing_file(given: str) -> Path:
    if PLACEHOLDER.search(given):
        raise SourceError(f"source.path: {given} is not set; give the file with --source FILE or LOAN_SOURCE")
    path = Path(given)
    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "no such file"
        raise SourceError(
            f"{path}: {fault}; give the file with --source FILE or in the portfolio's source.path"
        )
    return path


def _file_state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _parquet_chunks(p: Portfolio, path: Path, needed: Collection[str] | None) -> Iterator[Chunk]:
    try:
        with pq.ParquetFile(path) as file:
            wanted = columns_to_read(str(path), p, file.schema_arrow.names, needed)
            if file.metadata.num_rows == 0:
                raise SourceError(f"{path}: the file has columns but no rows")
            for batch in file.iter_batches(columns=wanted):
                yield {name: batch.column(name) for name in wanted}
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path}: not readable as Parquet ({str(error).splitlines()[0]})") from error


def _csv_chunks(p: Portfolio, path: Path, needed: Collection[str] | None) -> Iterator[Chunk]:
    encoded = detect(path)
    with open_text(path, encoded) as text:
        header = [name.strip() for name in next(csv.reader(text, delimiter=p.source.delimiter))]
    wanted = columns_to_read(str(path), p, header, needed)
    rows = 0
    try:
        with pa.input_stream(path, compression="gzip" if encoded.gzipped else None) as stream:
            for batch in pacsv.open_csv(stream, *_options(p, encoded, header, wanted)):
                rows += len(batch)
                yield {name: batch.column(name) for name in wanted}
    except pa.ArrowInvalid as error:
        if _check_cells(p, path, encoded, header) == 0:
            raise SourceError(f"{path}: the file has a header but no rows") from None
        # Arrow's own message may show cells.
        raise SourceError(f"{path}: not readable as CSV after {rows} rows") from error
    if rows == 0:
        raise SourceError(f"{path}: the file has a header but no rows")


def _options(
    p: Portfolio, encoded: TextEncoding, header: list[str], wanted: list[str]
) -> tuple[Any, Any, Any]:
    """Arrow's options; repetitive text is read as a dictionary, so that each distinct value is converted once."""
    numbers = {name for name, column in p.columns.items() if column.kind == "number"}
    plain = {name for name, column in p.columns.items() if column.kind == "text"} | {p.key}
    coded = pa.dictionary(pa.int32(), pa.string())
    types = {n: pa.float64() if n in numbers else pa.string() if n in plain else coded for n in wanted}
    return (
        pacsv.ReadOptions(column_names=header, skip_rows=1, encoding=encoded.encoding, block_size=_BLOCK),
        pacsv.ParseOptions(delimiter=p.source.delimiter, newlines_in_values=True),
        pacsv.ConvertOptions(
            column_types=types,
            include_columns=wanted,
            null_values=missing_marks(p),
            strings_can_be_null=True,
        ),
    )


def missing_marks(p: Portfolio) -> list[str]:
    """Cells that mean `missing`: the usual ones, except those that are a value of some category."""
    values = {value for column in p.columns.values() for value in column.values or ()}
    return [mark for mark in _MISSING_MARKS if mark not in values]


@contextmanager
def open_text(path: Path, encoded: TextEncoding) -> Iterator[io.TextIOWrapper]:
    """Open the file's text, decompressed and without a BOM; line ends are kept, as the csv module requires."""
    encoding = "utf-8-sig" if encoded.encoding == "utf8" else encoded.encoding
    with gzip.open(path) if encoded.gzipped else path.open("rb") as file:
        yield io.TextIOWrapper(cast("IO[bytes]", file), encoding, newline="")


def _check_cells(p: Portfolio, path: Path, encoded: TextEncoding, header: list[str]) -> int:
    """Read the file again, slowly, to name the cells that Arrow could not read.

    Returns:
        The number of rows, when every cell can be read.

    Raises:
        SourceError: Rows have another number of cells than the header, or cells are not numbers.
    """
    numbers = [
        (n, index) for index, n in enumerate(header) if n in p.columns and p.columns[n].kind == "number"
    ]
    marks, errors, row = set(missing_marks(p)), CellErrors(), 0
    uneven: list[int] = []
    with open_text(path, encoded) as text:
        lines = csv.reader(text, delimiter=p.source.delimiter)
        next(lines)
        for row, cells in enumerate(filter(None, lines), start=1):
            if len(cells) != len(header):
                uneven.append(row)
                continue
            for name, index in numbers:
                if cells[index] not in marks and not is_number(cells[index]):
                    errors.add(name, "not a number", [row])
    if uneven:
        uneven_rows = f"{len(uneven)} rows do" if len(uneven) > 1 else "1 row does"
        raise SourceError(
            f"{path}: {uneven_rows} not have the header's {len(header)} cells "
            f"({row_list(uneven, len(uneven))}); a cell that contains the separator needs quotes"
        )
    errors.raise_if_any(str(path))
    return row
