"""One recorded prediction, found by request and position."""

from dataclasses import dataclass

from loan_default_assets.warehouse.chain_links import StoredPrediction, stored_chains
from loan_default_assets.warehouse.database import Database


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
    with stored_chains(database) as stored:
        recorded = stored.predictions_of(request_id)
        linked = list(stored.linked_predictions(request_id, position))
    row = next((each.row for each in linked if each.row is not None), None)
    return FoundPrediction(row, recorded, pruned=row is None and bool(linked))
