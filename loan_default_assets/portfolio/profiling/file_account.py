"""The account of a file: how many cells of each column convert, are missing, or do not convert, and in which rows.

The cells are converted by the same functions as at `run`, so the account holds there too. Every row is read; memory
does not grow with the file, apart from 12 bytes a row for its key.
"""

import math
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.portfolio.errors import row_list
from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.type_conversion import convert
from loan_default_assets.portfolio.profiling.column_roles import ColumnRole
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.draft_calendar import (
    draft_calendar,
    draft_horizon,
    finer_cadence,
)
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft
from loan_default_assets.portfolio.spec import Portfolio, load

SAMPLE_ROWS = 50_000


@dataclass
class FileAccount:
    """What became of a file's cells.

    Attributes:
        rows: Number of rows.
        converted: Number of cells with a value, by column.
        errors: The cells that do not convert.
        dates: The loans' dates; empty without dates.
        unusable_dates: Rows without a date, or with one in the future.
        keys: The loans' keys; None without a key.
        ranges: The smallest and the largest value of each column of numbers or dates that has any.
        sample: Up to 50,000 rows from all over the file in their types, with the columns `as_of` and `label`.
    """

    rows: int
    converted: Counter[str]
    errors: CellErrors
    dates: DayCounts
    unusable_dates: CellErrors
    keys: KeyHashes | None
    ranges: dict[str, tuple[Any, Any]]
    sample: pd.DataFrame
    unconverted: dict[str, int] = field(default_factory=dict)

    def rows_of(self, column: str) -> str:
        """`rows 3, 8`: where the column's cells do not convert."""
        found = [
            row_list(self.errors.rows[key], count)
            for key, count in self.errors.counts.items()
            if key[0] == column
        ]
        return "; ".join(found)

    def range_of(self, column: str) -> str:
        """`3.5 to 20`: the column's smallest and largest value."""
        if column not in self.ranges:
            return ""
        return " to ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in self.ranges[column])


