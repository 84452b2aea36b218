"""The account of a file: how many cells of each column convert, are missing, or do not convert, and in which rows.

The cells are converted by the same functions as at `run`, so the account holds there too. Every row is read; memory
does not grow with the file, apart from 13 bytes a row for its key.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio.errors import row_list
from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.type_conversion import convert
from loan_default_assets.portfolio.profiling.column_ranges import ColumnRanges
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft
from loan_default_assets.portfolio.spec import Portfolio, load

SAMPLE_ROWS = 50_000
NO_KEY = "no value, and cannot be told from others"


@dataclass
class FileAccount:
    """What became of a file's cells.

    Attributes:
        rows: Number of rows.
        converted: Number of cells whose value can be used, by column.
        errors: The cells that do not convert.
        dates: The loans' dates; empty without dates.
        unusable_rows: Rows without a key, without a date, or with one in the future.
        keys: The loans' keys; None without a key.
        ranges: The smallest and the largest value of each column.
        defaults: Number of loans whose outcome is a default.
        outcomes: Number of loans with an outcome.
        sample: Up to 50,000 rows from all over the file in their types, with the columns `loan_id`, `as_of` and
            `label`.
        unconverted: Number of cells that cannot be read or used, by column. The other cells are missing.
    """

    rows: int
    converted: Counter[str]
    errors: CellErrors
    dates: DayCounts
    unusable_rows: CellErrors
    keys: KeyHashes | None
    ranges: ColumnRanges
    defaults: int
    outcomes: int
    sample: pd.DataFrame
    unconverted: dict[str, int] = field(default_factory=dict)

    @property
    def sampled(self) -> np.ndarray:
        """(m,) positions of the sampled rows in the file."""
        return np.arange(0, self.rows, _stride(self.rows))

    def rows_of(self, column: str) -> str:
        """`rows 3, 8`: where the column's cells do not convert."""
        found = [
            row_list(self.errors.rows[key], count)
            for key, count in self.errors.counts.items()
            if key[0] == column
        ]
        return "; ".join(found)


def drafted_portfolio(draft: PortfolioDraft) -> Portfolio:
    """The portfolio of a draft, read back from its text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(draft_yaml(draft), encoding="utf-8")
        return load(str(path), source=str(draft.profile.path.resolve()))


def account_for(
    draft: PortfolioDraft, today: date, progress: Callable[[int], None] = lambda _: None
) -> FileAccount:
    """Convert every cell of the file as the draft says.

    Args:
        draft: A draft without a calendar.
        today: The last date that a loan may have.
        progress: Receives the number of rows converted so far.

    Raises:
        SourceError: The file cannot be read.
    """
    p = drafted_portfolio(draft)
    stride = _stride(draft.profile.rows)
    errors, converted, unconverted, rows = _ErrorRows(), Counter[str](), Counter[str](), 0
    parts: dict[str, list[pa.Array]] = {}
    ranges, dates, unusable = ColumnRanges(), DayCounts(), CellErrors()
    outcome: Counter[float | None] = Counter()
    keys = KeyHashes(draft.profile.rows) if p.key else None
    for chunk in file_chunks(p):
        count = len(next(iter(chunk.values())))
        typed = convert(p, chunk, rows + 1, errors)
        for name, cells in typed.items():
            if name in p.columns and pa.types.is_floating(cells.type):
                infinite = np.flatnonzero(np.isinf(cells.to_numpy(zero_copy_only=False)))
                errors.add(
                    name, "an infinite number", infinite + rows + 1, "correct it, or list it under `missing`"
                )
            # Some faulty cells have a value all the same, such as a whole number that a double does not hold.
            usable = _present(cells)
            bad = errors.taken(name, rows + 1, count)
            converted[name] += int((usable & ~bad).sum())
            unconverted[name] += int(bad.sum())
            if name in p.columns:
                ranges.add(name, cells)
        for entry in typed[p.label.column].value_counts().to_pylist():
            outcome[entry["values"]] += entry["counts"]
        days = None
        if p.as_of:
            days = typed[p.as_of].to_numpy(zero_copy_only=False).astype("datetime64[D]")
            dates.add(days, _present(typed[p.label.column]), rows)
            unusable.add(p.as_of, "no date", np.flatnonzero(np.isnat(days)) + rows + 1)
            late = np.flatnonzero(days > np.datetime64(today)) + rows + 1
            unusable.add(p.as_of, f"a date after today, {today}", late)
        if p.key and keys is not None:
            unusable.add(p.key, NO_KEY, np.flatnonzero(~_present(typed[p.key])) + rows + 1)
            keys.add(typed[p.key].to_numpy(zero_copy_only=False), days, _outcomes(typed[p.label.column]))
        chosen = pa.array(np.arange((-rows) % stride, count, stride))
        for name, cells in typed.items():
            parts.setdefault(name, []).append(_compact(cells.take(chosen)))
        rows += count
        progress(rows)
    return FileAccount(
        rows,
        converted,
        errors,
        dates,
        unusable,
        keys,
        ranges,
        outcome[1.0],
        outcome[0.0] + outcome[1.0],
        _frame(p, parts, rows),
        {name: number for name, number in unconverted.items() if number},
    )


class _ErrorRows(CellErrors):
    """Errors, and all rows of those of the chunk that is being converted."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, list[np.ndarray]] = {}

    def add(self, column: str, problem: str, rows: Iterable[int], hint: str = "") -> None:
        numbers = np.fromiter(rows, np.int64)
        super().add(column, problem, numbers, hint)
        self._rows.setdefault(column, []).append(numbers)

    def taken(self, column: str, first_row: int, count: int) -> np.ndarray:
        """(count,) bool: the faulty cells of a column in the chunk from `first_row` on; they are forgotten."""
        faulty = np.zeros(count, bool)
        for numbers in self._rows.pop(column, ()):
            faulty[numbers - first_row] = True
        return faulty


def _stride(rows: int) -> int:
    return math.ceil(rows / SAMPLE_ROWS)


def _outcomes(cells: pa.Array) -> np.ndarray:
    return cells.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int8)


def _present(cells: pa.Array) -> np.ndarray:
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), bool)


def _compact(cells: pa.Array) -> pa.Array:
    """The cells without the distinct values of the chunk that they were taken from."""
    return cells.dictionary_decode().dictionary_encode() if pa.types.is_dictionary(cells.type) else cells


def _frame(p: Portfolio, parts: dict[str, list[pa.Array]], rows: int) -> pd.DataFrame:
    """The sampled cells as a frame; dates as datetime64[ns], categories as pandas has them."""
    columns = {}
    for name, arrays in parts.items():
        cells = pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
        if pa.types.is_date(cells.type):
            columns[name] = cells.to_numpy(zero_copy_only=False).astype("datetime64[ns]")
        elif pa.types.is_dictionary(cells.type):
            columns[name] = cells.to_pandas().array
        else:
            columns[name] = cells.to_numpy(zero_copy_only=False)
    frame = pd.DataFrame({name: columns[name] for name in p.columns})
    frame["label"] = columns[p.label.column]
    numbers = np.arange(0, rows, _stride(rows)) + 1
    frame["loan_id"] = columns[p.key] if p.key else [f"{number:09d}" for number in numbers]
    frame["as_of"] = columns[p.as_of] if p.as_of else np.datetime64("NaT", "ns")
    return frame
