"""The record format of the prediction log, the scored loans of one request as one line of JSON, and its tables."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from bento.prediction_log.shipper import DatabaseUnreachable
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.predictions import PredictionLog, RefusedPredictions
from loan_default_assets.warehouse.sealed_features import seal


def record(request: Mapping[str, Any], loans: Sequence[Mapping[str, Any]]) -> bytes:
    """One request as a line of JSON, with the features of every loan sealed.

    The line holds the keys too: it is in a private file, and gone once it is delivered.

    Args:
        request: Columns of `predictions` that all loans of the request share.
        loans: The other columns of `predictions`, per loan.
    """
    name = request["request_id"]
    rows = [_with_sealed_features(name, position, loan) for position, loan in enumerate(loans)]
    return to_json({**request, "loans": rows})


def _with_sealed_features(request_id: str, position: int, loan: Mapping[str, Any]) -> dict[str, Any]:
    sealed = seal(to_json(loan["features"]), request_id, position)
    row = {**loan, "sealed": sealed.text, "key": b64encode(sealed.key).decode()}
    del row["features"]
    return row


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
