"""Predictions of a recorded bank, and their features as one seals them who can read and write every table."""

import json
import random
from typing import Any

import psycopg2

from loan_default_assets.warehouse.database import to_json
from loan_default_assets.warehouse.sealed_features import opened_features, seal
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

_ONE = "request_id = %(request)s AND position = %(position)s"


def any_prediction(bank: RecordedBank, rng: random.Random, condition: str = "true") -> tuple[str, int]:
    """Request id and position of any prediction."""
    rows = bank.alter(
        f"SELECT request_id::text, position FROM predictions WHERE {condition} "
        "ORDER BY created_at, request_id, position"
    )
    return rng.choice(rows)


def features_of(bank: RecordedBank, request: str, position: int) -> dict[str, Any]:
    """The values that were scored."""
    ((stored, key),) = bank.alter(
        f"SELECT features::text, key FROM predictions JOIN prediction_keys USING (request_id, position) WHERE {_ONE}",
        request=request,
        position=position,
    )
    return dict(opened_features(json.loads(stored), bytes(key), request_id=request, position=position))


def seal_again(bank: RecordedBank, request: str, position: int, features: dict[str, Any]) -> None:
    """Replace the features of a prediction, with a key that opens them."""
    sealed = seal(to_json(features).encode(), request, position)
    bank.alter(
        f"UPDATE predictions SET features = jsonb_build_object('sealed', %(text)s::text) WHERE {_ONE}",
        "INSERT INTO prediction_keys VALUES (%(request)s, %(position)s, %(key)s) "
        "ON CONFLICT (request_id, position) DO UPDATE SET key = excluded.key",
        request=request,
        position=position,
        text=sealed.text,
        key=psycopg2.Binary(sealed.key),
    )
