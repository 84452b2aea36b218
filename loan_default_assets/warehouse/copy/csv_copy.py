"""Rows in and out by COPY with little memory: frames as CSV through Arrow, pieces made one ahead of the server."""

import io
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2 import extensions, sql

from loan_default_assets.warehouse.errors import WarehouseError

_ROWS_A_PIECE = 25_000


def copy_in(cursor: extensions.cursor, statement: sql.Composable, pieces: Iterable[bytes]) -> int:
    """Send `pieces` to a COPY ... FROM STDIN; the number of rows that arrived."""
    feed = _Feed(_ahead(iter(pieces)))
    try:
        cursor.copy_expert(statement, feed, size=1 << 20)
    except psycopg2.Error:
        if feed.error is not None:
            raise feed.error from None
        raise
    finally:
        feed.pieces.close()
    return cursor.rowcount


def csv_pieces(frame: pd.DataFrame, schema: pa.Schema, constants: Mapping[str, str]) -> Iterator[bytes]:
    """The frame as CSV for COPY, some rows at a time: NULL is an empty cell, an empty text is quoted.

    `constants` are columns of the schema, one value for all rows, that the frame lacks.
    """
    options = pa.csv.WriteOptions(include_header=False)
    for first in range(0, len(frame), _ROWS_A_PIECE):
        part = frame.iloc[first : first + _ROWS_A_PIECE]
        sink = io.BytesIO()
        pa.csv.write_csv(_batch(part, schema, constants, first), sink, options)
        yield sink.getvalue()


def read_csv(
    cursor: extensions.cursor, query: sql.Composable, schema: pa.Schema, categories: Sequence[str]
) -> pd.DataFrame:
    """The query's rows, numbered from 1: numbers float64, dates datetime64[ns], texts str, or `categories`."""
    body = io.BytesIO()
    cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query), body)
    body.seek(0)
    types = {f.name: pa.float64() if pa.types.is_integer(f.type) else f.type for f in schema}
    types |= {name: pa.dictionary(pa.int32(), pa.string()) for name in categories}
    table = pa.csv.read_csv(
        body,
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    days = {name: "datetime64[ns]" for name, kind in types.items() if pa.types.is_date(kind)}
    frame = table.to_pandas(date_as_object=False).astype(days)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def _batch(part: pd.DataFrame, schema: pa.Schema, constants: Mapping[str, str], first: int) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        if field.name in constants:
            arrays.append(pa.repeat(constants[field.name], len(part)))
            continue
        try:
            arrays.append(_array(part[field.name], field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError):
            raise WarehouseError(
                f"column {field.name} between rows {first + 1} and {first + len(part)} does not hold {field.type}"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: pd.Series, wanted: pa.DataType) -> pa.Array:
    array = pa.Array.from_pandas(values)
    return array if array.type == wanted else array.cast(wanted)


def _ahead(pieces: Iterator[bytes]) -> Generator[bytes]:
    """The same pieces, each made in a thread while PostgreSQL works on the one before it."""
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, pieces, b"")
        while piece := coming.result():
            coming = worker.submit(next, pieces, b"")
            yield piece


class _Feed:
    """A file for COPY that keeps the error of its source, which psycopg2 would turn into one of PostgreSQL's."""

    def __init__(self, pieces: Generator[bytes]) -> None:
        self.pieces = pieces
        self.error: BaseException | None = None

    def read(self, _size: int = -1, /) -> bytes:
        try:
            return next(self.pieces, b"")
        except BaseException as error:
            self.error = error
            raise

    readline = read
