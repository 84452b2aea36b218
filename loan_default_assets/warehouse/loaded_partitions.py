"""The tables `loaded_partitions` and `delivered_files`: what of a watched source is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import extensions

from loan_default_assets.portfolio.ingest.delivered_files import DeliveredFile
from loan_default_assets.warehouse.database import Database

if TYPE_CHECKING:
    from loan_default_assets.portfolio.ingest.source_marks import PartitionMark


@dataclass(frozen=True)
class LoadedPartition:
    """What was read of a partition.

    Attributes:
        mark: The mark of the source before its rows were read.
        files: The files that they were read from.
        loads: How often the partition was loaded.
        featured: Whether its features were made after its last load.
    """

    mark: str = ""
    files: tuple[str, ...] = ()
    loads: int = 0
    featured: bool = True


class LoadedPartitions:
    """What of one portfolio's source is loaded. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> dict[str, LoadedPartition]:
        """Every partition that was read from the watched source, by its key."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key, mark, files, loads, featured_loads = loads FROM loaded_partitions"
            )
            return {
                key: LoadedPartition(mark, tuple(files), loads, featured)
                for key, mark, files, loads, featured in cursor.fetchall()
            }

    def partitions_in_files(self) -> dict[DeliveredFile, list[str]]:
        """The partitions in each file that was looked into, in the state that it had."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT path, state, partition_keys FROM delivered_files")
            return {DeliveredFile(path, state): keys for path, state, keys in cursor.fetchall()}

    def remember_file(self, file: DeliveredFile, keys: Sequence[str]) -> None:
        """Record the partitions of which a file holds rows, in place of those of its former state."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO delivered_files VALUES (%s, %s, %s) ON CONFLICT (path) DO UPDATE "
                "SET state = excluded.state, partition_keys = excluded.partition_keys",
                (file.path, file.state, list(keys)),
            )


def record_loaded(cursor: extensions.cursor, marks: Mapping[str, "PartitionMark"]) -> None:
    """Record the marks with which partitions were read, in the transaction that stores their rows."""
    for key, mark in sorted(marks.items()):
        cursor.execute(
            "INSERT INTO loaded_partitions AS before (partition_key, mark, files, loads) VALUES (%s, %s, %s, 1) "
            "ON CONFLICT (partition_key) DO UPDATE SET mark = excluded.mark, files = excluded.files, "
            "loads = before.loads + 1, loaded_at = now()",
            (key, mark.mark, list(mark.files)),
        )


def record_featured(cursor: extensions.cursor, loads: Mapping[str, int]) -> None:
    """Record at which value of `loads` features were made, in the transaction that stores them."""
    for key, number in sorted(loads.items()):
        cursor.execute(
            "UPDATE loaded_partitions SET featured_loads = %s WHERE partition_key = %s AND featured_loads < %s",
            (number, key, number),
        )
