"""Everything that a database and folders hold, except the tables that are made for applicants' values."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from psycopg2 import sql

from loan_default_assets.warehouse.database import dsn

FOR_VALUES = ("raw_data", "processed_data", "predictions", "refused_predictions")


def in_database(url: str, portfolio: str, source: str) -> Iterator[tuple[str, str]]:
    """The rows of every table as text, except FOR_VALUES in the portfolio's schema, and the schema of a source.

    Of a partitioned table the partitions hold the rows.
    """
    with psycopg2.connect(dsn(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname, coalesce(root.relname, c.relname) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "LEFT JOIN pg_class root ON root.oid = pg_partition_root(c.oid) "
            "WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table, root in cursor.fetchall():
            if schema == source or (schema == portfolio and root in FOR_VALUES):
                continue
            text = io.StringIO()
            statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))
            cursor.copy_expert(statement.as_string(cursor), text)
            yield f"table {schema}.{table}", text.getvalue()
    connection.close()


def in_files(folder: Path) -> Iterator[tuple[str, str]]:
    """The content of every file below a folder, and its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield (
                f"file {path.relative_to(folder)}",
                f"{path.name}\n{path.read_bytes().decode(errors='replace')}",
            )
