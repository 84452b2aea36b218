"""Everything that a database and folders hold, except the tables that are made for applicants' values."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from psycopg2 import sql

from loan_default_assets.warehouse.database import dsn

FOR_VALUES = ("raw_data", "processed_data", "predictions", "refused_predictions")


def in_database(url: str, portfolio: str, source: str) -> Iterator[tuple[str, str]]:
    """The rows of every table as text, except FOR_VALUES in the portfolio's schema, and the schema of a source."""
    with psycopg2.connect(dsn(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in cursor.fetchall():
            if schema == source or (schema == portfolio and table in FOR_VALUES):
                continue
            text = io.StringIO()
            # Of a query, since a partitioned table has no rows of its own.
            statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, table))
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
