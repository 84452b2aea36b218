"""The rows of a training snapshot in `processed_data`: read whole, or counted, divided and sampled in the database."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from psycopg2 import extensions, sql

from loan_default_assets.warehouse.copy.loan_rows import LoanRows, LoanRowsReader
from loan_default_assets.warehouse.part_rule import (
    PartRule,
    SnapshotPart,
    chosen,
    matured,
    part_number,
    restricted,
)
from loan_default_assets.warehouse.table_hashes import row_hash

_HASHED = (
    "partition_key",
    "loan_id",
    "as_of",
    "numbers",
    "categories",
    "label",
    "label_observed_at",
)
# Standard deviations above the expected number of sampled rows for which there is space.
_SPARE = 8


@dataclass(frozen=True)
class PartCount:
    """Rows of a part, the defaults among them, and their first and last day."""

    rows: int
    defaults: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class _Totals:
    rows: int
    key_bytes: int
    id_bytes: int


class SnapshotRows:
    """The rows that a condition selects, as long as the transaction of the cursor lasts."""

    def __init__(
        self, cursor: extensions.cursor, condition: sql.Composable, numerical: int, categorical: int
    ) -> None:
        """
        Args:
            cursor: A cursor of a transaction that always reads the same state.
            condition: SQL over the columns of `processed_data`.
            numerical: Number of numerical features.
            categorical: Number of categorical features.
        """
        self._cursor, self._condition, self._features = cursor, condition, (numerical, categorical)

    def __len__(self) -> int:
        return self._totals.rows

    def read_all(self) -> LoanRows:
        """All rows, ordered by partition and loan id."""
        totals = self._totals
        reader = LoanRowsReader(totals.rows, totals.key_bytes, totals.id_bytes, *self._features)
        self._copy(reader, sql.SQL("FROM processed_data WHERE {}").format(self._condition))
        return reader.rows()

    def digest(self, max_rows: int) -> str:
        """The hash that names the snapshot.

        Beyond `max_rows` it is computed by the database over all rows, also those that are not sampled. PostgreSQL may
        compute another one after an upgrade to another major version, and the model is trained once more then.

        Args:
            max_rows: Most rows that are read; 0 for no limit.
        """
        if not self.exceeds(max_rows):
            return self.read_all().digest()
        hashed = row_hash(_HASHED)
        second = sql.SQL("hash_record_extended(ROW({}), 1)").format(
            sql.SQL(", ").join(map(sql.Identifier, _HASHED))
        )
        [(first_sum, second_sum)] = self._rows(
            sql.SQL("SELECT sum({}), sum({}) FROM processed_data WHERE {}").format(
                hashed, second, self._condition
            )
        )
        text = f"{max_rows}:{len(self)}:{int(first_sum)}:{int(second_sum)}:{self._features}"
        return hashlib.sha256(text.encode()).hexdigest()

    def exceeds(self, max_rows: int) -> bool:
        """Whether there are more rows than may be read."""
        return 0 < max_rows < len(self)

    def day_counts(self, rule: PartRule) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Matured rows, counted by day and by the only part that their loans may be in.

        Args:
            rule: Its days are not used.

        Returns:
            Day (k,) datetime64, NaT for rows without a date; part (k,), 0 for any; rows (k,); defaults (k,).
        """
        self._find_repeated(rule)
        found = self._rows(
            sql.SQL(
                "SELECT as_of, {}, count(*), count(*) FILTER (WHERE label = 1) "
                "FROM processed_data LEFT JOIN repeated_loans USING (loan_id) WHERE {} AND {} GROUP BY 1, 2"
            ).format(restricted(rule, dated=True), self._condition, matured(rule))
        )
        columns = list(zip(*found, strict=True)) or [()] * 4
        day = np.array(columns[0], "datetime64[D]")
        part, rows, defaults = (np.array(column, np.int64) for column in columns[1:])
        return day, part, rows, defaults

    def part_counts(self, rule: PartRule) -> dict[SnapshotPart, PartCount]:
        """Rows of every part, after `day_counts` with the same cutoff and buckets."""
        found = self._rows(
            sql.SQL(
                "SELECT {}, count(*), count(*) FILTER (WHERE label = 1), min(as_of), max(as_of) "
                "FROM processed_data LEFT JOIN repeated_loans USING (loan_id) WHERE {} GROUP BY 1"
            ).format(part_number(rule), self._condition)
        )
        empty = dict.fromkeys(SnapshotPart, PartCount(0, 0, None, None))
        return empty | {SnapshotPart(part): PartCount(*counts) for part, *counts in found}

    def sample(
        self,
        rule: PartRule,
        counts: Mapping[SnapshotPart, PartCount],
        shares: Mapping[SnapshotPart, tuple[float, float]],
    ) -> tuple[LoanRows, np.ndarray]:
        """Rows chosen by a hash of their keys, so that the order of reading and the other rows do not matter.

        Args:
            rule: The rule of `counts`.
            counts: The result of `part_counts`.
            shares: By part, the share of the rows without default, and that of the defaults; a part that is absent is
                not read.

        Returns:
            The rows, ordered by partition and loan id, and the part (n,) of each.
        """
        expected = [
            (rows, share)
            for part, (others, defaults) in shares.items()
            for rows, share in (
                (counts[part].rows - counts[part].defaults, others),
                (counts[part].defaults, defaults),
            )
        ]
        spread = sum(rows * share * (1 - share) for rows, share in expected)
        most = sum(rows * share for rows, share in expected) + _SPARE * (math.sqrt(spread) + bool(spread))
        totals, cases = self._totals, [sql.SQL("CASE {}").format(part_number(rule))]
        for part, (others, defaults) in shares.items():
            cases.append(
                sql.SQL("WHEN {} THEN CASE WHEN label = 1 THEN {} ELSE {} END").format(
                    sql.Literal(int(part)), chosen(defaults), chosen(others)
                )
            )
        reader = LoanRowsReader(
            math.ceil(most - 1e-6), totals.key_bytes, totals.id_bytes, *self._features, parts=True
        )
        self._copy(
            reader,
            sql.SQL(
                ", ({})::smallint FROM processed_data LEFT JOIN repeated_loans USING (loan_id) WHERE {} AND {}"
            ).format(
                part_number(rule), self._condition, sql.SQL(" ").join([*cases, sql.SQL("ELSE false END")])
            ),
        )
        return reader.rows(), reader.parts()

    @cached_property
    def _totals(self) -> _Totals:
        [found] = self._rows(
            sql.SQL(
                "SELECT count(*), coalesce(max(octet_length(partition_key)), 1), "
                "coalesce(max(octet_length(loan_id)), 1) FROM processed_data WHERE {}"
            ).format(self._condition)
        )
        return _Totals(*found)

    def _find_repeated(self, rule: PartRule) -> None:
        """List the loans with several matured rows: each of these is in one part with all its rows."""
        self._cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE repeated_loans ON COMMIT DROP AS "
                "SELECT loan_id, true AS repeated FROM processed_data WHERE {} AND {} AND as_of IS NOT NULL "
                "GROUP BY loan_id HAVING count(*) > 1"
            ).format(self._condition, matured(rule))
        )
        self._cursor.execute("ANALYZE repeated_loans")

    def _rows(self, query: sql.Composable) -> list[tuple[Any, ...]]:
        self._cursor.execute(query)
        return self._cursor.fetchall()

    def _copy(self, reader: LoanRowsReader, rest: sql.Composable) -> None:
        columns = sql.SQL(LoanRowsReader.SELECT_LIST).format(
            key_bytes=sql.Literal(self._totals.key_bytes), id_bytes=sql.Literal(self._totals.id_bytes)
        )
        query = sql.SQL(
            "COPY (SELECT {} {} ORDER BY partition_key, loan_id) TO STDOUT (FORMAT binary)"
        ).format(columns, rest)
        self._cursor.copy_expert(query, reader, size=1 << 20)
