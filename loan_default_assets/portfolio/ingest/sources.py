"""The rows of partitions from any kind of source: the source is read once, typed, and divided into partitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Label
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.ingest.delivered_files import of_one_file
from loan_default_assets.portfolio.ingest.file_readers import Chunk, file_chunks
from loan_default_assets.portfolio.ingest.raw_frame import raw_frame
from loan_default_assets.portfolio.ingest.sql_reader import query_chunks
from loan_default_assets.portfolio.ingest.type_conversion import CellErrors, convert
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.synthetic import generator

_ROWS_PER_BATCH = 100_000
_WITHOUT_DATE = "empty, but every loan needs a date"


@dataclass(frozen=True)
class RawRows:
    """Rows of one or several partitions, as they follow each other in the source.

    Attributes:
        keys: The partition key of each row; the categories are the keys that occur, in order of time.
        frame: loan_id (str), as_of (datetime64[ns], NaT without dates), label (0, 1, NaN; -1 for a value that is
            neither positive nor negative), label_observed_at (datetime64[ns]), then the portfolio's columns: number
            float64, category `category` of str, date datetime64[ns], text str. The index is the row's number in the
            source, from 1.
    """

    keys: pd.Categorical
    frame: pd.DataFrame


@dataclass
class RowsRead:
    """What was read of a source so far.

    Attributes:
        total: Rows, those of partitions that were not requested included.
        new_columns: Columns that the portfolio does not describe and that were not read, in quotes.
    """

    total: int = 0
    new_columns: set[str] = field(default_factory=set)


def read_rows(
    p: Portfolio,
    keys: Sequence[str],
    *,
    today: date,
    read: RowsRead | None = None,
    files: Sequence[str] | None = None,
) -> Iterator[RawRows]:
    """Read the source once, in memory that does not grow with it, and yield the rows of the requested partitions.

    Whether the values follow the portfolio's rules is checked by `pandera_schema.row_violations`.

    Args:
        p: The portfolio.
        keys: Partition keys, each once.
        today: The last date that an as_of may have.
        read: Receives what was read.
        files: The files to read, of a source whose path is a pattern. Rows are numbered through all of them in `frame`,
            and within a file in errors about cells.

    Raises:
        PortfolioError: A key is given twice or names no partition of the portfolio.
        SourceError: The source cannot be read; or, after the last row, cells do not fit their kind, or a row's as_of is
            missing, after `today`, or outside the portfolio's [start, end).
    """
    _check_keys(p, keys)
    read = RowsRead() if read is None else read
    if files is not None:
        for path in files:
            before = read.total
            for part in read_rows(of_one_file(p, path), keys, today=today, read=read):
                part.frame.index += before
                yield part
        return
    if p.source.kind == "synthetic":
        generator.check_columns(p)
        for key in keys:
            frame = _known_by(generator.generate_partition(p, key), today)
            read.total += len(frame)
            if len(frame):
                yield RawRows(_same_key(key, len(frame)), frame)
        return
    chunks, location = _opened(p, keys, read.new_columns)
    errors, first, before = CellErrors(), 1, read.total
    for columns, rows in _converted(p, chunks, errors):
        days = (
            known_days(p, columns[p.as_of], first, today, errors) if p.as_of else np.empty(0, "datetime64[D]")
        )
        if not errors.counts:
            yield from _requested(p, days, raw_frame(p, columns, rows, first), keys)
        first += rows
        read.total += rows
    errors.raise_if_any(location, f"{read.total - before:,} rows were read, none of them was stored")


def application_batches(p: Portfolio, path: str) -> Iterator[pd.DataFrame]:
    """Read applications to score from a file of any kind, in memory that does not grow with it.

    Outcome, key, date and columns that no feature uses may be omitted; without a key, loan_id is the row's number.

    Yields:
        About _ROWS_PER_BATCH rows: loan_id, as_of (NaT where not given), then the columns that features are made of.
        The index is the row's number in the file, from 1.

    Raises:
        SourceError: The file cannot be read; or cells do not fit their kind, after the last row.
    """
    unlabelled = _unlabelled(p, path)
    errors, first = CellErrors(), 1
    for columns, rows in _converted(unlabelled, file_chunks(unlabelled, unlabelled.columns), errors):
        if not errors.counts:
            yield _application_frame(unlabelled, columns, rows, first)
        first += rows
    errors.raise_if_any(path)


def _unlabelled(p: Portfolio, path: str) -> Portfolio:
    """The portfolio with this file as its source, and with only the columns that features are made of."""
    unused = {
        *p.known_after_outcome,
        *p.protected,
        *(name for name, c in p.columns.items() if c.kind == "text"),
    }
    changes = {
        "columns": {name: column for name, column in p.columns.items() if name not in unused},
        "source": p.source.model_copy(update={"kind": file_format(path), "path": path}),
    }
    return p.model_copy(update=changes)


def _application_frame(p: Portfolio, columns: Chunk, rows: int, first_row: int) -> pd.DataFrame:
    columns.setdefault(p.label.column, pa.nulls(rows, pa.float64()))
    present = {
        "key": p.key if p.key in columns else None,
        "as_of": p.as_of if p.as_of in columns else None,
        "label": Label(column=p.label.column),
    }
    frame = raw_frame(p.model_copy(update=present), columns, rows, first_row)
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


def _opened(p: Portfolio, keys: Sequence[str], new_columns: set[str]) -> tuple[Iterator[Chunk], str]:
    """The source's chunks, and what it is called in messages."""
    bounds = [p.partition_bounds(key) for key in keys if p.as_of]
    if p.source.kind != "sql":
        return file_chunks(p, new_columns=new_columns), p.source.path or p.name
    first, after = (min(b[0] for b in bounds), max(b[1] for b in bounds)) if bounds else (None, None)
    return query_chunks(p, first, after, new_columns), p.name


