"""Bytes of the database's tables: by schema and table, and of the events of runs."""

from collections.abc import Sequence

from loan_default_assets.warehouse.database import DAGSTER_SCHEMA, OPTUNA_SCHEMA, Database

# Tables of other users and portfolios are not the portfolio's growth.
_SIZES = """
SELECT n.nspname, coalesce(root.relname, c.relname), sum(pg_total_relation_size(c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class root ON root.oid = pg_partition_root(c.oid)
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p')
GROUP BY 1, 2
ORDER BY 1, 3 DESC, 2
"""


def table_sizes(database: Database) -> dict[str, dict[str, int]]:
    """Bytes with indexes by schema and table, the largest first: the portfolio's, Dagster's and Optuna's.

    A table counts with its partitions.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    found: dict[str, dict[str, int]] = {}
    with database.transaction() as cursor:
        cursor.execute(_SIZES, ([database.schema, DAGSTER_SCHEMA, OPTUNA_SCHEMA],))
        for schema, table, size in cursor.fetchall():
            found.setdefault(schema, {})[table] = int(size)
    return found


def event_bytes(database: Database, run_ids: Sequence[str]) -> int:
    """Bytes of the events of Dagster's runs, without indexes; 0 where Dagster keeps them elsewhere.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{DAGSTER_SCHEMA}.event_logs",))
        if cursor.fetchall() != [(True,)]:
            return 0
        cursor.execute(
            f"SELECT coalesce(sum(pg_column_size(e.*)), 0) FROM {DAGSTER_SCHEMA}.event_logs e WHERE run_id = ANY(%s)",
            (list(run_ids),),
        )
        return int(cursor.fetchall()[0][0])
