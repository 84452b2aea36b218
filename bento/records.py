"""A journal record: the answered loans of one request, as one line of JSON on their way to PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg2
from pydantic_core import from_json, to_json

from bento.delivery import Away
from loan_default_assets.warehouse.database import WarehouseError
from loan_default_assets.warehouse.journal import Journal, Prediction


def record(request: dict[str, Any], loans: Sequence[dict[str, Any]]) -> bytes:
    """`request` holds what its loans share; every loan holds what is its own (fields of Prediction)."""
    return to_json({**request, "loans": loans})


def predictions(line: bytes) -> list[Prediction]:
    """The rows of a record, in the order of the request."""
    shared = from_json(line)
    loans = shared.pop("loans")
    shared["created_at"] = datetime.fromisoformat(shared["created_at"])
    return [Prediction(**shared, position=n, **loan) for n, loan in enumerate(loans)]


def deliver_to(journal: Journal) -> Callable[[Sequence[bytes]], None]:
    """Stores records in one transaction. Raises: Away, also for a table or disk that a person must mend first;
    WarehouseError when the tables refuse a row.
    """

    def deliver(lines: Sequence[bytes]) -> None:
        rows = [row for line in lines for row in predictions(line)]
        try:
            journal.append_predictions(rows)
        except WarehouseError as error:
            cause = error.__context__
            code = cause.pgcode if isinstance(cause, psycopg2.Error) else None
            if code is not None and code[:2] in ("22", "23"):
                raise
            raise Away from error

    return deliver
