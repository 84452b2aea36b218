"""How many rows a source has, before it is loaded: counted where that is quick, else estimated."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.ingest.compression import compression_of, open_decompressed
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.spec import Portfolio

# Files up to this size are read once for their rows, larger ones are sampled.
_COUNTED_BYTES = 32 << 20
_SAMPLE_BYTES = 4 << 20


@dataclass(frozen=True)
class RowCount:
    """Rows of a source; `exact` when they were counted."""

    rows: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.exact else f"about {self.rows:,}"


def count_source_rows(p: Portfolio, days: int) -> RowCount | None:
    """Count the rows of the portfolio's source; those of a large text file are estimated from its size.

    Args:
        p: The portfolio.
        days: Days of the requested partitions, for a generator.

    Returns:
        None for a query and for many files, which may cost as much to count as to read, and for a large workbook.

    Raises:
        SourceError: The source cannot be read.
    """
    if p.source.kind == "synthetic":
        return RowCount(days * p.source.rows_per_day, exact=True)
    if p.source.kind == "sql" or p.source.is_pattern:
        return None
    path = Path(p.source.path or "")
    large = path.is_file() and path.stat().st_size > _COUNTED_BYTES
    if file_format(path) == "parquet" and path.is_file():
        return _in_footer(path)
    if large:
        return None if file_format(path) == "excel" else _estimate(path)
    return RowCount(sum(len(next(iter(chunk.values()))) for chunk in file_chunks(p)), exact=True)


def _in_footer(path: Path) -> RowCount | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return RowCount(pq.read_metadata(path).num_rows, exact=True)
    except (OSError, pa.ArrowException):
        return None


def _estimate(path: Path) -> RowCount | None:
    """Rows by the size of the file and the length of its first lines."""
    with open_decompressed(path) as file:
        sample = file.read(_SAMPLE_BYTES)
    lines = sample.count(b"\n") or sample.count(b"\r")
    if not lines:
        return None
    stored = len(sample)
    if compression_of(path) is not None:
        # About what the sample takes up in the file.
        stored = len(zlib.compress(sample))
    return RowCount(round(path.stat().st_size / stored * lines), exact=False)
