"""The rows per partition from any kind of source: the source is read once, typed, and divided into partitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Label
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.ingest.file_readers import Chunk, file_chunks
from loan_default_assets.portfolio.ingest.sql_reader import query_chunks
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert, converters
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.synthetic import generator


@dataclass(frozen=True)
class RawPartition:
    """The rows of one partition.

    Attributes:
        key: The partition key.
        frame: loan_id (str), as_of (datetime64[ns], NaT without dates), label (0, 1, NaN; -1 for a value that is
            neither positive nor negative), label_observed_at (datetime64[ns]), then the portfolio's columns: number
            float64, category `category` of str, date datetime64[ns], text str. The index is the row's number in the
            source, from 1.
    """

    key: str
    frame: pd.DataFrame


def read_partitions(p: Portfolio, keys: Sequence[str], *, today: date) -> Iterator[RawPartition]:
    """Read the source once and yield the requested partitions, also those without rows, in the order of `keys`.

    Whether the values follow the portfolio's rules is checked by `pandera_schema.partition_violations`.

    Args:
        p: The portfolio.
        keys: Partition keys, each once.
        today: The last date that an as_of may have.

    Raises:
        PortfolioError: A key is given twice or names no partition of the portfolio.
        SourceError: The source cannot be read, cells do not fit their kind, or a row's as_of is missing, after
            `today`, or outside the portfolio's [start, end).
    """
    _check_keys(p, keys)
    if p.source.kind == "synthetic":
        generator.check_columns(p)
        for key in keys:
            yield RawPartition(key, _known_by(generator.generate_partition(p, key), today))
        return
    bounds = [p.partition_bounds(key) for key in keys if p.as_of]
    first, after = (min(b[0] for b in bounds), max(b[1] for b in bounds)) if bounds else (None, None)
    chunks = query_chunks(p, first, after) if p.source.kind == "sql" else file_chunks(p)
    location = p.name if p.source.kind == "sql" else p.source.path or p.name
    columns, rows = _gather(p, chunks, location)
    days = _checked_days(p, columns[p.as_of], today, location) if p.as_of else np.empty(0, "datetime64[D]")
    frame = _frame(p, columns, rows)
    if p.as_of is None:
        yield RawPartition(calendar.UNDATED_PARTITION, frame)
        return
    starts = calendar.partition_starts(days, p.cadence)
    order = np.argsort(starts, kind="stable")
    ordered = starts[order]
    for key in keys:
        low, high = (np.searchsorted(ordered, np.datetime64(key), side=side) for side in ("left", "right"))
        yield RawPartition(key, frame.iloc[order[low:high]])


def read_applications(p: Portfolio, path: str) -> pd.DataFrame:
    """Read applications to score from a CSV or Parquet file.

    Outcome, key, date and columns that no feature uses may be omitted; without a key, loan_id is the row's number.

    Returns:
        loan_id, as_of (NaT where not given), then the columns that features are made of.

    Raises:
        SourceError: The file cannot be read, or cells do not fit their kind.
    """
    unused = {
        *p.known_after_outcome,
        *p.protected,
        *(name for name, c in p.columns.items() if c.kind == "text"),
    }
    changes = {
        "columns": {name: column for name, column in p.columns.items() if name not in unused},
        "source": p.source.model_copy(update={"kind": file_format(path), "path": path}),
    }
    unlabelled = p.model_copy(update=changes)
    columns, rows = _gather(unlabelled, file_chunks(unlabelled, unlabelled.columns), path)
    columns.setdefault(p.label.column, pa.nulls(rows, pa.float64()))
    present = {
        "key": p.key if p.key in columns else None,
        "as_of": p.as_of if p.as_of in columns else None,
        "label": Label(column=p.label.column),
    }
    frame = _frame(unlabelled.model_copy(update=present), columns, rows)
    return frame.drop(columns=["label", "label_observed_at"])


def _check_keys(p: Portfolio, keys: Sequence[str]) -> None:
    if p.as_of is None and list(keys) != [calendar.UNDATED_PARTITION]:
        raise PortfolioError(
            f"{p.name}: a portfolio without as_of has one partition, {calendar.UNDATED_PARTITION!r}"
        )
    if len(set(keys)) < len(keys):
        raise PortfolioError(f"{p.name}: a partition is requested twice")


def _known_by(frame: pd.DataFrame, today: date) -> pd.DataFrame:
    return frame[frame["as_of"] <= pd.Timestamp(today)]


def _gather(p: Portfolio, chunks: Iterator[Chunk], location: str) -> tuple[Chunk, int]:
    """All rows in their types, one array per column; SourceError when a cell does not fit."""
    errors, rows = CellErrors(), 0
    gathered: list[Chunk] = []
    for chunk in chunks:
        count = len(next(iter(chunk.values())))
        gathered.append(convert(p, chunk, rows + 1, errors))
        rows += count
    errors.raise_if_any(location)
    if not gathered:
        empty = {name: pa.array([], pa.string()) for name in converters(p)}
        gathered.append(convert(p, empty, 1, errors))
    columns: Chunk = {}
    for name in list(gathered[0]):
        parts = pa.chunked_array([chunk.pop(name) for chunk in gathered])
        columns[name] = parts.unify_dictionaries().combine_chunks()
    return columns, rows


def _checked_days(p: Portfolio, as_of: pa.Array, today: date, location: str) -> np.ndarray:
    """as_of as (rows,) datetime64[D]; SourceError unless every row has a date in the allowed range."""
    days = as_of.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    errors, column = CellErrors(), p.as_of or ""
    errors.add(column, "empty, but every loan needs a date", np.flatnonzero(np.isnat(days)) + 1)
    errors.add(column, f"after today, {today}", np.flatnonzero(days > np.datetime64(today)) + 1)
    if p.start is not None:
        errors.add(column, f"before start, {p.start}", np.flatnonzero(days < np.datetime64(p.start)) + 1)
    if p.end is not None:
        errors.add(column, f"on or after end, {p.end}", np.flatnonzero(days >= np.datetime64(p.end)) + 1)
    errors.raise_if_any(location)
    return days


def _frame(p: Portfolio, columns: Chunk, rows: int) -> pd.DataFrame:
    """All rows in the layout of RawPartition; `columns` is emptied on the way, to keep memory low."""
    take = columns.pop
    numbers = np.arange(1, rows + 1)
    undated = np.full(rows, np.datetime64("NaT", "ns"))
    as_of = _times(take(p.as_of)) if p.as_of else undated
    label = _floats(take(p.label.column))
    observed = _times(take(p.label.observed_at)) if p.label.observed_at else undated
    if p.label.horizon_days is not None:
        observed = as_of + np.timedelta64(p.label.horizon_days, "D")
    frame: dict[str, Any] = {
        "loan_id": _objects(take(p.key)) if p.key else np.array([f"{n:09d}" for n in numbers], object),
        "as_of": as_of,
        "label": label,
        "label_observed_at": np.where(np.isnan(label), undated, observed),
    }
    by_kind = {"number": _floats, "category": _categorical, "date": _times, "text": _objects}
    for name, column in p.columns.items():
        frame[name] = by_kind[column.kind](take(name))
    return pd.DataFrame(frame, index=pd.Index(numbers), copy=False)


def _floats(cells: pa.Array) -> np.ndarray:
    return np.array(cells.to_numpy(zero_copy_only=False))


def _times(cells: pa.Array) -> np.ndarray:
    return cells.to_numpy(zero_copy_only=False).astype("datetime64[ns]")


def _objects(cells: pa.Array) -> np.ndarray:
    return cells.to_pandas().to_numpy(object)


def _categorical(cells: pa.Array) -> pd.Categorical:
    return cells.to_pandas().array
