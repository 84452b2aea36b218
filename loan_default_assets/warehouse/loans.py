"""The tables `raw_data` and `processed_data`: partitions replaced as a whole, rows read by COPY."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg2 import extensions, sql

from loan_default_assets.portfolio.column_types import postgres_columns
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.csv_copy import read_csv
from loan_default_assets.warehouse.copy.frame_rows import ARROW_TYPES, frame_chunks
from loan_default_assets.warehouse.copy.loan_rows import LoanRows, binary_chunks
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loaded_partitions import LoadedPartitions
from loan_default_assets.warehouse.partition_writes import CopyChunk, PartitionedTable, Replaced, rows_per_key
from loan_default_assets.warehouse.raw_columns import read_raw_columns
from loan_default_assets.warehouse.snapshot_rows import SnapshotRows
from loan_default_assets.warehouse.table_hashes import (
    TABLES,
    column_list,
    quick_row_count,
    row_count,
    table_hash,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DefaultRate", "LoanRows", "Loans", "PartitionState", "Replaced"]

_ROWS_PER_BATCH = 50_000
_FIXED = {
    "partition_key": "text",
    "loan_id": "text",
    "as_of": "date",
    "label": "smallint",
    "label_observed_at": "date",
}
_PROCESSED = (
    "partition_key",
    "loan_id",
    "as_of",
    "numbers",
    "categories",
    "label",
    "label_observed_at",
    "feature_hash",
)


@dataclass(frozen=True)
class PartitionState:
    """Rows in each table; `stale` unless the features are those of all raw rows under this portfolio."""

    raw_rows: int
    processed_rows: int
    stale: bool


@dataclass(frozen=True)
class DefaultRate:
    """Raw rows of a partition, the rows with an outcome among them, and the defaults among these."""

    rows: int
    labelled: int
    defaults: int

    @property
    def rate(self) -> float | None:
        """Defaults per labelled row; None without labelled rows."""
        return self.defaults / self.labelled if self.labelled else None


class Loans:
    """The raw and processed loans of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database, portfolio: Portfolio) -> None:
        self._database, self._portfolio = database, portfolio
        self.loaded = LoadedPartitions(database)
        self._feature_hash = portfolio.hash[:16]

    def replace_raw_partitions(
        self,
        keys: Sequence[str],
        rows: Iterable[tuple["np.ndarray | pd.Categorical", "pd.DataFrame"]],
        record: Callable[[extensions.cursor], None] | None = None,
    ) -> list[Replaced]:
        """Replace all raw rows of several partitions in one transaction; see PartitionedTable.replace.

        Args:
            keys: The partitions.
            rows: The partition key of each row, and the rows as in `sources.RawRows`.
            record: As for PartitionedTable.replace.
        """
        chunks = (
            CopyChunk(rows_per_key(of), partial(frame_chunks, frame.assign(partition_key=of)))
            for of, frame in rows
        )
        return PartitionedTable("raw_data", tuple(self._raw_schema().names)).replace(
            self._database, keys, chunks, record
        )

    def replace_processed_partitions(
        self,
        keys: Sequence[str],
        rows: Iterable[LoanRows],
        record: Callable[[extensions.cursor], None] | None = None,
    ) -> list[Replaced]:
        """Replace all processed rows of several partitions in one transaction; see PartitionedTable.replace."""
        checked = (self._checked(part, keys) for part in rows)
        chunks = (
            CopyChunk(rows_per_key(part.partition_key), partial(self._encoded, part)) for part in checked
        )
        return PartitionedTable("processed_data", _PROCESSED).replace(self._database, keys, chunks, record)

    def read_raw(self, key: str) -> "pd.DataFrame":
        """The partition's rows with the dtypes of `sources.RawRows`, ordered by loan id, numbered from 1."""
        with self._database.transaction() as cursor:
            return self._read_raw(cursor, [key]).drop(columns="partition_key")

    def read_raw_batches(self, keys: Sequence[str]) -> Iterator["pd.DataFrame"]:
        """The rows of partitions as `read_raw` returns them, with a first column `partition_key`.

        They are ordered by partition and loan id, at most _ROWS_PER_BATCH in a frame, and of one state of the table.
        """
        after: tuple[str, str] | None = ("", "")
        with self._database.transaction(repeatable=True) as cursor:
            # In the order of the primary key: otherwise every batch sorts all rows that are left, on disk.
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
            while after is not None:
                frame = self._read_raw(cursor, keys, after, _ROWS_PER_BATCH)
                full = len(frame) == _ROWS_PER_BATCH
                after = (frame["partition_key"].iat[-1], frame["loan_id"].iat[-1]) if full else None
                if len(frame):
                    yield frame

    def read_raw_columns(
        self, keys: Sequence[str], loan_ids: Sequence[str], columns: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Columns of `raw_data` for given rows; see `raw_columns.read_raw_columns`."""
        return read_raw_columns(self._database, keys, loan_ids, columns)

    def read_processed(self, *, keys: Sequence[str] | None = None, cutoff: date | None = None) -> LoanRows:
        """Features made under this portfolio, ordered by partition and loan id.

        Args:
            keys: Only these partitions; None: all.
            cutoff: Only partitions that end on or before this date; a portfolio without dates is not restricted.
        """
        with self.snapshot_rows(keys=keys, cutoff=cutoff) as stored:
            return stored.read_all()

    def read_processed_batches(self, key: str) -> Iterator[LoanRows]:
        """A partition's features made under this portfolio, ordered by loan id, at most _ROWS_PER_BATCH at a time.

        They are of one state of the table.
        """
        names = self._portfolio.features
        of_key = sql.SQL("feature_hash = {} AND partition_key = {}").format(
            sql.Literal(self._feature_hash), sql.Literal(key)
        )
        after: str | None = ""
        with self._database.transaction(repeatable=True) as cursor:
            while after is not None:
                rest = sql.SQL("{} AND loan_id > {}").format(of_key, sql.Literal(after))
                cursor.execute(
                    sql.SQL(
                        "SELECT loan_id FROM processed_data WHERE {} ORDER BY loan_id OFFSET {} LIMIT 1"
                    ).format(rest, sql.Literal(_ROWS_PER_BATCH - 1))
                )
                last = cursor.fetchall()
                after = last[0][0] if last else None
                bounded = (
                    rest
                    if after is None
                    else sql.SQL("{} AND loan_id <= {}").format(rest, sql.Literal(after))
                )
                rows = SnapshotRows(cursor, bounded, len(names.numerical), len(names.categorical)).read_all()
                if len(rows):
                    yield rows

    @contextmanager
    def snapshot_rows(
        self, *, keys: Sequence[str] | None = None, cutoff: date | None = None
    ) -> Iterator[SnapshotRows]:
        """What `read_processed` reads, to count or sample in the database; of one state of the table."""
        with self._database.transaction(repeatable=True) as cursor:
            condition = sql.SQL("feature_hash = {}").format(sql.Literal(self._feature_hash))
            if keys is not None or cutoff is not None:
                wanted = (
                    sql.SQL("true")
                    if keys is None
                    else sql.SQL("partition_key = ANY({})").format(sql.Literal([*keys]))
                )
                cursor.execute(
                    sql.SQL("SELECT DISTINCT partition_key FROM processed_data WHERE {} AND {}").format(
                        condition, wanted
                    )
                )
                stored = [key for (key,) in cursor.fetchall()]
                selected = [key for key in stored if self._ended(key, cutoff)]
                condition = sql.SQL("{} AND partition_key = ANY({})").format(
                    condition, sql.Literal(selected or [""])
                )
            names = self._portfolio.features
            yield SnapshotRows(cursor, condition, len(names.numerical), len(names.categorical))

    def partitions(self) -> dict[str, PartitionState]:
        """Every partition that has rows in either table, in order of time."""
        with self._database.transaction() as cursor:
            cursor.execute(
                """
                SELECT partition_key, coalesce(r.rows, 0), coalesce(p.rows, 0),
                    coalesce(r.rows, 0) <> coalesce(p.current, 0) OR coalesce(p.rows, 0) <> coalesce(p.current, 0)
                FROM (SELECT partition_key, count(*) AS rows FROM raw_data GROUP BY 1) r
                FULL JOIN (SELECT partition_key, count(*) AS rows,
                    count(*) FILTER (WHERE feature_hash = %s) AS current FROM processed_data GROUP BY 1) p
                USING (partition_key) ORDER BY partition_key""",
                (self._feature_hash,),
            )
            return {key: PartitionState(*state) for key, *state in cursor.fetchall()}

    def counts(self) -> dict[str, int]:
        """Rows of each of the five tables."""
        with self._database.transaction(repeatable=True) as cursor:
            return {table: row_count(cursor, table) for table in TABLES}

    def total_rows(self, table: str) -> int | None:
        """Rows of a table with partitions; None for one that takes long to count."""
        with self._database.transaction() as cursor:
            return quick_row_count(cursor, table)

    def first_partition(self) -> str | None:
        """Key of the earliest partition that has raw rows; None without one, or before the first migration."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT to_regclass('raw_data') IS NOT NULL")
            if cursor.fetchall() != [(True,)]:
                return None
            cursor.execute("SELECT min(partition_key) FROM raw_data")
            ((key,),) = cursor.fetchall()
            return None if key is None else str(key)

    def default_rates(self) -> dict[str, DefaultRate]:
        """Outcomes of every partition of `raw_data`, in order of time, immature labels included."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key, count(*), count(label), coalesce(sum(label), 0) "
                "FROM raw_data GROUP BY 1 ORDER BY 1"
            )
            return {key: DefaultRate(*counts) for key, *counts in cursor.fetchall()}

    def cutoff(self) -> date | None:
        """The data cutoff: the end of the newest partition with features of this portfolio, at most today.

        None without dates.
        """
        if self._portfolio.as_of is None:
            return None
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key FROM processed_data WHERE feature_hash = %s ORDER BY partition_key DESC LIMIT 1",
                (self._feature_hash,),
            )
            newest = cursor.fetchall()
        return min(self._portfolio.partition_bounds(newest[0][0])[1], date.today()) if newest else None

    def table_hash(self, table: str) -> str:
        """`rows:hash` of a table, equal for equal content: independent of row order and of wall-clock times."""
        columns = {"raw_data": self._raw_schema().names, "processed_data": _PROCESSED}.get(table)
        with self._database.transaction() as cursor:
            return table_hash(cursor, table, columns)

    def _read_raw(
        self,
        cursor: extensions.cursor,
        keys: Sequence[str],
        after: tuple[str, str] = ("", ""),
        limit: int | None = None,
    ) -> "pd.DataFrame":
        """Rows of the partitions in order, from the one after this key and loan id on; None: all of them."""
        schema = self._raw_schema()
        query = sql.SQL(
            "SELECT {} FROM raw_data WHERE partition_key = ANY({}) AND (partition_key, loan_id) > {} "
            "ORDER BY partition_key, loan_id LIMIT {}"
        ).format(column_list(schema.names), *map(sql.Literal, (list(keys), after, limit)))
        categories = [name for name, column in self._portfolio.columns.items() if column.kind == "category"]
        return read_csv(cursor, query, schema, ["partition_key", *categories])

    def _checked(self, rows: LoanRows, keys: Sequence[str]) -> LoanRows:
        names = self._portfolio.features
        expected = (len(rows), len(names.numerical)), (len(rows), len(names.categorical))
        if (rows.numerical.shape, rows.categorical.shape) != expected:
            raise WarehouseError(
                f"features of shapes {rows.numerical.shape} and {rows.categorical.shape}, "
                f"portfolio {self._portfolio.name} has {expected[0]} and {expected[1]}"
            )
        if not np.isin(rows.partition_key, keys).all():
            raise WarehouseError(
                f"rows of other partitions among the rows to store in {keys[0]} to {keys[-1]}"
            )
        return rows

    def _encoded(self, rows: LoanRows, _types: Mapping[str, str]) -> Iterator[bytes]:
        return binary_chunks(rows, self._feature_hash)

    def _raw_schema(self) -> pa.Schema:
        types = _FIXED | postgres_columns(self._portfolio)
        return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in types.items()])

    def _ended(self, key: str, cutoff: date | None) -> bool:
        if cutoff is None or self._portfolio.as_of is None:
            return True
        return self._portfolio.partition_bounds(key)[1] <= cutoff
