"""The features of recorded predictions, as they were scored."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loan_default_assets.warehouse import sealed_features
from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets.warehouse.sealed_features import AlteredFeatures

Opened = Mapping[str, Any] | AlteredFeatures | None
OpenFeatures = Callable[[Sequence[StoredPrediction]], Sequence[Opened]]


def opened_features(rows: Sequence[StoredPrediction]) -> list[Opened]:
    """The values by column of each prediction; None where its key was destroyed, the error where it does not fit."""
    return [_opened(row) for row in rows]


def _opened(row: StoredPrediction) -> Opened:
    try:
        return sealed_features.opened_features(
            json.loads(row.features), row.key, request_id=row.request_id, position=row.position
        )
    except AlteredFeatures as error:
        return error
