"""The features of stored predictions, opened with their keys."""

from collections.abc import Mapping
from typing import Any

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.sealed_features import opened_features

Place = tuple[str, int]


def opened(database: Database, condition: str = "true") -> dict[Place, Mapping[str, Any] | None]:
    """Features by request and position, None where they are erased; none is stored readably."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT request_id::text, position, features, key FROM predictions LEFT JOIN prediction_keys "
            f"USING (request_id, position) WHERE {condition} ORDER BY 1, 2"
        )
        rows = cursor.fetchall()
    assert all([*features] == ["sealed"] for _, _, features, _ in rows)
    return {
        (name, position): key and opened_features(features, bytes(key), request_id=name, position=position)
        for name, position, features, key in rows
    }
