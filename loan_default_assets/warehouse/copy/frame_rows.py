"""Frames of loans in COPY's binary format, by way of Arrow: neither a cell nor a row passes through Python or text."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.warehouse.copy.binary_format import POSTGRES_EPOCH
from loan_default_assets.warehouse.database_errors import WarehouseError

if TYPE_CHECKING:
    import pandas as pd

ARROW_TYPES = {
    "double precision": pa.float64(),
    "bigint": pa.int64(),
    "smallint": pa.int16(),
    "date": pa.date32(),
    "text": pa.string(),
}
_ROWS_PER_CHUNK = 25_000
_NULL = (-1).to_bytes(4, "big", signed=True)


def frame_chunks(frame: "pd.DataFrame", types: Mapping[str, str]) -> Iterator[bytes]:
    """The rows in COPY's binary format without header and trailer, in chunks.

    Args:
        frame: The rows; NaN, NaT and None are NULL.
        types: The columns in the order of COPY, with the PostgreSQL type that the table has them in: the binary
            format is not converted, so a number of another type would be stored as another number.

    Raises:
        WarehouseError: A column is missing or holds values of another type, or the table's type is not known.
    """
    for name, type_ in types.items():
        if type_ not in ARROW_TYPES:
            raise WarehouseError(
                f"column {name} of the table is {type_}, which is none of {', '.join(ARROW_TYPES)}"
            )
    for first in range(0, len(frame), _ROWS_PER_CHUNK):
        part = frame.iloc[first : first + _ROWS_PER_CHUNK]
        cells = [pa.scalar(len(types).to_bytes(2, "big"), pa.binary())]
        for name, type_ in types.items():
            try:
                cells += _cells(pa.Array.from_pandas(part[name]), ARROW_TYPES[type_])
            except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError):
                raise WarehouseError(
                    f"column {name} between rows {first + 1} and {first + len(part)} does not hold {type_}"
                ) from None
        yield _joined(cells)


def _joined(cells: list[pa.Array | pa.Scalar]) -> bytes:
    """The cells row after row: the bytes of an array of the rows, which lie one after the other."""
    rows = pc.binary_join_element_wise(*cells, pa.scalar(b"", pa.binary()))
    return bytes(memoryview(rows.buffers()[2])[: pc.sum(pc.binary_length(rows)).as_py()])


def _cells(values: pa.Array, type_: pa.DataType) -> list[pa.Array]:
    """The lengths and values of a column, row by row, as arrays of bytes to be joined."""
    if pa.types.is_dictionary(values.type) and pa.types.is_string(type_):
        texts = [text.encode() for text in values.dictionary.cast(type_).to_pylist()]
        cells = pa.array([len(text).to_bytes(4, "big") + text for text in texts] + [_NULL], pa.binary())
        return [cells.take(pc.fill_null(values.indices, len(texts)))]
    values = values if values.type == type_ else values.cast(type_)
    if pa.types.is_string(type_):
        lengths = pc.fill_null(pc.binary_length(values), -1).to_numpy()
        return [_equally_long(lengths.astype(">i4")), pc.fill_null(values.cast(pa.binary()), b"")]
    if pa.types.is_date(type_):
        values = values.cast(pa.int32())
    numbers = pc.fill_null(values, 0).to_numpy()
    if pa.types.is_date(type_):
        numbers = numbers - POSTGRES_EPOCH.astype(np.int32)
    fields = np.empty(len(numbers), [("bytes", ">i4"), ("value", numbers.dtype.newbyteorder(">"))])
    fields["bytes"], fields["value"] = numbers.itemsize, numbers
    filled = _equally_long(fields)
    if not values.null_count:
        return [filled]
    return [pc.if_else(values.is_valid(), filled, pa.scalar(_NULL, pa.binary()))]


def _equally_long(values: np.ndarray) -> pa.Array:
    """An array of bytes over the memory of a numpy array."""
    ends = np.arange(len(values) + 1, dtype=np.int32) * np.int32(values.itemsize)
    return pa.Array.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(values))]
    )
