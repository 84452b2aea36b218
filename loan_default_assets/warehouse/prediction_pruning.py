"""Deletion of old predictions by calendar month, each with the tombstone that replaces it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from loan_default_assets.warehouse.database import Database

_MONTHS = """
SELECT prediction_month(p.created_at), p.model_version, count(*), sum(pg_column_size(p.*)),
    count(*) FILTER (WHERE p.loan_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM raw_data r WHERE r.loan_id = p.loan_id AND r.label IS NOT NULL
            AND (r.label_observed_at IS NULL OR r.label_observed_at <= (SELECT cutoff FROM data_cutoff))))
FROM predictions p
WHERE p.created_at < (date_trunc('month', %(before)s::timestamp)) AT TIME ZONE 'UTC'
GROUP BY 1, 2
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class PredictionMonth:
    """The predictions of one model version in one calendar month (UTC).

    Attributes:
        size_bytes: Bytes of the rows, without indexes.
        unmatured: Rows that name a loan whose outcome has not matured by the data cutoff.
    """

    month: date
    model_version: str
    rows: int
    size_bytes: int
    unmatured: int


def months_before(database: Database, day: date) -> list[PredictionMonth]:
    """The predictions of the calendar months that ended by `day`, oldest first.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction() as cursor:
        cursor.execute(_MONTHS, {"before": day})
        return [
            PredictionMonth(month, model, *map(int, counts)) for month, model, *counts in cursor.fetchall()
        ]


def prune_months(database: Database, months: Sequence[date], *, unmatured: bool = False) -> int:
    """Delete the predictions of calendar months, one transaction per month with its tombstones.

    Args:
        months: First days of months.
        unmatured: Delete also predictions whose outcome has not matured.

    Returns:
        The number of deleted rows. A repetition continues where the last one ended.

    Raises:
        WarehouseError: The database cannot be reached, or refuses the deletion.
    """
    deleted = 0
    for month in months:
        with database.transaction() as cursor:
            cursor.execute("SELECT prune_predictions(%s, %s)", (month, unmatured))
            deleted += int(cursor.fetchall()[0][0])
    return deleted
