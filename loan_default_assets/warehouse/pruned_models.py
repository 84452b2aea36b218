"""The table `pruned_models`: versions whose files retention has deleted, and the lock under which versions change."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database


@contextmanager
def changing_models(database: Database) -> Iterator[extensions.cursor]:
    """A transaction that holds the registry's lock, so that changes of versions are made one at a time.

    Raises:
        WarehouseError: The database cannot be reached, or refuses a statement.
    """
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{database.schema}.registry",)
        )
        yield cursor


def pruned_models(cursor: extensions.cursor) -> dict[str, datetime]:
    """The time of deletion by version."""
    cursor.execute("SELECT version, pruned_at FROM pruned_models")
    return dict(cursor.fetchall())


def mark_pruned(cursor: extensions.cursor, version: str, size_bytes: int) -> None:
    """Record that the files of a version are deleted; a repetition changes nothing."""
    cursor.execute(
        "INSERT INTO pruned_models (version, bytes) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (version, size_bytes),
    )


def unmark_pruned(cursor: extensions.cursor, version: str) -> None:
    """Forget the deletion of a version that was trained again."""
    cursor.execute("DELETE FROM pruned_models WHERE version = %s", (version,))
