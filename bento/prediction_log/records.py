"""A journal record: the answered loans of one request, as one line of JSON on their way to PostgreSQL."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg2
from pydantic_core import to_json

from bento.prediction_log.shipper import Away
from loan_default_assets.warehouse.database import Database, WarehouseError

# PostgreSQL takes the lines apart itself: in Python that would cost more than a request's validation.
APPEND = """
INSERT INTO predictions (request_id, position, loan_id, model_version, features, probability, decision, threshold,
    reasons, channel, latency_ms, created_at)
SELECT (request ->> 'request_id')::uuid, place - 1, loan ->> 'loan_id', request ->> 'model_version',
    loan -> 'features', (loan ->> 'probability')::double precision, (loan ->> 'decision')::smallint,
    (request ->> 'threshold')::double precision, nullif(loan -> 'reasons', 'null'), request ->> 'channel',
    (request ->> 'latency_ms')::double precision, (request ->> 'created_at')::timestamptz
FROM jsonb_array_elements(%s::jsonb) request,
    jsonb_array_elements(request -> 'loans') WITH ORDINALITY AS loans (loan, place)
ON CONFLICT (request_id, position) DO NOTHING
"""


def record(request: dict[str, Any], loans: Sequence[dict[str, Any]]) -> bytes:
    """`request` holds what its loans share; every loan holds what is its own (columns of `predictions`)."""
    return to_json({**request, "loans": loans})


def deliver_to(database: Database) -> Callable[[Sequence[bytes]], None]:
    """Stores records in one transaction; those that are there already stay as they are.

    Raises: Away, also for a table or disk that a person must mend first; WarehouseError when the tables refuse a row.
    """

    def deliver(lines: Sequence[bytes]) -> None:
        try:
            with database.transaction() as cursor:
                cursor.execute(APPEND, [f"[{b','.join(lines).decode()}]"])
        except WarehouseError as error:
            cause = error.__context__
            code = cause.pgcode if isinstance(cause, psycopg2.Error) else None
            if code is not None and code[:2] in ("22", "23"):
                raise
            raise Away from error

    return deliver
