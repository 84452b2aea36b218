"""The format of a file of loans, decided by its name."""

from pathlib import Path
from typing import Literal

FileFormat = Literal["csv", "parquet"]

_PARQUET_SUFFIXES = (".parquet", ".pq")


def file_format(path: str | Path) -> FileFormat:
    """`parquet` for a name that ends in .parquet or .pq in any case; `csv` for every other name."""
    return "parquet" if str(path).lower().endswith(_PARQUET_SUFFIXES) else "csv"
