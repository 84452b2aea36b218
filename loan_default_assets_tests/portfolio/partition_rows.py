"""The rows that the product reads of a source, gathered by partition, and what its checks find in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pytest

from loan_default_assets.portfolio.checks.pandera_schema import Violation, row_violations
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.ingest.file_readers import Chunk
from loan_default_assets.portfolio.ingest.sources import RawRows, read_rows
from loan_default_assets.portfolio.spec import Portfolio


@dataclass(frozen=True)
class PartitionRows:
    """The rows of one partition; `frame` as in `sources.RawRows`."""

    key: str
    frame: pd.DataFrame


def read_partitions(p: Portfolio, keys: Sequence[str], *, today: date) -> list[PartitionRows]:
    """The requested partitions, also those without rows, in the order of `keys`."""
    return gathered(keys, read_rows(p, keys, today=today))


def gathered(keys: Sequence[str], chunks: Iterable[RawRows]) -> list[PartitionRows]:
    """The partitions of rows that follow each other as in the source."""
    parts: dict[str, list[pd.DataFrame]] = {key: [] for key in keys}
    empty = pd.DataFrame()
    for rows in chunks:
        empty = rows.frame.iloc[:0]
        for key, frame in rows.frame.groupby(rows.keys, observed=True):
            parts[str(key)].append(frame)
    return [PartitionRows(key, pd.concat(frames) if frames else empty) for key, frames in parts.items()]


def found_violations(p: Portfolio, keys: Sequence[str], *, today: date) -> list[tuple[str, Violation]]:
    """What `row_violations` finds in the rows of these partitions, with the partition of each."""
    return [
        found
        for rows in read_rows(p, keys, today=today)
        for found in row_violations(p, rows.keys, rows.frame, today)
    ]


def small_chunks(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """The file's rows in chunks of this size."""
    read = sources.file_chunks

    def chunks(portfolio: Portfolio, **given: Any) -> Iterator[Chunk]:
        for chunk in read(portfolio, **given):
            total = len(next(iter(chunk.values())))
            for first in range(0, total, rows):
                yield {name: cells.slice(first, rows) for name, cells in chunk.items()}

    monkeypatch.setattr(sources, "file_chunks", chunks)
    monkeypatch.setattr(sources, "_ROWS_PER_BATCH", 2 * rows)
