"""Rows in and out by COPY with little memory: frames as CSV through Arrow, chunks prepared one ahead of the server."""

import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2 import extensions, sql

from loan_default_assets.warehouse.database_errors import WarehouseError

_ROWS_PER_CHUNK = 25_000


def copy_in(cursor: extensions.cursor, statement: sql.Composable, chunks: Iterable[bytes]) -> int:
    """Send the chunks to a COPY ... FROM STDIN.

    Returns:
        The number of rows that PostgreSQL stored.

    Raises:
        psycopg2.Error: PostgreSQL refuses the rows. An error of `chunks` itself is raised unchanged.
    """
    source = _CopySource(_prefetch(iter(chunks)))
    try:
        cursor.copy_expert(statement, source, size=1 << 20)
    except psycopg2.Error:
        if source.error is not None:
            raise source.error from None
        raise
    finally:
        source.chunks.close()
    return cursor.rowcount


def csv_chunks(frame: pd.DataFrame, schema: pa.Schema) -> Iterator[bytes]:
    """The frame as CSV for COPY, in chunks of rows. NULL is an empty cell, an empty text is quoted.

    Args:
        frame: The rows.
        schema: The columns in the order of COPY.

    Raises:
        WarehouseError: A column is missing or holds values of another type.
    """
    options = pa.csv.WriteOptions(include_header=False)
    for first in range(0, len(frame), _ROWS_PER_CHUNK):
        part = frame.iloc[first : first + _ROWS_PER_CHUNK]
        sink = io.BytesIO()
        pa.csv.write_csv(_batch(part, schema, first), sink, options)
        yield sink.getvalue()


def read_csv(
    cursor: extensions.cursor, query: sql.Composable, schema: pa.Schema, categories: Sequence[str]
) -> pd.DataFrame:
    """The query's rows, numbered from 1.

    Args:
        cursor: Of a transaction.
        query: A SELECT.
        schema: Its columns.
        categories: Text columns to return as pandas categories.

    Returns:
        Numbers as float64, dates as datetime64[ns], texts as str.
    """
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


def _batch(part: pd.DataFrame, schema: pa.Schema, first: int) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        try:
            arrays.append(_array(part[field.name], field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError):
            raise WarehouseError(
                f"column {field.name} between rows {first + 1} and {first + len(part)} does not hold {field.type}"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: pd.Series, type_: pa.DataType) -> pa.Array:
    array = pa.Array.from_pandas(values)
    return array if array.type == type_ else array.cast(type_)


def _prefetch(chunks: Iterator[bytes]) -> Generator[bytes]:
    """The same chunks, each computed in a thread while PostgreSQL processes the previous one."""
    with ThreadPoolExecutor(1) as worker:
        upcoming = worker.submit(next, chunks, b"")
        while chunk := upcoming.result():
            upcoming = worker.submit(next, chunks, b"")
            yield chunk


class _CopySource:
    """A file for COPY that keeps the error of its chunks, which psycopg2 would replace by one of PostgreSQL's."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        self.chunks = chunks
        self.error: BaseException | None = None

    def read(self, _size: int = -1, /) -> bytes:
        try:
            return next(self.chunks, b"")
        except BaseException as error:
            self.error = error
            raise

    readline = read
