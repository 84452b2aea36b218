"""A journal record: the answered loans of one request, as one line of JSON on their way to PostgreSQL."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import to_json

from bento.prediction_log.shipper import DatabaseUnreachable
from loan_default_assets.warehouse.database import WarehouseError
from loan_default_assets.warehouse.predictions import PredictionLog, RefusedPredictions


def record(request: dict[str, Any], loans: Sequence[dict[str, Any]]) -> bytes:
    """`request` holds what its loans share; every loan holds what is its own (columns of `predictions`)."""
    return to_json({**request, "loans": loans})


def deliver_to(log: PredictionLog) -> Callable[[Sequence[bytes]], None]:
    """Stores records in one transaction; those that are there already stay as they are.

    Raises: DatabaseUnreachable, also for a table or disk that an operator must repair first; RefusedPredictions when
    the table refuses a row.
    """

    def deliver(lines: Sequence[bytes]) -> None:
        try:
            log.append_lines(lines)
        except RefusedPredictions:
            raise
        except WarehouseError as error:
            raise DatabaseUnreachable from error

    return deliver
