"""Columns out of files and queries as Arrow arrays, chunk by chunk, once the header agrees with the portfolio."""

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
from loan_default_assets.portfolio.ingest.type_conversion import Findings, converters, is_number
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.yaml_loader import PLACEHOLDER

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
_BLOCK = 8 << 20

Chunk = dict[str, pa.Array]


def file_chunks(p: Portfolio, needed: Collection[str] | None = None) -> Iterator[Chunk]:
    """The columns of the portfolio's CSV or Parquet file, in chunks of rows, in the file's order.

    With `needed`, only those columns must be there, and columns that are not described do not matter.
    Raises SourceError for a file that is missing, empty, damaged, or changed while it was read, for a header that
    is not the portfolio's, and for rows that cannot be parsed.
    """
    path = _existing(p.source.path or "")
    before = _state(path)
    try:
        chunks = _csv_chunks if p.source.kind == "csv" else _parquet_chunks
        yield from chunks(p, path, needed)
    finally:
        # Whatever else went wrong: a file that is being written explains it.
        if not path.exists() or _state(path) != before:
            raise SourceError(f"{path}: the file changed while it was read; run again when it is complete")


def check_header(
    where: str, p: Portfolio, given: Sequence[str], needed: Collection[str] | None = None
) -> list[str]:
    """The columns to read. SourceError names the columns that are missing, not described, or there twice."""
    wanted = [name for name in converters(p) if needed is None or name in needed or name in given]
    problems = [f"{name!r} is there twice" for name, count in Counter(given).items() if count > 1]
    extra = [name for name in given if name not in wanted and name not in p.ignore and needed is None]
    for name in [name for name in wanted if name not in given]:
        problems.append(f"{name!r} is missing{did_you_mean(name, extra, otherwise_all=False)}")
    if extra:
        problems.append(
            f"not described in the portfolio: {', '.join(map(repr, extra))} (add to columns, or to ignore)"
        )
    if problems and mojibake(given):
        problems.append("the header was decoded with the wrong encoding before it was saved")
    if problems and len(given) == 1 and any(mark in given[0] for mark in ";\t|"):
        problems.append("the file has another separator: set source.delimiter")
    if problems:
        raise SourceError(f"{where}: columns: {'; '.join(problems)}")
    return wanted


def _existing(given: str) -> Path:
    if PLACEHOLDER.search(given):
        raise SourceError(
            f"source.path: {given} is not filled; give the file with --source FILE or LOAN_SOURCE"
        )
    path = Path(given)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise SourceError(
            f"{path}: {what}; give the file with --source FILE or in the portfolio's source.path"
        )
    return path


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _parquet_chunks(p: Portfolio, path: Path, needed: Collection[str] | None) -> Iterator[Chunk]:
    try:
        with pq.ParquetFile(path) as file:
            wanted = check_header(str(path), p, file.schema_arrow.names, needed)
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
    wanted = check_header(str(path), p, header, needed)
    rows = 0
    try:
        with pa.input_stream(path, compression="gzip" if encoded.gzipped else None) as stream:
            for batch in pacsv.open_csv(stream, *_options(p, encoded, header, wanted)):
                rows += len(batch)
                yield {name: batch.column(name) for name in wanted}
    except pa.ArrowInvalid as error:
        if _locate(p, path, encoded, header) == 0:
            raise SourceError(f"{path}: the file has a header but no rows") from None
        # Arrow's own message may show cells.
        raise SourceError(f"{path}: not readable as CSV after {rows} rows") from error
    if rows == 0:
        raise SourceError(f"{path}: the file has a header but no rows")


def _options(
    p: Portfolio, encoded: TextEncoding, header: list[str], wanted: list[str]
) -> tuple[Any, Any, Any]:
    """Arrow's options: text that repeats itself is read as a dictionary, so that each value is looked at once."""
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
    """Cells that mean `missing`: the usual ones, but for those that are a value of some category."""
    values = {value for column in p.columns.values() for value in column.values or ()}
    return [mark for mark in MISSING if mark not in values]


@contextmanager
def open_text(path: Path, encoded: TextEncoding) -> Iterator[io.TextIOWrapper]:
    """The file's text, decompressed and without a BOM; line ends as they are, for the csv module."""
    encoding = "utf-8-sig" if encoded.encoding == "utf8" else encoded.encoding
    with gzip.open(path) if encoded.gzipped else path.open("rb") as file:
        yield io.TextIOWrapper(cast("IO[bytes]", file), encoding, newline="")


def _locate(p: Portfolio, path: Path, encoded: TextEncoding, header: list[str]) -> int:
    """Reads the file again, slowly, to say which cells Arrow could not read; the number of rows when it finds none."""
    numbers = [
        (n, place) for place, n in enumerate(header) if n in p.columns and p.columns[n].kind == "number"
    ]
    marks, findings, row = set(missing_marks(p)), Findings(), 0
    uneven: list[int] = []
    with open_text(path, encoded) as text:
        lines = csv.reader(text, delimiter=p.source.delimiter)
        next(lines)
        for row, cells in enumerate(filter(None, lines), start=1):
            if len(cells) != len(header):
                uneven.append(row)
                continue
            for name, place in numbers:
                if cells[place] not in marks and not is_number(cells[place]):
                    findings.add(name, "not a number", [row])
    if uneven:
        raise SourceError(
            f"{path}: {len(uneven)} row{'s have' if len(uneven) > 1 else ' has'} not the header's {len(header)} cells "
            f"({row_list(uneven, len(uneven))}); a cell that holds the separator needs quotes"
        )
    findings.fail(str(path))
    return row
