"""Parquet files with the types and columns that pandas, Spark and Arrow write."""

import io
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets_tests.portfolio.ingest.loan_files import everything, read_inspected, rows_of, zipped


def test_a_parquet_file_of_many_types_is_read(tmp_path: Path) -> None:
    moment = datetime(2018, 1, 1, 20, 30)
    table = pa.table(
        {
            "id": pa.array([2**62 + 1, 2**62 + 2]),
            "amount": pa.array([Decimal("1000.25"), None], pa.decimal128(12, 2)),
            "seen": pa.array([moment, None], pa.timestamp("us", "UTC")).cast(
                pa.timestamp("us", "Asia/Seoul")
            ),
            "purpose": pa.array(["car", None]).dictionary_encode(),
            "state": pa.array(["CA", "NY"], pa.large_string()),
            "bytes": pa.array([b"x", b"\xea\xb0\x80"]),
            "nothing": pa.nulls(2),
            "flag": pa.array([True, None]),
            "parts": pa.array([[1], []]),
            "__index_level_0__": pa.array([3, 9]),
        }
    )
    path = tmp_path / "loans.parquet"
    pq.write_table(table, path)
    layout, rows = read_inspected(path)
    assert layout.not_needed == (("parts", "lists or objects"),)
    assert layout.columns == tuple(table.column_names[:-1])
    assert rows[0][:2] == [2**62 + 1, Decimal("1000.25")]
    assert rows[0][3:] == ["car", "CA", "x", None, True]
    assert rows[1] == [2**62 + 2, None, None, None, "NY", "가", None, None]
    with pytest.raises(
        SourceError, match=r"column parts: of the nested type list<.*list the column under `ignore`"
    ):
        rows_of(everything(layout.source(path), layout.columns))
    packed = tmp_path / "packed.zip"
    packed.write_bytes(zipped({"loans.parquet": path.read_bytes()}))
    assert read_inspected(packed)[1] == rows


def test_columns_of_the_same_name_are_read_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "loans.parquet"
    pq.write_table(
        pa.table([pa.array([1]), pa.array([2]), pa.array(["a\x00"])], names=["rate", "rate", "b"]), path
    )
    layout = inspect_file(path)
    assert layout.columns == ("rate", "rate.1", "b")
    assert rows_of(everything(layout.source(path), layout.columns, ["b"])) == [[1, 2]]
    with pytest.raises(SourceError, match="column b: zero bytes in its cells"):
        rows_of(everything(layout.source(path), layout.columns))


def test_pandas_types_are_read_from_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": pd.array([1, None], "Int64"), "text": pd.array(["a", None], "string")})
    frame = frame[frame["text"].isna() | True].sort_values("id", ascending=False)
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    path = tmp_path / "loans.pq"
    path.write_bytes(buffer.getvalue())
    assert read_inspected(path)[1] == [[1, "a"], [None, None]]
