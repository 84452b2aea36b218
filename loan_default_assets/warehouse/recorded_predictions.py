"""One recorded prediction, found by request and position."""

from dataclasses import dataclass

from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets.warehouse.database import Database

# `erasure_subject` of sql/008_sealed_features.sql names what an erasure covers.
_FIND = """
SELECT p.loan_id, p.model_version, p.features::text, p.probability, p.decision, p.threshold, p.reasons::text, p.channel,
    p.latency_ms, to_json(p.created_at AT TIME ZONE 'UTC')::text, k.key,
    k.key IS NULL AND EXISTS (SELECT FROM erasures e
        WHERE e.subject_sha256 IN (erasure_subject('loan', p.loan_id), erasure_subject('request', request_id::text),
                erasure_subject('request', request_id || '/' || position))
            AND p.created_at <= e.erased_at)
FROM predictions p LEFT JOIN prediction_keys k USING (request_id, position)
WHERE request_id = %(request_id)s::uuid AND position = %(position)s
"""
# Place of the key from the end of a row.
_KEY = -2
_COUNT = """
SELECT (SELECT count(*) FROM predictions WHERE request_id = %(request_id)s::uuid),
    EXISTS (SELECT FROM prediction_links WHERE request_id = %(request_id)s::uuid AND position = %(position)s)
"""


@dataclass(frozen=True)
class FoundPrediction:
    """What the prediction log has of one application of a request.

    Attributes:
        row: The prediction; None where there is none.
        recorded: Number of recorded predictions of the request.
        pruned: Whether the prediction was recorded and deleted by retention.
    """

    row: StoredPrediction | None
    recorded: int
    pruned: bool


def find_prediction(database: Database, request_id: str, position: int) -> FoundPrediction:
    """Find the prediction of one application.

    Args:
        request_id: The UUID of the request.
        position: Index of the application within it, from 0.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    values = {"request_id": request_id, "position": position}
    with database.transaction(repeatable=True) as cursor:
        cursor.execute("SET LOCAL extra_float_digits TO 1")
        cursor.execute(_COUNT, values)
        [(recorded, linked)] = cursor.fetchall()
        cursor.execute(_FIND, values)
        found = cursor.fetchall()
    if not found:
        return FoundPrediction(None, recorded, linked)
    columns = list(found[0])
    columns[_KEY] = None if columns[_KEY] is None else bytes(columns[_KEY])
    return FoundPrediction(StoredPrediction(request_id, position, *columns), recorded, False)
