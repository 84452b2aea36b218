"""Features of many loans as arrays, and their conversion to and from the binary COPY format of `processed_data`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loan_default_assets.warehouse.copy.binary_format import POSTGRES_EPOCH, BinaryUnpacker, Field, pack_rows
from loan_default_assets.warehouse.database_errors import WarehouseError

# The digest covers the names of the table's columns, not of the attributes, so that hashes of training snapshots
# stay valid when attributes are renamed.
_CANONICAL = {
    "partition_key": ("partition_key", "text"),
    "loan_id": ("loan_id", "text"),
    "as_of": ("as_of", "<M8[D]"),
    "numbers": ("numerical", "<f4"),
    "categories": ("categorical", "<i2"),
    "label": ("label", "i1"),
    "label_observed_at": ("label_observed_at", "<M8[D]"),
}
_ROWS_PER_CHUNK = 25_000
_NULL_DATE = np.iinfo(np.int32).min


@dataclass(frozen=True, eq=False)
class LoanRows:
    """Features of n loans, ordered by partition and loan id.

    NaT stands for no date, label -1 for no label, NaN for a missing numerical feature.
    """

    partition_key: np.ndarray  # (n,) str
    loan_id: np.ndarray  # (n,) str
    as_of: np.ndarray  # (n,) datetime64[D]
    numerical: np.ndarray  # (n, N) float32
    categorical: np.ndarray  # (n, C) int16
    label: np.ndarray  # (n,) int8
    label_observed_at: np.ndarray  # (n,) datetime64[D]

    def __len__(self) -> int:
        return len(self.loan_id)

    def digest(self) -> str:
        """SHA-256 over all arrays, equal for equal rows on every machine."""
        total = hashlib.sha256()
        for name, (attribute, kind) in _CANONICAL.items():
            values = getattr(self, attribute)
            total.update(f"{name}{values.shape}".encode())
            for first in range(0, len(values), _ROWS_PER_CHUNK):
                some = values[first : first + _ROWS_PER_CHUNK]
                if kind == "text":
                    total.update("\0".join(["", *some.tolist()] if first else some.tolist()).encode())
                    continue
                some = some.astype(kind, copy=False)
                if kind == "<f4":
                    some = np.where(np.isnan(some), np.float32(np.nan), some)
                total.update(np.ascontiguousarray(some).reshape(-1).view(np.uint8).data)
        return total.hexdigest()


def binary_chunks(rows: LoanRows, feature_hash: str) -> Iterator[bytes]:
    """The rows in COPY's binary format without header and trailer, grouped by layout (lengths of the texts, NULLs).

    Args:
        rows: The rows.
        feature_hash: First 16 digits of the portfolio's hash.

    Raises:
        WarehouseError: A loan id is empty.
    """
    keys, ids = _utf8(rows.partition_key), _utf8(rows.loan_id)
    days = {"as_of": rows.as_of, "label_observed_at": rows.label_observed_at}
    missing = {"label": rows.label < 0} | {name: np.isnat(values) for name, values in days.items()}
    key_size, size = (np.char.str_len(texts).astype(np.int64) for texts in (keys, ids))
    if (size == 0).any():
        raise WarehouseError(f"partition {rows.partition_key[size == 0][0]}: an empty loan id")
    nulls = missing["as_of"] * 4 + missing["label_observed_at"] * 2 + missing["label"]
    shape = (key_size << 32) + size * 8 + nulls
    for value in np.unique(shape):
        same = np.flatnonzero(shape == value)
        fields = [
            Field("partition_key", f"S{value >> 32}"),
            Field("loan_id", f"S{(value & 0xFFFFFFFF) // 8}"),
            Field("as_of", None if value & 4 else "i4"),
            Field("numbers", "f4", rows.numerical.shape[1]),
            Field("categories", "i2", rows.categorical.shape[1]),
            Field("label", None if value & 1 else "i2"),
            Field("label_observed_at", None if value & 2 else "i4"),
            Field("feature_hash", f"S{len(feature_hash)}"),
        ]
        for first in range(0, len(same), _ROWS_PER_CHUNK):
            some = same[first : first + _ROWS_PER_CHUNK]
            columns = {n: _postgres_days(v[some]) for n, v in days.items() if not missing[n][some[0]]}
            columns |= {"partition_key": keys[some], "loan_id": ids[some], "label": rows.label[some]}
            columns |= {"numbers": rows.numerical[some], "categories": rows.categorical[some]}
            yield pack_rows(fields, columns | {"feature_hash": feature_hash.encode()})


class LoanRowsReader:
    """A file for COPY (SELECT `SELECT_LIST` ...) TO STDOUT (FORMAT binary) that builds LoanRows."""

    # Ids padded to one length, dates and labels without NULL, so that all rows have one layout.
    SELECT_LIST = """
        convert_to(partition_key, 'UTF8')
            || substr(decode(repeat('00', {key_bytes}), 'hex'), octet_length(partition_key) + 1),
        convert_to(loan_id, 'UTF8')
            || substr(decode(repeat('00', {id_bytes}), 'hex'), octet_length(loan_id) + 1),
        coalesce(as_of - DATE '1970-01-01', -2147483648), numbers, categories,
        coalesce(label, -1::smallint), coalesce(label_observed_at - DATE '1970-01-01', -2147483648)"""

    def __init__(
        self,
        count: int,
        key_bytes: int,
        id_bytes: int,
        numerical: int,
        categorical: int,
        parts: bool = False,
    ) -> None:
        """
        Args:
            count: Number of rows; with `parts`, the most that there may be.
            key_bytes: Length of the longest partition key in bytes.
            id_bytes: Length of the longest loan id in bytes.
            numerical: Number of numerical features.
            categorical: Number of categorical features.
            parts: Whether another column follows: the number of the part that a row is in.
        """
        fields = [
            Field("partition_key", f"S{max(key_bytes, 1)}"),
            Field("loan_id", f"S{max(id_bytes, 1)}"),
            Field("as_of", "i4"),
            Field("numbers", "f4", numerical),
            Field("categories", "i2", categorical),
            Field("label", "i2"),
            Field("label_observed_at", "i4"),
            *([Field("part", "i2")] if parts else []),
        ]
        self._columns = {
            field.name: np.empty((count,) if field.length is None else (count, field.length), str(field.type))
            for field in fields
        }
        self._unpacker = BinaryUnpacker(fields, self._columns)
        self.write = self._unpacker.write

    def rows(self) -> LoanRows:
        """The rows, after the last of them was written.

        Raises:
            WarehouseError: The number or the layout of the rows differs from the one expected.
        """
        count = self._unpacker.finish(fewer="part" in self._columns)
        columns = {name: values[:count] for name, values in self._columns.items()}
        return LoanRows(
            _text(columns["partition_key"]),
            _text(columns["loan_id"]),
            _days(columns["as_of"]),
            columns["numbers"],
            columns["categories"],
            columns["label"].astype(np.int8),
            _days(columns["label_observed_at"]),
        )

    def parts(self) -> np.ndarray:
        """(n,) int16: the parts of the rows of `rows`."""
        return self._columns["part"][: self._unpacker.finish(fewer=True)]


def _utf8(texts: np.ndarray) -> np.ndarray:
    texts = texts.astype(str)
    try:
        return texts.astype(bytes)
    except UnicodeEncodeError:
        return np.char.encode(texts, "utf-8")


def _text(values: np.ndarray) -> np.ndarray:
    try:
        return values.astype(str)
    except UnicodeDecodeError:
        return np.char.decode(values, "utf-8")


def _postgres_days(days: np.ndarray) -> np.ndarray:
    return (days.astype("datetime64[D]") - POSTGRES_EPOCH).astype(np.int32)


def _days(values: np.ndarray) -> np.ndarray:
    return np.where(values == _NULL_DATE, np.datetime64("NaT"), values.astype("datetime64[D]"))
