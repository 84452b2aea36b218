"""Columns of `raw_data` for given rows, such as protected ones, which are no features."""

from collections.abc import Sequence
from typing import Any

from psycopg2 import sql

from loan_default_assets.warehouse.database import Database

_ROWS_PER_QUERY = 50_000


def read_raw_columns(
    database: Database, keys: Sequence[str], loan_ids: Sequence[str], columns: Sequence[str]
) -> dict[str, list[Any]]:
    """The values of columns, in the order of the rows; None where a row has no value, or is not stored any more.

    Args:
        database: The portfolio's schema.
        keys: Partition key of each row.
        loan_ids: Loan id of each row.
        columns: Names of columns.

    Raises:
        WarehouseError: The database cannot be read.
    """
    found: dict[str, list[Any]] = {name: [] for name in columns}
    if not columns:
        return found
    query = sql.SQL(
        "SELECT {} FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS wanted (partition_key, loan_id, position) "
        "LEFT JOIN raw_data r USING (partition_key, loan_id) ORDER BY position"
    ).format(sql.SQL(", ").join(sql.Identifier("r", name) for name in columns))
    with database.transaction(repeatable=True) as cursor:
        for first in range(0, len(keys), _ROWS_PER_QUERY):
            part = slice(first, first + _ROWS_PER_QUERY)
            cursor.execute(query, (list(keys[part]), list(loan_ids[part])))
            for row in cursor.fetchall():
                for name, value in zip(columns, row, strict=True):
                    found[name].append(value)
    return found
