"""Row counts of tables, and hashes of their content that do not depend on the order of rows."""

from collections.abc import Sequence

from psycopg2 import extensions, sql

from loan_default_assets.warehouse.database_errors import WarehouseError

TABLES = ("raw_data", "processed_data", "model_metadata", "predictions", "model_performance")
# Wall-clock times, serial and random numbers, and values encrypted with random keys, which differ between two runs over
# the same loans.
_VOLATILE = ["id", "request_id", "features", "created_at", "promoted_at", "evaluated_at", "latency_ms"]

_MOST_COUNTED = 10_000_000


def row_count(cursor: extensions.cursor, table: str) -> int:
    """Rows of the table."""
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    ((rows,),) = cursor.fetchall()
    return int(rows)


def quick_row_count(cursor: extensions.cursor, table: str) -> int | None:
    """Rows of the table; None where PostgreSQL's estimate says that counting them takes longer than a second or so."""
    cursor.execute(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0) FROM pg_partition_tree(%s::regclass) "
        "JOIN pg_class ON oid = relid WHERE isleaf",
        (table,),
    )
    ((estimate,),) = cursor.fetchall()
    return None if estimate > _MOST_COUNTED else row_count(cursor, table)


def partition_rows(cursor: extensions.cursor, table: str, keys: Sequence[str]) -> dict[str, int]:
    """The number of rows of each of the partitions that has any."""
    cursor.execute(
        sql.SQL("SELECT partition_key, count(*) FROM {} WHERE partition_key = ANY(%s) GROUP BY 1").format(
            sql.Identifier(table)
        ),
        (list(keys),),
    )
    return dict(cursor.fetchall())


def partition_hashes(
    cursor: extensions.cursor, table: str, columns: Sequence[str], keys: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """The number of rows of each of the partitions that has any, and the sum of the hashes of its rows."""
    if not keys:
        return {}
    cursor.execute(
        sql.SQL(
            "SELECT partition_key, count(*), sum({}) FROM {} WHERE partition_key = ANY({}) GROUP BY 1"
        ).format(row_hash(columns), sql.Identifier(table), sql.Literal(list(keys)))
    )
    return {key: (rows, int(total)) for key, rows, total in cursor.fetchall()}


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
    cursor.execute(
        sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {}").format(text, sql.Identifier(table))
    )
    ((rows, total),) = cursor.fetchall()
    return f"{rows}:{int(total) % (1 << 64):016x}"


def row_hash(columns: Sequence[str]) -> sql.Composed:
    """SQL for a 64-bit hash of a row's values, which takes a quarter of the time of hashing the row's text."""
    return sql.SQL("hash_record_extended(ROW({}), 0)").format(column_list(columns))


def column_list(columns: Sequence[str]) -> sql.Composed:
    """Column names, quoted."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
