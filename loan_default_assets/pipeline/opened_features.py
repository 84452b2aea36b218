"""The features of recorded predictions, as they were scored."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loan_default_assets.warehouse.chain_links import StoredPrediction

OpenFeatures = Callable[[Sequence[StoredPrediction]], Sequence[Mapping[str, Any] | None]]


def opened_features(rows: Sequence[StoredPrediction]) -> list[Mapping[str, Any] | None]:
    """The values by column of each prediction; None where they can no longer be read."""
    return [json.loads(row.features) for row in rows]
