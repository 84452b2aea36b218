"""COPY's binary format for rows of equal layout, as numpy structured arrays, without a Python loop over rows.

A tuple is a 16-bit count of fields and, for each, a 32-bit length and the value in network byte order; an array
value starts with dimensions, null flag, element OID, length and lower bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loan_default_assets.warehouse.database_errors import WarehouseError

HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
POSTGRES_EPOCH = np.datetime64("2000-01-01", "D")
_OID = {"i2": 21, "f4": 700}
_BUFFERED = 4 << 20


@dataclass(frozen=True)
class Field:
    """One column of rows of equal layout.

    Attributes:
        name: Name of the column.
        type: Numpy type of its values, e.g. `S12` for exactly 12 bytes of text; None: NULL in all rows.
        length: Number of elements of an array; None: a single value.
    """

    name: str
    type: str | None
    length: int | None = None


def layout(fields: Sequence[Field]) -> tuple[np.dtype, dict[str, int]]:
    """The dtype of a row, and the constant values of its parts that are not data (counts, lengths, OIDs)."""
    parts: list[Any] = [("fields", ">i2")]
    fixed = {"fields": len(fields)}
    for field in fields:
        size = 0 if field.type is None else np.dtype(field.type).itemsize
        head = {"bytes": size if field.type else -1}
        if field.length is not None:
            oid = _OID[str(field.type)]
            empty = {"bytes": 12, "dimensions": 0, "nulls": 0, "oid": oid}
            filled = {"bytes": 20 + field.length * (4 + size), "dimensions": 1, "nulls": 0, "oid": oid}
            head = filled | {"length": field.length, "lower": 1} if field.length else empty
        fixed |= {f"{field.name}.{name}": value for name, value in head.items()}
        parts += [(f"{field.name}.{name}", ">i4") for name in head]
        if field.length:
            parts.append((field.name, [("bytes", ">i4"), ("value", _network(field.type))], (field.length,)))
        elif field.type and field.length is None:
            parts.append((field.name, _network(field.type)))
    return np.dtype(parts), fixed


def pack_rows(fields: Sequence[Field], columns: Mapping[str, Any]) -> bytes:
    """The rows in binary format, without HEADER and TRAILER.

    Args:
        fields: The layout of a row.
        columns: By field, an array of n values (first axis) or one value for all rows; one at least is an array.
    """
    dtype, fixed = layout(fields)
    rows = np.empty(max(len(v) for v in columns.values() if isinstance(v, np.ndarray)), dtype)
    for part, value in fixed.items():
        rows[part] = value
    for field in fields:
        if field.length:
            rows[field.name]["bytes"] = np.dtype(str(field.type)).itemsize
            rows[field.name]["value"] = columns[field.name]
        elif field.type and field.length is None:
            rows[field.name] = columns[field.name]
    return rows.tobytes()


class BinaryUnpacker:
    """A file for COPY TO STDOUT (FORMAT binary) that fills preallocated arrays."""

    def __init__(self, fields: Sequence[Field], columns: Mapping[str, np.ndarray]) -> None:
        """
        Args:
            fields: The layout of a row.
            columns: By field, the array to fill; its first axis is the expected number of rows.
        """
        self._fields, self._columns = fields, columns
        self._dtype, self._fixed = layout(fields)
        self._buffer, self._skip, self._row = bytearray(), len(HEADER), 0

    def write(self, chunk: bytes) -> None:
        """Accept the next bytes, in chunks of any size."""
        self._buffer += chunk
        if len(self._buffer) > _BUFFERED:
            self._flush()

    def finish(self, *, fewer: bool = False) -> int:
        """Unpack the rest.

        Args:
            fewer: Whether there may be fewer rows than the arrays have space for.

        Returns:
            The number of rows.

        Raises:
            WarehouseError: The number or the layout of the rows differs from the one expected.
        """
        self._flush()
        expected = len(next(iter(self._columns.values())))
        if (self._row != expected and not fewer) or self._buffer != TRAILER:
            raise WarehouseError(
                f"expected {expected} rows of equal layout, the layout ends after row {self._row}"
            )
        return self._row

    def _flush(self) -> None:
        count = (len(self._buffer) - self._skip) // self._dtype.itemsize
        rows = np.frombuffer(bytes(self._buffer), self._dtype, count, self._skip)
        matches = all((rows[part] == value).all() for part, value in self._fixed.items())
        for field in self._fields:
            if field.length == 0:
                continue
            values = rows[field.name]
            if field.length:
                matches = matches and bool((values["bytes"] == np.dtype(str(field.type)).itemsize).all())
                values = values["value"]
            if matches:
                self._columns[field.name][self._row : self._row + count] = values
        if not matches:
            raise WarehouseError(
                f"rows {self._row + 1} to {self._row + count}: an array of another length, or NULL"
            )
        del self._buffer[: self._skip + rows.nbytes]
        self._skip, self._row = 0, self._row + count


def _network(type_: str | None) -> str:
    return f">{type_}" if type_ and not type_.startswith("S") else str(type_)
