"""The rows of each partition, whatever the source: read once, typed, and handed out partition by partition."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Label
from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.ingest.file_readers import Chunk, file_chunks
from loan_default_assets.portfolio.ingest.sql_reader import query_chunks
from loan_default_assets.portfolio.ingest.type_conversion import Findings, convert, converters
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.synthetic import generator

__all__ = ["RawPartition", "SourceError", "applications", "read"]


@dataclass(frozen=True)
class RawPartition:
    """The rows of one partition.

    `frame`: loan_id (str), as_of (datetime64[ns], NaT in a snapshot), label (0, 1, NaN; -1 for a value that is
    neither positive nor negative), label_observed_at (datetime64[ns]), then the portfolio's columns: number float64,
    category `category` of str, date datetime64[ns], text str. Its index is the row's number in the source, from 1.
    """

    key: str
    frame: pd.DataFrame


def read(p: Portfolio, keys: Sequence[str], *, today: date) -> Iterator[RawPartition]:
    """Each asked partition once, in the order of `keys`, also one without rows; the source is read once.

    Raises SourceError when the source cannot be read, when cells do not fit their kind, and when a row's as_of is
    missing, after `today`, or outside the portfolio's [start, end). Values are `schema.validate`'s matter.
    """
    _check_keys(p, keys)
    if p.source.kind == "synthetic":
        generator.check(p)
        for key in keys:
            yield RawPartition(key, _until(generator.rows(p, key), today))
        return
    bounds = [p.partition_bounds(key) for key in keys if p.as_of]
    first, after = (min(b[0] for b in bounds), max(b[1] for b in bounds)) if bounds else (None, None)
    chunks = query_chunks(p, first, after) if p.source.kind == "sql" else file_chunks(p)
    where = p.name if p.source.kind == "sql" else p.source.path or p.name
    columns, rows = _gather(p, chunks, where)
    days = _known_days(p, columns[p.as_of], today, where) if p.as_of else np.empty(0, "datetime64[D]")
    frame = _frame(p, columns, rows)
    if p.as_of is None:
        yield RawPartition(calendar.UNDATED_PARTITION, frame)
        return
    places = calendar.first_days(days, p.cadence)
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    for key in keys:
        low, high = (np.searchsorted(ordered, np.datetime64(key), side=side) for side in ("left", "right"))
        yield RawPartition(key, frame.iloc[order[low:high]])


def applications(p: Portfolio, path: str) -> pd.DataFrame:
    """Loans to score from a CSV or Parquet file: loan_id, as_of (NaT where not given), then the features' columns.

    Outcome, key, date and columns that no feature uses may be left out; without a key loan_id is the row's number.
    Raises SourceError as `read` does.
    """
    unused = {
        *p.known_after_outcome,
        *p.protected,
        *(name for name, c in p.columns.items() if c.kind == "text"),
    }
    kind = "parquet" if path.lower().endswith((".parquet", ".pq")) else "csv"
    changes = {
        "columns": {name: column for name, column in p.columns.items() if name not in unused},
        "source": p.source.model_copy(update={"kind": kind, "path": path}),
    }
    asked = p.model_copy(update=changes)
    columns, rows = _gather(asked, file_chunks(asked, asked.columns), path)
    columns.setdefault(p.label.column, pa.nulls(rows, pa.float64()))
    given = {name: name if name in columns else None for name in (p.key, p.as_of)}
    there = {"key": given[p.key], "as_of": given[p.as_of], "label": Label(column=p.label.column)}
    frame = _frame(asked.model_copy(update=there), columns, rows)
    return frame.drop(columns=["label", "label_observed_at"])


def _check_keys(p: Portfolio, keys: Sequence[str]) -> None:
    if p.as_of is None and list(keys) != [calendar.UNDATED_PARTITION]:
        raise PortfolioError(
            f"{p.name}: a portfolio without as_of has one partition, {calendar.UNDATED_PARTITION!r}"
        )
    if len(set(keys)) < len(keys):
        raise PortfolioError(f"{p.name}: a partition is asked for twice")


def _until(frame: pd.DataFrame, today: date) -> pd.DataFrame:
    return frame[frame["as_of"] <= pd.Timestamp(today)]


def _gather(p: Portfolio, chunks: Iterator[Chunk], where: str) -> tuple[Chunk, int]:
    """All rows in their types, one array a column; SourceError when a cell does not fit."""
    findings, rows = Findings(), 0
    gathered: list[Chunk] = []
    for chunk in chunks:
        count = len(next(iter(chunk.values())))
        gathered.append(convert(p, chunk, rows + 1, findings))
        rows += count
    findings.fail(where)
    if not gathered:
        empty = {name: pa.array([], pa.string()) for name in converters(p)}
        gathered.append(convert(p, empty, 1, findings))
    columns: Chunk = {}
    for name in list(gathered[0]):
        parts = pa.chunked_array([chunk.pop(name) for chunk in gathered])
        columns[name] = parts.unify_dictionaries().combine_chunks()
    return columns, rows


def _known_days(p: Portfolio, as_of: pa.Array, today: date, where: str) -> np.ndarray:
    """as_of (rows,) datetime64[D], when every row has one that may be."""
    days = as_of.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    findings, column = Findings(), p.as_of or ""
    findings.add(column, "empty, but every loan needs a date", np.flatnonzero(np.isnat(days)) + 1)
    findings.add(column, f"after today, {today}", np.flatnonzero(days > np.datetime64(today)) + 1)
    if p.start is not None:
        findings.add(column, f"before start, {p.start}", np.flatnonzero(days < np.datetime64(p.start)) + 1)
    if p.end is not None:
        findings.add(column, f"on or after end, {p.end}", np.flatnonzero(days >= np.datetime64(p.end)) + 1)
    findings.fail(where)
    return days


def _frame(p: Portfolio, columns: Chunk, rows: int) -> pd.DataFrame:
    """All rows in the layout of RawPartition; `columns` is used up on the way, to keep memory low."""
    of = columns.pop
    numbers = np.arange(1, rows + 1)
    never = np.full(rows, np.datetime64("NaT", "ns"))
    as_of = _times(of(p.as_of)) if p.as_of else never
    label = _floats(of(p.label.column))
    observed = _times(of(p.label.observed_at)) if p.label.observed_at else never
    if p.label.horizon_days is not None:
        observed = as_of + np.timedelta64(p.label.horizon_days, "D")
    frame: dict[str, Any] = {
        "loan_id": _objects(of(p.key)) if p.key else np.array([f"{n:09d}" for n in numbers], object),
        "as_of": as_of,
        "label": label,
        "label_observed_at": np.where(np.isnan(label), never, observed),
    }
    made = {"number": _floats, "category": _categorical, "date": _times, "text": _objects}
    for name, column in p.columns.items():
        frame[name] = made[column.kind](of(name))
    return pd.DataFrame(frame, index=pd.Index(numbers), copy=False)


def _floats(cells: pa.Array) -> np.ndarray:
    return np.array(cells.to_numpy(zero_copy_only=False))


def _times(cells: pa.Array) -> np.ndarray:
    return cells.to_numpy(zero_copy_only=False).astype("datetime64[ns]")


def _objects(cells: pa.Array) -> np.ndarray:
    return cells.to_pandas().to_numpy(object)


def _categorical(cells: pa.Array) -> pd.Categorical:
    return cells.to_pandas().array