def _converted(p: Portfolio, chunks: Iterator[Chunk], errors: CellErrors) -> Iterator[tuple[Chunk, int]]:
    """The chunks in their types with their numbers of rows, small ones joined: each batch has a cost of its own."""
    held: list[Chunk] = []
    rows = done = 0
    for chunk in chunks:
        count = len(next(iter(chunk.values())))
        held.append(convert(p, chunk, done + rows + 1, errors))
        rows += count
        if rows >= _ROWS_PER_BATCH:
            yield _joined(held), rows
            held, done, rows = [], done + rows, 0
    if held:
        yield _joined(held), rows


def _joined(chunks: list[Chunk]) -> Chunk:
    """One array per column; `chunks` are emptied on the way, to keep memory low."""
    columns: Chunk = {}
    for name in list(chunks[0]):
        parts = pa.chunked_array([chunk.pop(name) for chunk in chunks])
        columns[name] = parts.unify_dictionaries().combine_chunks()
    return columns


def known_days(p: Portfolio, as_of: pa.Array, first_row: int, today: date, errors: CellErrors) -> np.ndarray:
    """Converted as_of as (rows,) datetime64[D]; rows without a date in the allowed range are recorded."""
    days = as_of.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    wrong = {
        _WITHOUT_DATE: np.isnat(days),
        f"after today, {today}": days > np.datetime64(today),
    }
    if p.start is not None:
        wrong[f"before start, {p.start}"] = days < np.datetime64(p.start)
    if p.end is not None:
        wrong[f"on or after end, {p.end}"] = days >= np.datetime64(p.end)
    # A cell that is no date has none after the conversion either; one message about it is enough.
    if any(column == p.as_of and problem not in wrong for column, problem in errors.counts):
        del wrong[_WITHOUT_DATE]
    for problem, rows in wrong.items():
        errors.add(p.as_of or "", problem, np.flatnonzero(rows) + first_row)
    return days


def _requested(p: Portfolio, days: np.ndarray, frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[RawRows]:
    """The rows of requested partitions, if there are any."""
    if p.as_of is None:
        yield RawRows(_same_key(calendar.UNDATED_PARTITION, len(frame)), frame)
        return
    starts, position = np.unique(calendar.partition_starts(days, p.cadence), return_inverse=True)
    names = starts.astype("datetime64[D]").astype(str)
    wanted = np.isin(names, keys)
    if wanted.all():
        yield RawRows(pd.Categorical.from_codes(position, names), frame)
    elif wanted.any():
        chosen = wanted[position]
        found = pd.Categorical.from_codes(position[chosen], names).remove_unused_categories()
        yield RawRows(found, frame[chosen])


def _same_key(key: str, rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(rows, np.int8), [key])