def drafted_portfolio(draft: PortfolioDraft) -> Portfolio:
    """The portfolio of a draft, read back from its text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(draft_yaml(draft), encoding="utf-8")
        return load(str(path), source=str(draft.profile.path.resolve()))


def account_for(draft: PortfolioDraft, today: date) -> FileAccount:
    """Convert every cell of the file as the draft says.

    Args:
        draft: A draft without a calendar.
        today: The last date that a loan may have.

    Raises:
        SourceError: The file cannot be read.
    """
    p = drafted_portfolio(draft)
    stride = math.ceil(draft.profile.rows / SAMPLE_ROWS)
    errors, converted, rows = CellErrors(), Counter[str](), 0
    parts: dict[str, list[pa.Array]] = {}
    ranges: dict[str, tuple[Any, Any]] = {}
    dates, unusable = DayCounts(), CellErrors()
    keys = KeyHashes(draft.profile.rows) if p.key else None
    for chunk in file_chunks(p):
        count = len(next(iter(chunk.values())))
        typed = convert(p, chunk, rows + 1, errors)
        for name, cells in typed.items():
            converted[name] += len(cells) - cells.null_count
            if name in p.columns:
                _widen(ranges, name, cells)
        days = None
        if p.as_of:
            days = typed[p.as_of].to_numpy(zero_copy_only=False).astype("datetime64[D]")
            dates.add(days, _present(typed[p.label.column]))
            unusable.add(p.as_of, "no date", np.flatnonzero(np.isnat(days)) + rows + 1)
            late = np.flatnonzero(days > np.datetime64(today)) + rows + 1
            unusable.add(p.as_of, f"a date after today, {today}", late)
        if p.key and keys is not None:
            keys.add(typed[p.key].to_numpy(zero_copy_only=False), days)
        chosen = pa.array(np.arange((-rows) % stride, count, stride))
        for name, cells in typed.items():
            if name != p.key:
                parts.setdefault(name, []).append(_compact(cells.take(chosen)))
        rows += count
    unconverted: Counter[str] = Counter()
    for (name, _), number in errors.counts.items():
        unconverted[name] += number
    return FileAccount(
        rows,
        converted,
        errors,
        dates,
        unusable,
        keys,
        ranges,
        _frame(p, parts),
        dict(unconverted),
    )


def complete_draft(draft: PortfolioDraft, account: FileAccount, today: date) -> PortfolioDraft:
    """The draft with its calendar and horizon, and what a human must correct or decide.

    Args:
        draft: A draft without a calendar.
        account: The account of its file.
        today: The last date that a loan may have.
    """
    decisions, notes = list(draft.decisions), list(draft.notes)
    problems = [str(_problem(draft, key, account)) for key in account.errors.counts]
    calendar = horizon = None
    key = draft.key
    if draft.as_of:
        problems += _date_problems(account.unusable_dates)
        calendar = draft_calendar(account.dates, today)
        horizon = draft_horizon(account.dates)
        if not horizon.certain:
            decisions.append(f"label.horizon_days: {horizon.days} is {horizon.why}.")
        if calendar and calendar.end is None:
            decisions.append(
                f"the last {calendar.running_rows:,} rows are of a {calendar.cadence} partition that is not over; "
                "`run` loads them when it is."
            )
    if key and account.keys is not None:
        repeated = account.keys.repeats()
        finer = None
        if repeated and calendar and not account.dates.undated:
            finer = finer_cadence(account.dates, account.keys, calendar.cadence)
        if repeated and finer is None:
            first = row_list(account.keys.first_repeats(), repeated)
            problem = f"{repeated:,} rows repeat a value of {key} ({first})"
            if calendar:
                problem += f" within one {calendar.cadence} partition"
            decisions.append(
                f"{problem}: it does not identify the rows, so the draft numbers them instead (no `key`). Where they "
                "are several rows per loan, keep one per loan, such as the last before the outcome, or one per period."
            )
            key = None
        elif repeated and calendar and finer:
            notes.append(
                f"Several rows per loan: {repeated:,} rows repeat a value of {key}, each in another partition, so each "
                "row is an observation of its own."
            )
            calendar = draft_calendar(account.dates, today, finer)
    roles = tuple(replace(role, range=account.range_of(role.name)) for role in draft.roles)
    drafted = replace(draft, calendar=calendar, horizon=horizon, key=key, roles=roles, notes=tuple(notes))
    if draft.key and key is None:
        drafted = _without_key(drafted, draft.key)
    decisions += [f"{problem}. `run` refuses the file until this is corrected." for problem in problems]
    for role in draft.roles:
        decisions += [
            f"{role.source_name}: {text}." for text in role.remarks if text.startswith("could also be")
        ]
    return replace(drafted, decisions=tuple(decisions))


def _problem(draft: PortfolioDraft, key: tuple[str, str], account: FileAccount) -> str:
    name, problem = key
    count = account.errors.counts[key]
    hint = account.errors.hints.get(key, "")
    cells = "cell" if count == 1 else "cells"
    return f"column {name}: {problem}: {count} {cells} ({row_list(account.errors.rows[key], count)}){hint}"


def _date_problems(unusable: CellErrors) -> list[str]:
    return [
        f"column {name}: {count} {'row has' if count == 1 else 'rows have'} {problem} "
        f"({row_list(unusable.rows[name, problem], count)})"
        for (name, problem), count in unusable.counts.items()
    ]


def _without_key(draft: PortfolioDraft, key: str) -> PortfolioDraft:
    role = ColumnRole(
        key, draft.profile.layout.portfolio_names[key], "ignored", reason="an identifier whose values repeat"
    )
    return replace(draft, roles=(role, *draft.roles))


def _present(cells: pa.Array) -> np.ndarray:
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), bool)


def _widen(ranges: dict[str, tuple[Any, Any]], name: str, cells: pa.Array) -> None:
    """Extend the range of a column of numbers or dates to these cells."""
    if not (pa.types.is_floating(cells.type) or pa.types.is_date(cells.type)):
        return
    bounds = pc.min_max(cells).as_py()
    if bounds["min"] is not None:
        low, high = ranges.get(name, (bounds["min"], bounds["max"]))
        ranges[name] = min(low, bounds["min"]), max(high, bounds["max"])


def _compact(cells: pa.Array) -> pa.Array:
    """The cells without the distinct values of the chunk that they were taken from."""
    return cells.dictionary_decode().dictionary_encode() if pa.types.is_dictionary(cells.type) else cells


def _frame(p: Portfolio, parts: dict[str, list[pa.Array]]) -> pd.DataFrame:
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
    frame["as_of"] = columns[p.as_of] if p.as_of else np.datetime64("NaT", "ns")
    return frame
