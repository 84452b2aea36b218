"""`model_performance` and `predictions`: appended, never changed, and read back for what is to be decided next."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

from psycopg2.extras import execute_values

from loan_default_assets.warehouse.database import Database, to_json


@dataclass(frozen=True, kw_only=True)
class Performance:
    """One evaluation. `baseline` is {"name", "metrics"}; a metric that could not be computed is NaN.

    `reason`: the sentences behind the verdict. `compared_with`: the champion on the same rows, for a candidate.
    """

    model_version: str
    window_from: date | None
    window_to: date | None
    rows: int
    positives: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    baseline: Mapping[str, Any] | None
    verdict: str
    snapshot_hash: str
    role: Literal["candidate", "champion"]
    reason: str = ""
    compared_with: str | None = None
    evaluated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answered loan. `request_id` is a UUID, `position` the loan's place in that request."""

    request_id: str
    position: int = 0
    loan_id: str | None
    model_version: str
    features: Mapping[str, Any]
    probability: float
    decision: int
    threshold: float
    reasons: Sequence[Any] | None
    channel: Literal["http", "grpc", "file"]
    latency_ms: float | None
    created_at: datetime


class Journal:
    """The records of one portfolio. Every method may raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_performance(self, performance: Performance) -> bool:
        """Append an evaluation; False, and no change, when this version was judged on this snapshot in this role."""
        values = vars(performance) | {
            name: to_json(getattr(performance, name)) for name in ("metrics", "intervals")
        }
        values["baseline"] = None if performance.baseline is None else to_json(performance.baseline)
        with self._database.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO model_performance ({', '.join(_PERFORMANCE)}) "
                f"VALUES ({', '.join(f'%({name})s' for name in _PERFORMANCE)}) "
                "ON CONFLICT (model_version, snapshot_hash, role) DO NOTHING",
                values,
            )
            return cursor.rowcount == 1

    def latest_performance(
        self, version: str | None = None, *, role: str | None = None
    ) -> Performance | None:
        """The newest evaluation, of any version and role or of the given ones."""
        with self._database.transaction() as cursor:
            cursor.execute(
                f"SELECT {', '.join(_PERFORMANCE)} FROM model_performance "
                "WHERE (%(version)s::text IS NULL OR model_version = %(version)s) "
                "AND (%(role)s::text IS NULL OR role = %(role)s) ORDER BY evaluated_at DESC, id DESC LIMIT 1",
                {"version": version, "role": role},
            )
            rows = cursor.fetchall()
        return _performance(dict(zip(_PERFORMANCE, rows[0], strict=True))) if rows else None

    def append_predictions(self, predictions: Sequence[Prediction]) -> int:
        """Append what is not there yet, by request id and position, in one transaction; how many that were."""
        rows = [
            tuple(
                to_json(value) if name in ("features", "reasons") and value is not None else value
                for name in _PREDICTION
                for value in (getattr(prediction, name),)
            )
            for prediction in predictions
        ]
        with self._database.transaction() as cursor:
            inserted = execute_values(
                cursor,
                f"INSERT INTO predictions ({', '.join(_PREDICTION)}) VALUES %s "
                "ON CONFLICT (request_id, position) DO NOTHING RETURNING 1",
                rows,
                page_size=500,
                fetch=True,
            )
        return len(inserted)

    def live_performance(self) -> list[dict[str, Any]]:
        """The view of that name: served predictions against the outcomes known by now, one row a model."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT * FROM live_performance ORDER BY last_scored_at DESC")
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_PERFORMANCE = tuple(f.name for f in fields(Performance))
_PREDICTION = tuple(f.name for f in fields(Prediction))


def _performance(values: dict[str, Any]) -> Performance:
    """JSON has no NaN: it is null there."""
    values["metrics"] = {name: _number(value) for name, value in values["metrics"].items()}
    values["intervals"] = {
        name: (_number(low), _number(high)) for name, (low, high) in values["intervals"].items()
    }
    return Performance(**values)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
