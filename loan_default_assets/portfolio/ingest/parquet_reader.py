"""Parquet files as chunks of Arrow columns in types that every converter knows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError
from loan_default_assets.portfolio.ingest.column_names import names_as_read
from loan_default_assets.portfolio.ingest.compression import compression_of, open_decompressed
from loan_default_assets.portfolio.ingest.csv_reader import Chunk, SelectColumns

# The index that pandas adds to the columns of a frame that was filtered or sorted.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
_COPY_BLOCK = 8 << 20


def parquet_chunks(path: Path, select: SelectColumns) -> Iterator[Chunk]:
    """Yield the selected columns in chunks of rows.

    Raises:
        SourceError: The file is no Parquet file or damaged, has no rows, or a selected column is nested or binary.
    """
    try:
        with _open(path) as file:
            names, indexes = _columns(file.schema_arrow)
            wanted = select(tuple(names))
            if file.metadata.num_rows == 0:
                raise SourceError(f"{path}: the file has columns but no rows. {EXPORT_AGAIN}")
            position = dict(zip(names, indexes, strict=True))
            every_name = file.schema_arrow.names
            for given in wanted:
                _check_type(path, given, file.schema_arrow.field(position[given]).type)
            unique = len(set(every_name)) == len(every_name)
            read = [every_name[position[given]] for given in wanted] if unique else None
            for batch in file.iter_batches(columns=read):
                yield {
                    name: _plain(
                        path, given, batch.column(every_name[position[given]] if unique else position[given])
                    )
                    for given, name in wanted.items()
                }
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def parquet_columns(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names of the columns as read, of the nested ones among them, and of the row indexes that are not read.

    Raises:
        SourceError: The file is no Parquet file or damaged.
    """
    try:
        with _open(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    names, indexes = _columns(schema)
    nested = [n for n, i in zip(names, indexes, strict=True) if pa.types.is_nested(schema.field(i).type)]
    ignored = [name for name in schema.names if _PANDAS_INDEX.fullmatch(name)]
    return tuple(names), tuple(nested), tuple(ignored)


def _unreadable(path: Path, error: Exception) -> SourceError:
    """Arrow's text may quote what it found in the place of a length or a type."""
    return SourceError(
        f"{path}: not readable as Parquet ({type(error).__name__}): it is another kind of file, damaged or truncated; "
        "copy or export it again"
    )


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    if compression_of(path) is None:
        with pq.ParquetFile(path) as file:
            yield file
        return
    with TemporaryFile() as plain:
        with open_decompressed(path) as packed:
            while block := packed.read(_COPY_BLOCK):
                plain.write(block)
        plain.seek(0)
        with pq.ParquetFile(plain) as file:
            yield file


def _columns(schema: pa.Schema) -> tuple[list[str], list[int]]:
    """Names as read and positions of the columns that are not pandas's row index."""
    indexes = [i for i, name in enumerate(schema.names) if not _PANDAS_INDEX.fullmatch(name)]
    return list(names_as_read(schema.names[i] for i in indexes)), indexes


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    if pa.types.is_nested(kind):
        raise SourceError(
            f"{path}: column {name}: of the nested type {kind}, not one value per row; list the column under "
            "`ignore`, or write its parts as columns of their own"
        )


def _plain(path: Path, name: str, cells: pa.Array) -> pa.Array:
    """The cells in a type that the converters know: text as string, dictionaries of text, no durations."""
    kind = cells.type
    if pa.types.is_dictionary(kind) and not pa.types.is_string(kind.value_type):
        cells = cells.dictionary_decode()
        kind = cells.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            cells = cells.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            raise SourceError(
                f"{path}: column {name}: of type {kind}, and its bytes are not text; list it under `ignore`"
            ) from None
    elif pa.types.is_large_string(kind) or str(kind) == "string_view" or pa.types.is_null(kind):
        cells = cells.cast(pa.string())
    elif pa.types.is_duration(kind) or pa.types.is_time(kind):
        cells = cells.cast(pa.int64() if pa.types.is_duration(kind) else pa.string())
    elif pa.types.is_float16(kind):
        cells = cells.cast(pa.float32())
    texts = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
    if pa.types.is_string(texts.type) and pc.any(pc.match_substring(texts, "\x00")).as_py():
        raise SourceError(
            f"{path}: column {name}: zero bytes in its cells; remove them, or export the file again"
        )
    return cells
