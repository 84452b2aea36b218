"""The features of recorded predictions, as they were scored."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loan_default_assets.warehouse.chain_links import StoredPrediction
from loan_default_assets.warehouse.sealed_features import AlteredFeatures
from loan_default_assets.warehouse.sealed_features import opened_features as opened

# None: erased.
OpenedFeatures = Mapping[str, Any] | AlteredFeatures | None


def opened_features(rows: Sequence[StoredPrediction]) -> list[OpenedFeatures]:
    """The values by column of each prediction; None where an erasure destroyed the key, else why they are not there."""
    return [_opened(row) for row in rows]


def _opened(row: StoredPrediction) -> OpenedFeatures:
    if row.key is None:
        return None if row.erased else AlteredFeatures("no key, and no erasure is recorded")
    try:
        return opened(json.loads(row.features), row.key, request_id=row.request_id, position=row.position)
    except AlteredFeatures:
        return AlteredFeatures("features or a key that were altered")
