"""Row counts of tables, and hashes of their content that do not depend on the order of rows."""

from collections.abc import Sequence

from psycopg2 import extensions, sql

from loan_default_assets.warehouse.database_errors import WarehouseError

TABLES = ("raw_data", "processed_data", "model_metadata", "predictions", "model_performance")
# Wall-clock times, serial and random numbers, which differ between two runs over the same loans.
_VOLATILE = ["id", "request_id", "created_at", "promoted_at", "evaluated_at", "latency_ms"]
_ALL = sql.SQL("")


def row_count(cursor: extensions.cursor, table: str, only: sql.Composable = _ALL) -> int:
    """Rows of the table, or those that the WHERE clause `only` selects."""
    cursor.execute(sql.SQL("SELECT count(*) FROM {} {}").format(sql.Identifier(table), only))
    ((rows,),) = cursor.fetchall()
    return int(rows)


def fingerprint(
    cursor: extensions.cursor, table: str, hashed: sql.Composable, only: sql.Composable = _ALL
) -> tuple[int, int]:
    """The number of rows, and the sum over them of the 64-bit integer expression `hashed`."""
    cursor.execute(
        sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {} {}").format(
            hashed, sql.Identifier(table), only
        )
    )
    ((rows, total),) = cursor.fetchall()
    return rows, int(total)


def table_hash(cursor: extensions.cursor, table: str, columns: Sequence[str] | None) -> str:
    """`rows:hash` over `columns`; None: over all columns without wall-clock times, serial and random numbers.

    Raises:
        WarehouseError: The name is none of TABLES.
    """
    if table not in TABLES:
        raise WarehouseError(f"{table!r} is none of the tables {', '.join(TABLES)}")
    if columns is None:
        text = sql.SQL("hashtextextended((to_jsonb({}) - {}::text[])::text, 0)").format(
            sql.Identifier(table), sql.Literal(_VOLATILE)
        )
    else:
        text = row_hash(columns)
    rows, total = fingerprint(cursor, table, text)
    return f"{rows}:{total % (1 << 64):016x}"


def row_hash(columns: Sequence[str]) -> sql.Composed:
    """SQL for a 64-bit hash of a row's values, which takes a quarter of the time of hashing the row's text."""
    return sql.SQL("hash_record_extended(ROW({}), 0)").format(column_list(columns))


def column_list(columns: Sequence[str]) -> sql.Composed:
    """Column names, quoted."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
