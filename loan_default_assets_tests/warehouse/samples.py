"""Small portfolios, partitions and models for the tests of this package."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.evaluations import EvaluationRecord
from loan_default_assets.warehouse.predictions import Prediction
from loan_default_assets.warehouse.registry import ModelRecord

DAY = "2024-01-01"
COLUMNS: dict[str, Any] = {
    "amount": {"kind": "number"},
    "inquiries": {"kind": "number", "integer": True, "nullable": True},
    "purpose": {"kind": "category", "values": ["car", "home"], "nullable": True},
    "opened": {"kind": "date", "nullable": True},
    "rate_%": {"kind": "number", "nullable": True},
    "note": {"kind": "text", "nullable": True},
}


def portfolio(**changes: Any) -> Portfolio:
    """A daily portfolio of four numerical features (one is a date) and one categorical feature."""
    spec: dict[str, Any] = {
        "name": "sample",
        "source": {"kind": "synthetic"},
        "key": "loan",
        "as_of": "day",
        "start": date(2024, 1, 1),
        "label": {"column": "bad", "horizon_days": 30},
        "columns": COLUMNS,
    }
    return Portfolio.model_validate(spec | changes)


def raw(ids: Sequence[str], *, key: str = DAY, seed: int = 0) -> pd.DataFrame:
    """Raw rows with missing, extreme, negative or quoted values in every column."""
    rng = np.random.default_rng(seed)
    n = len(ids)
    gap = np.arange(n) % 3 == 0
    notes = np.array(["", 'a "quoted", one', "two\nlines", "\\.", "원화", None], object)[np.arange(n) % 6]
    day = np.datetime64(key, "ns")
    frame = pd.DataFrame(
        {
            "loan_id": np.array(ids, object),
            "as_of": np.full(n, day),
            "label": np.where(gap, np.nan, (np.arange(n) % 2).astype(float)),
            "label_observed_at": np.where(gap, np.datetime64("NaT", "ns"), day + np.timedelta64(30, "D")),
            "amount": rng.normal(size=n) * 10.0 ** rng.integers(-300, 300, n),
            "inquiries": np.where(gap, np.nan, np.arange(n) - 2.0**40),
            "purpose": pd.Categorical(np.array([None, "home", "boat"], object)[np.arange(n) % 3]),
            "opened": np.where(gap, np.datetime64("NaT", "ns"), day - np.timedelta64(9_000, "D")),
            "rate_%": np.where(gap, np.nan, 0.1),
            "note": notes,
        },
        index=pd.RangeIndex(1, n + 1),
    )
    return frame


def processed(ids: Sequence[str], *, key: str = DAY, seed: int = 0, horizon: int = 30) -> LoanRows:
    """Features for the sample portfolio; a third of the loans without outcome."""
    rng = np.random.default_rng(seed)
    n = len(ids)
    numerical = rng.normal(size=(n, 4)).astype(np.float32)
    numerical[rng.random((n, 4)) < 0.2] = np.nan
    label = np.where(np.arange(n) % 3 == 0, -1, np.arange(n) % 2).astype(np.int8)
    observed = np.datetime64(key, "D") + np.timedelta64(horizon, "D")
    return LoanRows(
        np.full(n, key),
        np.array(ids, str),
        np.full(n, np.datetime64(key, "D")),
        numerical,
        rng.integers(0, 4, (n, 1)).astype(np.int16),
        label,
        np.where(label < 0, np.datetime64("NaT", "D"), observed),
    )


def ids(n: int, first: int = 0) -> list[str]:
    """Loan ids in ascending order."""
    return [f"L{first + i:06d}" for i in range(n)]


def classifier(version: str, **changes: Any) -> ModelRecord:
    """A candidate."""
    record: dict[str, Any] = {
        "version": version,
        "kind": "classifier",
        "portfolio_hash": "p" * 64,
        "snapshot_hash": f"snapshot of {version}",
        "hyper_parameters": {"d_model": 32, "seed": 0},
        "threshold": 0.4,
        "metrics": {"f1": 0.81},
        "trained_from": date(2024, 1, 1),
        "trained_to": date(2024, 3, 1),
        "window_from": date(2024, 3, 2),
        "window_to": date(2024, 3, 31),
        "artifact_uri": f"file:///models/{version}",
        "artifact_sha256": "a" * 64,
    }
    return ModelRecord(**(record | changes))


def performance(version: str, f1: float, **changes: Any) -> EvaluationRecord:
    """An evaluation on a window of 1,000 loans."""
    evaluation: dict[str, Any] = {
        "model_version": version,
        "window_from": date(2024, 3, 2),
        "window_to": date(2024, 3, 31),
        "rows": 1000,
        "positives": 150,
        "metrics": {"f1": f1, "roc_auc": 0.9, "ks": float("nan")},
        "intervals": {"f1": (f1 - 0.05, f1 + 0.05)},
        "baseline": {"name": "HistGradientBoosting", "metrics": {"f1": 0.7}},
        "verdict": "approved",
        "snapshot_hash": f"snapshot of {version}",
        "role": "candidate",
        "evaluated_at": datetime(2024, 5, 1, tzinfo=UTC),
    }
    return EvaluationRecord(**(evaluation | changes))


def scored(**changes: Any) -> Prediction:
    """A prediction of the model `c1` over HTTP, made now, without loan id and reason codes."""
    prediction: dict[str, Any] = {
        "request_id": str(uuid.uuid4()),
        "loan_id": None,
        "model_version": "c1",
        "features": {"amount": 0.1},
        "probability": 0.1,
        "decision": 0,
        "threshold": 0.4,
        "reasons": None,
        "channel": "http",
        "latency_ms": 1.0,
        "created_at": datetime.now(UTC),
    }
    return Prediction(**(prediction | changes))
