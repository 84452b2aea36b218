"""The frame of raw rows from columns in the portfolio's types."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio.ingest.file_readers import Chunk
from loan_default_assets.portfolio.spec import Portfolio


def raw_frame(p: Portfolio, columns: Chunk, rows: int, first_row: int = 1) -> pd.DataFrame:
    """The rows in the layout of `sources.RawRows.frame`; `columns` is emptied on the way, to keep memory low."""
    take = columns.pop
    numbers = np.arange(first_row, first_row + rows)
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
