"""Partitions of the tables of loans and batch scores replaced as a whole, all of one run in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from psycopg2 import extensions, sql

from loan_default_assets.warehouse.copy.binary_format import HEADER, TRAILER
from loan_default_assets.warehouse.copy.copy_stream import copy_in
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.table_hashes import column_list, partition_hashes, partition_rows
from loan_default_assets.warehouse.yearly_tables import create_years, missing_years

if TYPE_CHECKING:
    import pandas as pd

# Each lock takes an entry of the server's lock table, which has 6,400 by default for all connections.
_MOST_LOCKS = 250


@dataclass(frozen=True)
class Replaced:
    """The rows of a replaced partition; not `changed` when it held the same rows before.

    Attributes:
        erased: Rows that were sent and not stored, because their loans are erased.
    """

    rows: int
    changed: bool
    erased: int = 0


@dataclass(frozen=True)
class CopyChunk:
    """Rows to send.

    Attributes:
        rows: Their number per partition.
        encoded: The rows in COPY's binary format without header and trailer, given the type of each of the table's
            columns in the order of COPY.
    """

    rows: Mapping[str, int]
    encoded: Callable[[Mapping[str, str]], Iterable[bytes]]


@dataclass(frozen=True)
class PartitionedTable:
    """A table with a column `partition_key`, and how rows are copied into it."""

    name: str
    columns: tuple[str, ...]

    def replace(
        self,
        database: Database,
        keys: Sequence[str],
        chunks: Iterable[CopyChunk],
        record: Callable[[extensions.cursor], None] | None = None,
    ) -> list[Replaced]:
        """Replace the partitions in one transaction: all of them, or none after any error.

        Readers see the former rows until the commit, and other writers of the partitions wait for it. Where every
        partition holds the same rows already, nothing is written.

        Args:
            database: The schema that holds the table.
            keys: The partitions to replace.
            chunks: Rows of these partitions in any order; one without rows becomes empty. The chunks are made in
                another thread while PostgreSQL stores the ones before, so that memory does not grow with the table.
            record: Writes what is known of the rows in the same transaction, also where no row has changed.

        Returns:
            One entry per key, in order.

        Raises:
            WarehouseError: PostgreSQL refuses a row. An error of `chunks` itself is raised unchanged.
        """
        remaining = iter(chunks)
        # A source that cannot be read fails before the partitions are locked.
        first = next(remaining, None)
        every = None if first is None else chain((first,), remaining)
        with database.connected() as connected:
            with connected.transaction() as cursor:
                missing = missing_years(cursor, self.name, keys)
                if not missing:
                    return self._replace(cursor, connected.schema, keys, every, record)
            create_years(connected, self.name, missing)
            with connected.transaction() as cursor:
                return self._replace(cursor, connected.schema, keys, every, record)

    def _replace(
        self,
        cursor: extensions.cursor,
        schema: str,
        keys: Sequence[str],
        chunks: Iterable[CopyChunk] | None,
        record: Callable[[extensions.cursor], None] | None,
    ) -> list[Replaced]:
        sent: Counter[str] = Counter()
        self._lock(cursor, schema, keys)
        cursor.execute("SAVEPOINT locked")
        stored = partition_rows(cursor, self.name, keys)
        before = partition_hashes(cursor, self.name, self.columns, list(stored))
        if stored:
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE partition_key = ANY(%s)").format(sql.Identifier(self.name)),
                (list(stored),),
            )
        if chunks is not None:
            self._copy(cursor, chunks, sent)
        erased = self._delete_erased(cursor, [*sent])
        sent -= erased
        same_size = [key for key, rows in stored.items() if sent[key] == rows]
        after = partition_hashes(cursor, self.name, self.columns, same_size)
        unchanged = {key for key in same_size if before[key] == after[key]}
        if unchanged == stored.keys() | sent.keys():
            cursor.execute("ROLLBACK TO SAVEPOINT locked")
        if record is not None:
            record(cursor)
        return [
            Replaced(sent[key], key not in unchanged and bool(sent[key] or key in stored), erased[key])
            for key in keys
        ]

    def lock_all(self, cursor: extensions.cursor, schema: str) -> None:
        """Wait for writers of any partition, and make later ones wait, until the end of the transaction."""
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{schema}.{self.name}",))

    def _lock(self, cursor: extensions.cursor, schema: str, keys: Sequence[str]) -> None:
        """Wait for other writers of the partitions, and make later ones wait, until the end of the transaction."""
        if len(keys) > _MOST_LOCKS:
            self.lock_all(cursor, schema)
            return
        table = f"{schema}.{self.name}"
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", (table,))
        # In the order of the keys in every writer, so that no two wait for each other.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(lock, 0)) FROM unnest(%s::text[]) AS lock",
            ([f"{table}.{key}" for key in sorted(keys)],),
        )

    def _delete_erased(self, cursor: extensions.cursor, keys: Sequence[str]) -> Counter[str]:
        """Delete the rows of erased loans, which a source may still have; their number per partition."""
        cursor.execute("SELECT EXISTS (SELECT FROM erasures)")
        if cursor.fetchall() == [(False,)]:
            return Counter()
        cursor.execute(
            sql.SQL(
                "DELETE FROM {} WHERE partition_key = ANY(%s) "
                "AND erasure_subject('loan', loan_id) IN (SELECT subject_sha256 FROM erasures) RETURNING partition_key"
            ).format(sql.Identifier(self.name)),
            (list(keys),),
        )
        return Counter(key for (key,) in cursor.fetchall())

    def _copy(self, cursor: extensions.cursor, chunks: Iterable[CopyChunk], sent: Counter[str]) -> None:
        """Send the chunks, and count their rows in `sent`."""
        types = self._column_types(cursor)

        def rows() -> Iterator[bytes]:
            for chunk in chunks:
                sent.update(chunk.rows)
                yield from chunk.encoded(types)

        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            sql.Identifier(self.name), column_list(self.columns)
        )
        arrived = copy_in(cursor, statement, chain((HEADER,), rows(), (TRAILER,)))
        if arrived != sent.total():
            raise WarehouseError(
                f"{self.name}: {arrived} of {sent.total()} rows arrived, of the partitions {min(sent)} to {max(sent)}; "
                "nothing was changed"
            )

    def _column_types(self, cursor: extensions.cursor) -> dict[str, str]:
        """The columns' types in a table that the transaction has read, so that they do not change before its end."""
        cursor.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (self.name,),
        )
        types = dict(cursor.fetchall())
        return {name: types[name] for name in self.columns if name in types}


def rows_per_key(keys: "np.ndarray | pd.Categorical") -> dict[str, int]:
    """The number of rows per partition key."""
    import pandas as pd

    if isinstance(keys, pd.Categorical):
        names, counts = keys.categories.to_numpy(), np.bincount(keys.codes, minlength=len(keys.categories))
    else:
        names, counts = np.unique(keys, return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True) if count}
