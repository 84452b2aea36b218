"""The prediction log: the append-only tables `predictions` and `refused_predictions`, keys, and live performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import psycopg2
from psycopg2.extras import execute_values

from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.record_lines import sealed_line
from loan_default_assets.warehouse.sealed_features import Sealed, seal

# PostgreSQL parses the JSON lines: in Python that would cost more than the validation of a request. Only rows that are
# new get a key, so that a record that is delivered again after an erasure does not bring it back.
_APPEND_LINES = """
WITH delivered AS MATERIALIZED (
    SELECT request, loan, (request ->> 'request_id')::uuid AS request_id, (ordinal - 1)::integer AS position
    FROM jsonb_array_elements(%s::jsonb) request,
        jsonb_array_elements(request -> 'loans') WITH ORDINALITY AS loans (loan, ordinal)
), inserted AS (
    INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, threshold,
        reasons, channel, latency_ms, created_at)
    SELECT request_id, position, loan ->> 'loan_id', request ->> 'model_version',
        CASE WHEN loan ? 'sealed' THEN jsonb_build_object('sealed', loan -> 'sealed') END,
        (loan ->> 'probability')::double precision, (loan ->> 'decision')::smallint,
        (request ->> 'threshold')::double precision, nullif(loan -> 'reasons', 'null'), request ->> 'channel',
        (request ->> 'latency_ms')::double precision, (request ->> 'created_at')::timestamptz
    FROM delivered
    ON CONFLICT (request_id, position) DO NOTHING
    RETURNING request_id, position, loan_id, created_at
)
INSERT INTO prediction_keys (request_id, position, key)
SELECT request_id, position, decode(loan ->> 'key', 'base64')
FROM inserted JOIN delivered USING (request_id, position)
WHERE loan ? 'key' AND NOT EXISTS (SELECT FROM erasures e WHERE {erased})
"""
_APPEND = """
INSERT INTO predictions ({columns}) VALUES %s ON CONFLICT (request_id, position) DO NOTHING
RETURNING request_id::text, position
"""
_APPEND_KEYS = """
INSERT INTO prediction_keys (request_id, position, key)
SELECT request_id, position, made.key
FROM (VALUES %s) made (request_id, position, key) JOIN predictions inserted USING (request_id, position)
WHERE NOT EXISTS (SELECT FROM erasures e WHERE {erased})
"""
# A prediction may arrive after the erasure that covers it.
_ERASED = """e.subject_sha256 IN (erasure_subject('loan', inserted.loan_id),
    erasure_subject('request', inserted.request_id::text),
    erasure_subject('request', inserted.request_id || '/' || inserted.position))
AND inserted.created_at <= e.erased_at"""


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
        sealed = {
            (each.request_id, each.position): seal(
                to_json(each.features).encode(), each.request_id, each.position
            )
            for each in predictions
        }
        rows = [tuple(_value(prediction, name, sealed) for name in _COLUMNS) for prediction in predictions]
        with self._database.transaction() as cursor:
            statement = _APPEND.format(columns=", ".join(_COLUMNS))
            inserted = execute_values(cursor, statement, rows, page_size=500, fetch=True)
            keys = [(*place, psycopg2.Binary(sealed[place].key)) for place in inserted]
            execute_values(
                cursor, _APPEND_KEYS.format(erased=_ERASED), keys, "(%s::uuid, %s, %s::bytea)", page_size=500
            )
        return len(inserted)

    def live_performance(self, version: str | None = None) -> list[dict[str, Any]]:
        """The view of that name: predictions against the outcomes known by the cutoff, one row per model version.

        Args:
            version: Only this model version.
        """
        condition = "" if version is None else "WHERE model_version = %(version)s"
        with self._database.transaction() as cursor:
            cursor.execute(
                f"SELECT * FROM live_performance {condition} ORDER BY last_scored_at DESC",
                {"version": version},
            )
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Append requests as the service records them, in one transaction; existing rows are left unchanged.

        Args:
            lines: One JSON object per request: the values its loans share, and under `loans` those of each loan. Lines
                of the releases that did not seal features are accepted.

        Raises:
            RefusedPredictions: A constraint of the table refuses a row.
            WarehouseError: The database cannot be reached or written; the same lines may be sent again later.
        """
        try:
            with self._database.transaction() as cursor:
                cursor.execute(
                    _APPEND_LINES.format(erased=_ERASED), [f"[{b','.join(map(sealed_line, lines)).decode()}]"]
                )
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


def _value(prediction: Prediction, name: str, sealed: Mapping[tuple[str, int], Sealed]) -> Any:
    """A column's value as psycopg2 sends it."""
    if name == "features":
        return to_json({"sealed": sealed[prediction.request_id, prediction.position].text})
    value = getattr(prediction, name)
    return to_json(value) if name == "reasons" and value is not None else value
