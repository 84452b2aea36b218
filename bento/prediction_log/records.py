"""The record format of the prediction log, the scored loans of one request as one line of JSON, and its tables."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import to_json

from bento.prediction_log.shipper import DatabaseUnreachable
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.predictions import PredictionLog, RefusedPredictions


def record(request: dict[str, Any], loans: Sequence[dict[str, Any]]) -> bytes:
    """One request as a line of JSON.

    Args:
        request: Columns of `predictions` that all loans of the request share.
        loans: The other columns of `predictions`, per loan.
    """
    return to_json({**request, "loans": loans})


def deliver_to(log: PredictionLog) -> Callable[[Sequence[bytes]], None]:
    """A function that stores records in one transaction; records that exist already are not changed.

    It raises DatabaseUnreachable, also where an operator must first repair a table or a disk, and
    RefusedPredictions when the table refuses a row.
    """

    def deliver(lines: Sequence[bytes]) -> None:
        try:
            log.append_lines(lines)
        except RefusedPredictions:
            raise
        except WarehouseError:
            raise DatabaseUnreachable from None

    return deliver


def keep_refused_in(log: PredictionLog) -> Callable[[bytes, str], bool]:
    """A function that keeps a record which the table of predictions refuses; it raises DatabaseUnreachable."""

    def keep(line: bytes, reason: str) -> bool:
        try:
            return log.keep_refused(line, reason)
        except WarehouseError:
            raise DatabaseUnreachable from None

    return keep
