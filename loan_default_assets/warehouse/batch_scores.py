"""The tables `scored_loans`, whose partitions are replaced as a whole, and `scored_partitions`, their provenance."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from psycopg2 import extensions, sql

from loan_default_assets.warehouse.copy.binary_format import Field, pack_rows
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.partition_writes import CopyChunk, PartitionedTable, Replaced

_COLUMNS = ("partition_key", "loan_id", "model_version", "probability", "decision")
_TABLE = PartitionedTable("scored_loans", _COLUMNS)


class ErasedMeanwhile(WarehouseError):
    """Loans were erased between the reading of their features and the storing of their scores."""


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """Scores of n loans of one partition, ordered by loan id."""

    loan_id: np.ndarray  # (n,) str
    probability: np.ndarray  # (n,) float64
    decision: np.ndarray  # (n,) int8

    def __len__(self) -> int:
        return len(self.loan_id)


@dataclass(frozen=True, kw_only=True)
class ScoredPartition:
    """Where the scores of a partition came from.

    Attributes:
        model_version: The model that scored it.
        feature_hash: First 16 digits of the hash of the portfolio under which the features were computed.
        features_sha256: SHA-256 over the loan ids and features that were scored.
        pd_sum: Sum of the PDs, the expected number of defaults.
        sha256: SHA-256 over loan id, PD and decision of every row.
    """

    partition_key: str
    model_version: str
    feature_hash: str
    features_sha256: str
    rows: int
    pd_sum: float
    sha256: str


class BatchScores:
    """The batch scores of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(
        self,
        key: str,
        model_version: str,
        rows: Iterable[ScoredBatch],
        describe: Callable[[], ScoredPartition] | None = None,
    ) -> Replaced:
        """Replace all scores of a partition; see PartitionedTable.replace.

        Args:
            key: The partition.
            model_version: The model that scored the rows.
            rows: All rows of the partition, in any number of parts.
            describe: Their provenance, once `rows` has ended; recorded in the same transaction, the same scores once.

        Raises:
            ErasedMeanwhile: Loans among the rows were erased since they were read, so that `describe` does not fit
                what is stored; nothing was changed.
        """
        chunks = (CopyChunk({key: len(part)}, partial(_encoded, key, model_version, part)) for part in rows)
        (replaced,) = _TABLE.replace(
            self._database,
            [key],
            chunks,
            None if describe is None else lambda cursor: _record(cursor, describe()),
        )
        return replaced


def _record(cursor: extensions.cursor, scored: ScoredPartition) -> None:
    cursor.execute("SELECT count(*) FROM scored_loans WHERE partition_key = %s", (scored.partition_key,))
    if cursor.fetchall() != [(scored.rows,)]:
        raise ErasedMeanwhile(
            f"loans of partition {scored.partition_key} were erased while it was scored\n"
            "Next: loan-default score-loans"
        )
    values = vars(scored)
    cursor.execute(
        sql.SQL("INSERT INTO scored_partitions ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        ),
        values,
    )


def _encoded(key: str, version: str, rows: ScoredBatch, _types: Mapping[str, str]) -> Iterator[bytes]:
    """The rows in COPY's binary format without header and trailer, grouped by the length of the loan ids."""
    ids = np.char.encode(rows.loan_id.astype(str), "utf-8")
    sizes = np.char.str_len(ids)
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        fields: Sequence[Field] = (
            Field("partition_key", f"S{len(key.encode())}"),
            Field("loan_id", f"S{size}"),
            Field("model_version", f"S{len(version.encode())}"),
            Field("probability", "f8"),
            Field("decision", "i2"),
        )
        values = {
            "partition_key": key.encode(),
            "loan_id": ids[same],
            "model_version": version.encode(),
            "probability": rows.probability[same],
            "decision": rows.decision[same],
        }
        yield pack_rows(fields, values)
