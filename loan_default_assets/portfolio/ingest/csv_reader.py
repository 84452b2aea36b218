"""Delimited text as chunks of Arrow columns: by Arrow where its parser suffices, else record by record."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError
from loan_default_assets.portfolio.ingest.record_reader import read_header, read_records, text_of
from loan_default_assets.portfolio.ingest.row_shapes import Footer, RowShapes
from loan_default_assets.portfolio.ingest.text_encodings import encoding_of
from loan_default_assets.portfolio.ingest.text_stream import CommentLineFound, NulByteFound, utf8_stream
from loan_default_assets.portfolio.source_options import Source

# Arrow reads up to 32 blocks ahead.
_BLOCK = 1 << 20
_ROWS = 50_000

Chunk = dict[str, pa.Array]


class SelectColumns(Protocol):
    """Checks the names of a header and selects those to read, with the portfolio's names for them."""

    def __call__(self, given: Sequence[str], /, *, rare: Collection[str] = ()) -> Mapping[str, str]:
        """See `file_readers.columns_to_read`."""


class _RecordsNeeded(Exception):
    """Arrow's parser does not suffice from this row on."""


@dataclass(frozen=True)
class CsvReader:
    """A delimited text file and how it is read.

    Attributes:
        path: The file.
        source: The layout of the file.
        select: Gives the name of the chunk's column per name in the header, or refuses the header.
        plain: Columns of few repetitions; the others are dictionaries, so that each distinct text is converted once.
        missing: Cells that are null.
        keep_rows: Lines that `source.skip_footer` would omit are kept where they look like rows, not refused.
    """

    path: Path
    source: Source
    select: SelectColumns
    plain: frozenset[str]
    missing: frozenset[str]
    keep_rows: bool = False

    def chunks(self) -> Iterator[Chunk]:
        """Yield the selected columns as text, in chunks of rows.

        Blank lines and lines of separators only are no rows.

        Raises:
            SourceError: The file is damaged, its text is in another encoding, or rows do not have the header's cells.
        """
        encoding = encoding_of(self.path, self.source.encoding).encoding
        rows, by_records = 0, False
        try:
            if self.source.delimiter == " ":
                raise _RecordsNeeded
            for chunk in self._by_arrow(encoding):
                rows += len(next(iter(chunk.values())))
                yield chunk
        except (_RecordsNeeded, CommentLineFound, NulByteFound, pa.ArrowInvalid):
            by_records = True
        # After the handler, so that no error of a row carries Arrow's, which quotes the row.
        if by_records:
            # Rows that Arrow has given are not given twice: both ways count the same rows.
            for chunk in self._by_records(encoding, skip_rows=rows):
                rows += len(next(iter(chunk.values())))
                yield chunk
        if rows == 0:
            raise SourceError(f"{self.path}: the file has a header but no rows. {EXPORT_AGAIN}")

    def _footer(self) -> Callable[[bytes], bytes] | None:
        if not self.source.skip_footer:
            return None
        return Footer(self.path, self.source, keep_rows=self.keep_rows).cut

    def _by_arrow(self, encoding: str) -> Iterator[Chunk]:
        coded = pa.dictionary(pa.int32(), pa.string())
        comment = self.source.comment
        with utf8_stream(self.path, encoding, footer=self._footer(), comment=comment) as stream:
            names, _ = read_header(self.path, stream, self.source)
            wanted = self.select(names)
            types = {given: pa.string() if name in self.plain else coded for given, name in wanted.items()}
            reader = pacsv.open_csv(
                stream,
                pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
                pacsv.ParseOptions(
                    delimiter=self.source.delimiter,
                    quote_char=self.source.quote,
                    newlines_in_values=True,
                    invalid_row_handler=_skip_if_blank,
                ),
                pacsv.ConvertOptions(
                    column_types=types,
                    include_columns=list(wanted),
                    null_values=sorted(self.missing),
                    strings_can_be_null=True,
                ),
            )
            for batch in reader:
                chunk = {name: batch.column(given) for given, name in wanted.items()}
                if _may_have_blank_row(chunk):
                    raise _RecordsNeeded
                if len(batch):
                    yield chunk

    def _by_records(self, encoding: str, *, skip_rows: int) -> Iterator[Chunk]:
        with utf8_stream(self.path, encoding, footer=self._footer(), nul_allowed=True) as stream:
            names, line = read_header(self.path, stream, self.source)
            wanted = {names.index(given): name for given, name in self.select(names).items()}
            records = read_records(self.path, text_of(stream), self.source, first_line=line)
            shapes = RowShapes(self.path, names, fill=self.source.fill_short_rows)
            held: list[list[str]] = []
            for row, cells in enumerate(shapes.rows(r for r in records if not r.blank), start=1):
                if row <= skip_rows:
                    continue
                if not shapes.faulty:
                    held.append(cells)
                if len(held) == _ROWS:
                    yield self._columns(held, wanted)
                    held = []
            shapes.raise_if_any()
            if held:
                yield self._columns(held, wanted)

    def _columns(self, rows: list[list[str]], wanted: Mapping[int, str]) -> Chunk:
        columns = list(zip(*rows, strict=True))
        marks = pa.array(sorted(self.missing), pa.string())
        chunk = {}
        for index, name in wanted.items():
            cells = pa.array(columns[index], pa.string())
            chunk[name] = pc.if_else(pc.is_in(cells, marks), None, cells)
        return chunk


def _skip_if_blank(row: pacsv.InvalidRow) -> str:
    # A line of blanks is no row; rows with another number of cells are left to the records.
    return "error" if row.text.strip() else "skip"


def _may_have_blank_row(chunk: Chunk) -> bool:
    """Whether in some row all selected cells are blank or missing, as in a line of separators only."""
    blank = None
    for cells in chunk.values():
        if pa.types.is_dictionary(cells.type):
            empty = pc.equal(pc.utf8_trim_whitespace(cells.dictionary), "").take(cells.indices)
        else:
            empty = pc.equal(pc.utf8_trim_whitespace(cells), "")
        empty = pc.fill_null(empty, True)
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return False
    return blank is not None
