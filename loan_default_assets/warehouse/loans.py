"""The tables `raw_data` and `processed_data`: partitions replaced in one transaction each, rows read by COPY."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
from psycopg2 import extensions, sql

from loan_default_assets.portfolio.checks.pandera_schema import postgres_columns
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.copy.csv_copy import copy_in, csv_chunks, read_csv
from loan_default_assets.warehouse.copy.loan_rows import LoanRows, LoanRowsReader, binary_chunks
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.table_hashes import (
    TABLES,
    column_list,
    fingerprint,
    row_count,
    row_hash,
    table_hash,
)

__all__ = ["DefaultRate", "LoanRows", "Loans", "PartitionState", "Replaced"]

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
_ARROW = {
    "double precision": pa.float64(),
    "bigint": pa.int64(),
    "smallint": pa.float64(),
    "date": pa.date32(),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Replaced:
    """The rows of a replaced partition; not `changed` when it held the same rows, and nothing was written."""

    rows: int
    changed: bool


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
        self._feature_hash = portfolio.hash[:16]

    def replace_raw(self, key: str, frame: pd.DataFrame) -> Replaced:
        """Replace all raw rows of the partition by the frame of a `sources.RawPartition`."""
        schema = self._raw_schema()
        statement = _copy_statement("raw_data", schema.names, "csv")
        return self._replace(
            "raw_data", key, schema.names, len(frame),
            lambda cursor: copy_in(cursor, statement, csv_chunks(frame, schema, {"partition_key": key})),
        )  # fmt: skip

    def replace_processed(self, key: str, rows: LoanRows) -> Replaced:
        """Replace all processed rows of the partition by rows made under this portfolio."""
        names = self._portfolio.features
        expected = (len(rows), len(names.numerical)), (len(rows), len(names.categorical))
        if (rows.numerical.shape, rows.categorical.shape) != expected:
            raise WarehouseError(
                f"partition {key}: features of shapes {rows.numerical.shape} and {rows.categorical.shape}, "
                f"portfolio {self._portfolio.name} has {expected[0]} and {expected[1]}"
            )
        if (rows.partition_key != key).any():
            raise WarehouseError(f"partition {key}: rows of other partitions among the rows to store in it")
        statement = _copy_statement("processed_data", _PROCESSED, "binary")
        return self._replace(
            "processed_data", key, _PROCESSED, len(rows),
            lambda cursor: copy_in(cursor, statement, binary_chunks(key, rows, self._feature_hash)),
        )  # fmt: skip

    def read_raw(self, key: str) -> pd.DataFrame:
        """The partition's rows with the dtypes of `sources.RawPartition`, ordered by loan id, numbered from 1."""
        schema = self._raw_schema()
        schema = schema.remove(schema.get_field_index("partition_key"))
        query = sql.SQL("SELECT {} FROM raw_data WHERE partition_key = {} ORDER BY loan_id").format(
            column_list(schema.names), sql.Literal(key)
        )
        categories = [name for name, column in self._portfolio.columns.items() if column.kind == "category"]
        with self._database.transaction() as cursor:
            return read_csv(cursor, query, schema, categories)

    def read_processed(self, *, keys: Sequence[str] | None = None, cutoff: date | None = None) -> LoanRows:
        """Features made under this portfolio, ordered by partition and loan id.

        Args:
            keys: Only these partitions; None: all.
            cutoff: Only partitions that end on or before this date; a portfolio without dates is not restricted.
        """
        with self._database.transaction(repeatable=True) as cursor:
            condition = sql.SQL("feature_hash = {}").format(sql.Literal(self._feature_hash))
            if keys is not None or cutoff is not None:
                cursor.execute(
                    sql.SQL("SELECT DISTINCT partition_key FROM processed_data WHERE {}").format(condition)
                )
                stored = [key for (key,) in cursor.fetchall()]
                selected = [k for k in stored if (keys is None or k in keys) and self._ended(k, cutoff)]
                condition = sql.SQL("{} AND partition_key = ANY({})").format(
                    condition, sql.Literal(selected or [""])
                )
            cursor.execute(
                sql.SQL(
                    "SELECT count(*), coalesce(max(octet_length(partition_key)), 1), "
                    "coalesce(max(octet_length(loan_id)), 1) FROM processed_data WHERE {}"
                ).format(condition)
            )
            ((count, key_bytes, id_bytes),) = cursor.fetchall()
            names = self._portfolio.features
            reader = LoanRowsReader(count, key_bytes, id_bytes, len(names.numerical), len(names.categorical))
            columns = sql.SQL(LoanRowsReader.SELECT_LIST).format(
                key_bytes=sql.Literal(key_bytes), id_bytes=sql.Literal(id_bytes)
            )
            query = sql.SQL(
                "COPY (SELECT {} FROM processed_data WHERE {} ORDER BY partition_key, loan_id) "
                "TO STDOUT (FORMAT binary)"
            ).format(columns, condition)
            cursor.copy_expert(query, reader, size=1 << 20)
            return reader.rows()

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

    def default_rates(self) -> dict[str, DefaultRate]:
        """Outcomes of every partition of `raw_data`, in order of time, immature labels included."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key, count(*), count(label), coalesce(sum(label), 0) "
                "FROM raw_data GROUP BY 1 ORDER BY 1"
            )
            return {key: DefaultRate(*counts) for key, *counts in cursor.fetchall()}

    def cutoff(self) -> date | None:
        """The data cutoff: the end of the newest partition with features of this portfolio; None without dates."""
        if self._portfolio.as_of is None:
            return None
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key FROM processed_data WHERE feature_hash = %s ORDER BY partition_key DESC LIMIT 1",
                (self._feature_hash,),
            )
            newest = cursor.fetchall()
        return self._portfolio.partition_bounds(newest[0][0])[1] if newest else None

    def table_hash(self, table: str) -> str:
        """`rows:hash` of a table, equal for equal content: independent of row order and of wall-clock times."""
        columns = {"raw_data": self._raw_schema().names, "processed_data": _PROCESSED}.get(table)
        with self._database.transaction() as cursor:
            return table_hash(cursor, table, columns)

    def _replace(
        self,
        table: str,
        key: str,
        columns: Sequence[str],
        count: int,
        copy: Callable[[extensions.cursor], int],
    ) -> Replaced:
        hashed = row_hash(columns)
        only = sql.SQL("WHERE partition_key = {}").format(sql.Literal(key))
        with self._database.transaction() as cursor:
            # One writer per partition; readers see the old rows until the commit.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                (f"{self._database.schema}.{table}.{key}",),
            )
            same_size = count > 0 and row_count(cursor, table, only) == count
            before = fingerprint(cursor, table, hashed, only) if same_size else None
            cursor.execute(sql.SQL("DELETE FROM {} {}").format(sql.Identifier(table), only))
            deleted = cursor.rowcount
            rows = copy(cursor) if count else 0
            if rows != count:
                raise WarehouseError(
                    f"{table}, partition {key}: {rows} of {count} rows arrived; nothing was changed"
                )
            if before is not None and fingerprint(cursor, table, hashed, only) == before:
                cursor.connection.rollback()
                return Replaced(rows, changed=False)
        return Replaced(rows, changed=bool(rows or deleted))

    def _raw_schema(self) -> pa.Schema:
        types = _FIXED | postgres_columns(self._portfolio)
        return pa.schema([(name, _ARROW[kind]) for name, kind in types.items()])

    def _ended(self, key: str, cutoff: date | None) -> bool:
        if cutoff is None or self._portfolio.as_of is None:
            return True
        return self._portfolio.partition_bounds(key)[1] <= cutoff


def _copy_statement(table: str, columns: Sequence[str], format_: str) -> sql.Composable:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(
        sql.Identifier(table), column_list(columns), sql.SQL(format_)
    )
