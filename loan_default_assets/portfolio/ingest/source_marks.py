"""What tells whether a watched source has new rows of a partition: which files hold them, or a query's watermark."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Column, Label
from loan_default_assets.portfolio.ingest.delivered_files import DeliveredFile, of_one_file
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.sources import known_days
from loan_default_assets.portfolio.ingest.sql_reader import query_chunks, quoted_name
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert
from loan_default_assets.portfolio.spec import Portfolio

_WATERMARK, _ROWS = "newest_watermark", "rows_of_day"


@dataclass(frozen=True)
class PartitionMark:
    """The state of the source for one partition.

    Attributes:
        mark: A hash that changes with the state; empty for a partition without rows.
        files: The files that hold its rows, in the order of their names; empty for a query.
    """

    mark: str = ""
    files: tuple[str, ...] = ()


def partitions_in_file(p: Portfolio, path: str, today: date) -> list[str]:
    """Keys of the partitions of which a file holds rows, in order of time.

    Raises:
        SourceError: The file cannot be read, or a date is missing or not allowed.
    """
    if p.as_of is None:
        return [calendar.UNDATED_PARTITION]
    found: set[str] = set()
    first, errors = 1, CellErrors()
    for chunk in file_chunks(of_one_file(p, path), new_columns=set()):
        days = _days(p, chunk[p.as_of], first, today, errors)
        found.update(_keys(p, days[~np.isnat(days)]))
        first += len(days)
    errors.raise_if_any(path)
    return sorted(found)


def file_marks(files: Iterable[tuple[DeliveredFile, Iterable[str]]]) -> dict[str, PartitionMark]:
    """The mark of every partition, from the files and the partitions of which each holds rows."""
    by_key: dict[str, list[DeliveredFile]] = defaultdict(list)
    for file, keys in files:
        for key in keys:
            by_key[key].append(file)
    return {
        key: PartitionMark(
            _hash(*(part for file in held for part in (file.path, file.state))), tuple(f.path for f in held)
        )
        for key, held in by_key.items()
    }


def query_marks(p: Portfolio, today: date) -> dict[str, PartitionMark]:
    """The mark of every partition of the portfolio's query: its number of rows and its newest watermark.

    Raises:
        SourceError: The database cannot be reached, the query fails, or a date is missing or not allowed.
    """
    name = quoted_name(p, p.source.watermark or "")
    day = quoted_name(p, p.as_of) if p.as_of else None
    query = (p.source.query or "").strip().rstrip(";")
    statement = (
        f"SELECT {f'{day}, ' if day else ''}max({name}) AS {_WATERMARK}, count(*) AS {_ROWS} "
        f"FROM ({query}\n) AS watched_rows{f' GROUP BY {day}' if day else ''}"
    )
    aggregated = p.model_copy(
        update={
            "source": p.source.model_copy(update={"query": statement}),
            "columns": {_WATERMARK: Column(kind="text")},
            "key": None,
            "label": Label(column=_ROWS),
        }
    )
    rows: dict[str, int] = defaultdict(int)
    newest: dict[str, Any] = {}
    first, errors = 1, CellErrors()
    for chunk in query_chunks(aggregated, p.start or date(1, 1, 1), today + timedelta(days=1)):
        counts, marks = chunk[_ROWS].to_pylist(), chunk[_WATERMARK].to_pylist()
        if p.as_of is None:
            keys = [calendar.UNDATED_PARTITION] * len(counts)
        else:
            days = _days(p, chunk[p.as_of], first, today, errors)
            keys = [p.partition_of(each) if each is not None else "" for each in days.tolist()]
        for key, count, mark in zip(keys, counts, marks, strict=True):
            rows[key] += count
            if mark is not None:
                newest[key] = max(newest.get(key, mark), mark)
        first += len(counts)
    errors.raise_if_any(p.name)
    return {
        key: PartitionMark(_hash(str(count), str(newest.get(key)))) for key, count in rows.items() if count
    }


def _days(p: Portfolio, cells: pa.Array, first_row: int, today: date, errors: CellErrors) -> np.ndarray:
    name = p.as_of or ""
    return known_days(p, convert(p, {name: cells}, first_row, errors)[name], first_row, today, errors)


def _keys(p: Portfolio, days: np.ndarray) -> list[str]:
    starts = np.unique(calendar.partition_starts(days, p.cadence))
    return list(starts.astype("datetime64[D]").astype(str))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
