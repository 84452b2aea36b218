"""The account of a file: how many cells of each column convert, are missing, or do not convert, and in which rows.

The cells are converted by the same functions as at `run`, so the account holds there too.
"""

import math
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio.errors import row_list
from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.type_conversion import convert
from loan_default_assets.portfolio.profiling.column_roles import ColumnRole
from loan_default_assets.portfolio.profiling.draft_calendar import (
    draft_calendar,
    draft_horizon,
    finer_cadence,
)
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
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
        days: (n,) datetime64[D], the loans' dates; empty without dates.
        known: (n,) bool, whether a loan has an outcome.
        keys: (n,) hashes of the keys; empty without a key.
        sample: Up to 50,000 rows in their types, with the columns `as_of` and `label`.
    """

    rows: int
    converted: Counter[str]
    errors: CellErrors
    days: np.ndarray
    known: np.ndarray
    keys: np.ndarray
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


def drafted_portfolio(draft: PortfolioDraft) -> Portfolio:
    """The portfolio of a draft, read back from its text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(draft_yaml(draft), encoding="utf-8")
        return load(str(path), source=str(draft.profile.path.resolve()))


def account_for(draft: PortfolioDraft) -> FileAccount:
    """Convert every cell of the file as the draft says.

    Raises:
        SourceError: The file cannot be read.
    """
    p = drafted_portfolio(draft)
    stride = math.ceil(draft.profile.rows / SAMPLE_ROWS)
    errors, converted, rows = CellErrors(), Counter[str](), 0
    parts: dict[str, list[pa.Array]] = {}
    days, known, keys = [], [], []
    for chunk in file_chunks(p):
        count = len(next(iter(chunk.values())))
        typed = convert(p, chunk, rows + 1, errors)
        for name, cells in typed.items():
            if name in p.columns and pa.types.is_floating(cells.type):
                infinite = np.flatnonzero(np.isinf(cells.to_numpy(zero_copy_only=False)))
                errors.add(
                    name, "an infinite number", infinite + rows + 1, "correct it, or list it under `missing`"
                )
                converted[name] -= len(infinite)
            converted[name] += len(cells) - cells.null_count
        known.append(_present(typed[p.label.column]))
        if p.as_of:
            days.append(typed[p.as_of].to_numpy(zero_copy_only=False).astype("datetime64[D]"))
        if p.key:
            texts = typed[p.key].to_numpy(zero_copy_only=False)
            keys.append(pd.util.hash_array(np.where(texts == None, "", texts).astype(object)))  # noqa: E711
        chosen = pa.array(np.arange((-rows) % stride, count, stride))
        for name, cells in typed.items():
            if name != p.key:
                parts.setdefault(name, []).append(cells.take(chosen))
        rows += count
    unconverted: Counter[str] = Counter()
    for (name, _), number in errors.counts.items():
        unconverted[name] += number
    return FileAccount(
        rows,
        converted,
        errors,
        np.concatenate(days) if days else np.empty(0, "datetime64[D]"),
        np.concatenate(known) if known else np.empty(0, bool),
        np.concatenate(keys) if keys else np.empty(0, np.uint64),
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
        problems += _date_problems(draft.as_of, account.days, today)
        calendar = draft_calendar(account.days, today)
        horizon = draft_horizon(account.days, account.known)
        if not horizon.certain:
            decisions.append(f"label.horizon_days: {horizon.days} is {horizon.why}.")
        if calendar and calendar.end is None:
            decisions.append(
                f"the last {calendar.running_rows:,} rows are of a {calendar.cadence} partition that is not over; "
                "`run` loads them when it is."
            )
    if key and len(account.keys):
        repeated = len(account.keys) - len(np.unique(account.keys))
        finer = None
        if repeated and calendar and not np.isnat(account.days).any():
            finer = finer_cadence(account.days, account.keys, calendar.cadence)
        if repeated and finer is None:
            problem = f"{repeated:,} rows repeat a value of {key}{_repeats(account.keys)}"
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
            calendar = draft_calendar(account.days, today, finer)
    drafted = replace(draft, calendar=calendar, horizon=horizon, key=key, notes=tuple(notes))
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


def _date_problems(name: str, days: np.ndarray, today: date) -> list[str]:
    found = []
    for problem, wrong in (
        ("no date", np.isnat(days)),
        (f"a date after today, {today}", days > np.datetime64(today)),
    ):
        rows = [int(row) + 1 for row in np.flatnonzero(wrong)]
        if rows:
            have = "row has" if len(rows) == 1 else "rows have"
            found.append(f"column {name}: {len(rows)} {have} {problem} ({row_list(rows, len(rows))})")
    return found


def _repeats(keys: np.ndarray) -> str:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rows = (np.flatnonzero(first[inverse] != np.arange(len(keys))) + 1).tolist()
    return f" ({row_list(rows, len(rows))})"


def _without_key(draft: PortfolioDraft, key: str) -> PortfolioDraft:
    role = ColumnRole(
        key, draft.profile.layout.portfolio_names[key], "ignored", reason="an identifier whose values repeat"
    )
    return replace(draft, roles=(role, *draft.roles))


def _present(cells: pa.Array) -> np.ndarray:
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), bool)


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
