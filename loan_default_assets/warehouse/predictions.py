"""The prediction log: the append-only tables `predictions` and `refused_predictions`, keys, and live performance."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

import psycopg2
from psycopg2 import errors, extensions
from psycopg2.extras import execute_values

from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.record_lines import sealed_line
from loan_default_assets.warehouse.sealed_features import Sealed, seal

_Result = TypeVar("_Result")

# PostgreSQL parses the JSON lines: in Python that would cost more than the validation of a request. prediction_keys
# says which rows are new, because no constraint of the partitioned table can; a row of an erased loan gets no key.
_APPEND_LINES = """
WITH delivered AS MATERIALIZED (
    SELECT request, loan, (request ->> 'request_id')::uuid AS request_id, (ordinal - 1)::integer AS position,
        loan ->> 'loan_id' AS loan_id, (request ->> 'created_at')::timestamptz AS created_at
    FROM jsonb_array_elements(%s::jsonb) request,
        jsonb_array_elements(request -> 'loans') WITH ORDINALITY AS loans (loan, ordinal)
), fresh AS (
    INSERT INTO prediction_keys (request_id, position, key)
    SELECT request_id, position,
        CASE WHEN NOT EXISTS (SELECT FROM erasures e WHERE {erased}) THEN decode(loan ->> 'key', 'base64') END
    FROM delivered
    ON CONFLICT (request_id, position) DO NOTHING
    RETURNING request_id, position
)
INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, threshold,
    reasons, channel, latency_ms, created_at)
SELECT request_id, position, loan_id, request ->> 'model_version',
    CASE WHEN loan ? 'sealed' THEN jsonb_build_object('sealed', loan -> 'sealed') END,
    (loan ->> 'probability')::double precision, (loan ->> 'decision')::smallint,
    (request ->> 'threshold')::double precision, nullif(loan -> 'reasons', 'null'), request ->> 'channel',
    (request ->> 'latency_ms')::double precision, created_at
FROM fresh JOIN delivered USING (request_id, position)
ON CONFLICT (request_id, position, created_at) DO NOTHING
"""
_APPEND = """
WITH delivered ({columns}, key) AS (VALUES %s), fresh AS (
    INSERT INTO prediction_keys (request_id, position, key)
    SELECT request_id, position, CASE WHEN NOT EXISTS (SELECT FROM erasures e WHERE {erased}) THEN key END
    FROM delivered
    ON CONFLICT (request_id, position) DO NOTHING
    RETURNING request_id, position
)
INSERT INTO predictions ({columns}) SELECT {columns} FROM fresh JOIN delivered USING (request_id, position)
ON CONFLICT (request_id, position, created_at) DO NOTHING
RETURNING 1
"""
_TYPES = {
    "request_id": "uuid",
    "position": "integer",
    "loan_id": "text",
    "features": "jsonb",
    "probability": "double precision",
    "decision": "smallint",
    "threshold": "double precision",
    "reasons": "jsonb",
    "latency_ms": "double precision",
    "created_at": "timestamptz",
}
# A prediction may arrive after the erasure that covers it.
_ERASED = """e.subject_sha256 IN (erasure_subject('loan', delivered.loan_id),
    erasure_subject('request', delivered.request_id::text),
    erasure_subject('request', delivered.request_id || '/' || delivered.position))
AND delivered.created_at <= e.erased_at"""
# How often a month is created again that retention drops before its rows arrive.
_DROPPED_MONTHS = 3
_CREATE_MONTHS = """
SELECT create_prediction_month(month) FROM (
    SELECT DISTINCT prediction_month(created_at) AS month FROM unnest(%s::timestamptz[]) AS created_at ORDER BY 1
) missing
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
        sealed = {
            (each.request_id, each.position): seal(
                to_json(each.features).encode(), each.request_id, each.position
            )
            for each in predictions
        }
        rows = [
            (
                *(_value(each, name, sealed) for name in _COLUMNS),
                psycopg2.Binary(sealed[each.request_id, each.position].key),
            )
            for each in predictions
        ]
        types = [*(_TYPES.get(name, "text") for name in _COLUMNS), "bytea"]
        statement = _APPEND.format(columns=", ".join(_COLUMNS), erased=_ERASED)
        template = f"({', '.join(f'%s::{kind}' for kind in types)})"

        def append(cursor: extensions.cursor) -> int:
            return len(execute_values(cursor, statement, rows, template, page_size=500, fetch=True))

        return self._in_their_months(append, lambda: [each.created_at for each in predictions])

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

    def volume(self, version: str) -> list[tuple[str, int, int]]:
        """Channel, scored loans and declined loans of a model version, by channel."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT channel, count(*), count(*) FILTER (WHERE decision = 1) FROM predictions "
                "WHERE model_version = %s GROUP BY channel ORDER BY channel",
                (version,),
            )
            return list(cursor.fetchall())

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Append requests as the service records them, in one transaction; existing rows are left unchanged.

        Args:
            lines: One JSON object per request: the values its loans share, and under `loans` those of each loan. Lines
                of the releases that did not seal features are accepted.

        Raises:
            RefusedPredictions: A constraint of the table refuses a row.
            WarehouseError: The database cannot be reached or written; the same lines may be sent again later.
        """

        def append(cursor: extensions.cursor) -> None:
            cursor.execute(
                _APPEND_LINES.format(erased=_ERASED), [f"[{b','.join(map(sealed_line, lines)).decode()}]"]
            )

        try:
            self._in_their_months(append, lambda: [json.loads(line)["created_at"] for line in lines])
        except WarehouseError as error:
            cause = error.__context__
            code = cause.pgcode if isinstance(cause, psycopg2.Error) else None
            if code is not None and code[:2] in ("22", "23") and not _lacks_partition(cause):
                raise RefusedPredictions(str(error)) from None
            raise

    def _in_their_months(
        self, append: Callable[[extensions.cursor], _Result], times: Callable[[], Sequence[Any]]
    ) -> _Result:
        """Append in one transaction, after creating the partitions of the months if one is missing.

        Retention may drop an old month again before the rows are in it.
        """
        for _ in range(_DROPPED_MONTHS):
            try:
                with self._database.transaction() as cursor:
                    return append(cursor)
            except WarehouseError as error:
                if not _lacks_partition(error.__context__):
                    raise
            with self._database.transaction() as cursor:
                cursor.execute(_CREATE_MONTHS, (list(times()),))
        with self._database.transaction() as cursor:
            return append(cursor)

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


def _lacks_partition(cause: BaseException | None) -> bool:
    """Whether PostgreSQL found no partition for a row: such an error names no constraint."""
    return isinstance(cause, errors.CheckViolation) and cause.diag.constraint_name is None


def _value(prediction: Prediction, name: str, sealed: Mapping[tuple[str, int], Sealed]) -> Any:
    """A column's value as psycopg2 sends it."""
    if name == "features":
        return to_json({"sealed": sealed[prediction.request_id, prediction.position].text})
    value = getattr(prediction, name)
    return to_json(value) if name == "reasons" and value is not None else value
