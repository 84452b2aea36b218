"""The prediction log: the append-only tables `predictions` and `refused_predictions`, and the live performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import psycopg2
from psycopg2.extras import execute_values

from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError

# PostgreSQL parses the JSON lines: in Python that would cost more than the validation of a request.
_APPEND_LINES = """
INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, threshold,
    reasons, channel, latency_ms, created_at)
SELECT (request ->> 'request_id')::uuid, ordinal - 1, loan ->> 'loan_id', request ->> 'model_version',
    loan -> 'features', (loan ->> 'probability')::double precision, (loan ->> 'decision')::smallint,
    (request ->> 'threshold')::double precision, nullif(loan -> 'reasons', 'null'), request ->> 'channel',
    (request ->> 'latency_ms')::double precision, (request ->> 'created_at')::timestamptz
FROM jsonb_array_elements(%s::jsonb) request,
    jsonb_array_elements(request -> 'loans') WITH ORDINALITY AS loans (loan, ordinal)
ON CONFLICT (request_id, position) DO NOTHING
"""


class RefusedPredictions(WarehouseError):
    """A constraint of the table refuses a row, e.g. one of an unknown model version; a retry cannot succeed."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One scored application.

    Attributes:
        request_id: A UUID.
        position: Index of the application within its request, from 0.
        loan_id: None where the request names none.
        features: The values that were scored, by column of the portfolio.
        probability: The PD.
        decision: 1 where the PD is at least `threshold`.
        reasons: The reason codes of the decision.
        latency_ms: From receipt of the request to its response; None for a file.
    """

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


class PredictionLog:
    """The predictions of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, predictions: Sequence[Prediction]) -> int:
        """Append the predictions that are missing, by request id and position, in one transaction.

        Returns:
            The number of rows inserted.
        """
        rows = [
            tuple(
                to_json(value) if name in ("features", "reasons") and value is not None else value
                for name in _COLUMNS
                for value in (getattr(prediction, name),)
            )
            for prediction in predictions
        ]
        with self._database.transaction() as cursor:
            inserted = execute_values(
                cursor,
                f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES %s "
                "ON CONFLICT (request_id, position) DO NOTHING RETURNING 1",
                rows,
                page_size=500,
                fetch=True,
            )
        return len(inserted)

    def live_performance(self) -> list[dict[str, Any]]:
        """The view of that name: predictions against the outcomes known by the cutoff, one row per model version."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT * FROM live_performance ORDER BY last_scored_at DESC")
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Append requests as the service records them, in one transaction; existing rows are left unchanged.

        Args:
            lines: One JSON object per request: the values its loans share, and under `loans` those of each loan.

        Raises:
            RefusedPredictions: A constraint of the table refuses a row.
            WarehouseError: The database cannot be reached or written; the same lines may be sent again later.
        """
        try:
            with self._database.transaction() as cursor:
                cursor.execute(_APPEND_LINES, [f"[{b','.join(lines).decode()}]"])
        except WarehouseError as error:
            cause = error.__context__
            code = cause.pgcode if isinstance(cause, psycopg2.Error) else None
            if code is not None and code[:2] in ("22", "23"):
                raise RefusedPredictions(str(error)) from None
            raise

    def keep_refused(self, line: bytes, reason: str) -> bool:
        """Keep a record that `append_lines` refuses, once.

        Args:
            line: Any bytes.
            reason: Why it was refused, without its values.

        Returns:
            Whether it was not kept before.
        """
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO refused_predictions (sha256, record, reason) VALUES (sha256(%(record)s), %(record)s, "
                "%(reason)s) ON CONFLICT (sha256) DO NOTHING",
                {"record": psycopg2.Binary(line), "reason": reason},
            )
            return cursor.rowcount == 1

    def has_predictions_of(self, version: str) -> bool:
        """Whether a prediction of this model version is recorded, or was until retention deleted it."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM predictions WHERE model_version = %(version)s) "
                "OR EXISTS (SELECT FROM pruned_predictions WHERE model_version = %(version)s)",
                {"version": version},
            )
            return bool(cursor.fetchall()[0][0])


_COLUMNS = tuple(f.name for f in fields(Prediction))
