"""The tables of single years into which the tables of loans and batch scores are partitioned, created on demand."""

from collections.abc import Iterable, Sequence

from psycopg2 import extensions, sql

from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.warehouse.database import Database

# A table with rows of an earlier release holds all years before the one in its name.
_MISSING = """
SELECT year FROM unnest(%(years)s::text[]) AS year
WHERE NOT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = %(table)s::regclass AND (c.relname = %(table)s || '_' || year
        OR c.relname LIKE %(table)s || '\\_before\\_%%' AND right(c.relname, 4) > year))
ORDER BY year
"""
# Attached and not created as a partition, which would wait for all statements on the table.
_CREATE = """
CREATE TABLE {year} (LIKE {table} INCLUDING ALL);
COMMENT ON TABLE {year} IS 'Partitions of one year';
ALTER TABLE {table} ATTACH PARTITION {year} FOR VALUES FROM ({first}) TO ({next})
"""


def missing_years(cursor: extensions.cursor, table: str, keys: Iterable[str]) -> list[str]:
    """The years of partition keys that have no table; a partition without a date needs none."""
    years = {key[:4] for key in keys if key != UNDATED_PARTITION}
    cursor.execute(_MISSING, {"table": table, "years": sorted(years)})
    return [year for (year,) in cursor.fetchall()]


def create_years(database: Database, table: str, years: Sequence[str]) -> None:
    """Create the tables of those years that are still missing, in one short transaction.

    Raises:
        WarehouseError: The server cannot be reached, or refuses it.
    """
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{database.schema}.{table}.years",)
        )
        for year in missing_years(cursor, table, years):
            cursor.execute(
                sql.SQL(_CREATE).format(
                    year=sql.Identifier(f"{table}_{year}"),
                    table=sql.Identifier(table),
                    first=sql.Literal(year),
                    next=sql.Literal(f"{int(year) + 1:04d}"),
                )
            )
