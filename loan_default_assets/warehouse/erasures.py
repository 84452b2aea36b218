"""Erasure by law: the keys of a loan's predictions are destroyed, and its rows deleted, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2
from psycopg2 import extensions

from loan_default_assets.warehouse.batch_score_records import ScoresLeft, record_erased, scores_left
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.partition_writes import PartitionedTable
from loan_default_assets.warehouse.record_lines import ErasedSubject, erased_line

_LOAN_TABLES = ("raw_data", "processed_data")
_BATCH_SCORES = "scored_loans"
# Without conditions of their own, rows are found by the hash alone: every row is read.
_PREDICTION = {"loan": "p.loan_id = %(loan)s", "request": "p.request_id = %(request)s::uuid", None: "true"}
_ROW = {"loan": "loan_id = %(loan)s", "request": "false", None: "true"}
_COVERED = """
SELECT DISTINCT p.request_id, p.position
FROM predictions p CROSS JOIN LATERAL (VALUES (erasure_subject('loan', p.loan_id)),
        (erasure_subject('request', p.request_id::text)),
        (erasure_subject('request', p.request_id || '/' || p.position))) AS named (subject)
    JOIN unnest(%(subjects)s::bytea[], %(times)s::timestamptz[]) AS e (subject, erased_at)
        ON e.subject = named.subject AND p.created_at <= e.erased_at
WHERE {narrow}
"""
_COUNT_PREDICTIONS = f"""
SELECT count(*), count(key), coalesce(sum((SELECT count(*) FROM shadow_predictions s
    WHERE (s.request_id, s.position) = (covered.request_id, covered.position))), 0)
FROM ({_COVERED}) covered LEFT JOIN prediction_keys USING (request_id, position)
"""
_DESTROY_KEYS = f"""
UPDATE prediction_keys k SET key = NULL FROM ({_COVERED}) covered
WHERE (k.request_id, k.position) = (covered.request_id, covered.position) AND key IS NOT NULL
"""
# What a shadow gave them is no record of a decision.
_DELETE_SHADOW_SCORES = f"""
DELETE FROM shadow_predictions s USING ({_COVERED}) covered
WHERE (s.request_id, s.position) = (covered.request_id, covered.position)
"""
_OF_LOAN = "FROM {table} WHERE {narrow} AND erasure_subject('loan', loan_id) = ANY(%(subjects)s)"
_ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Erasure:
    """An erasure as it is recorded."""

    subject_sha256: bytes
    erased_at: datetime


@dataclass(frozen=True)
class ErasureCounts:
    """What an erasure finds, or has erased.

    Attributes:
        predictions: Predictions, whose rows stay.
        keys: Those of them whose features can be read.
        raw_rows: Rows of `raw_data`.
        processed_rows: Rows of `processed_data`.
        refused_records: Records of `refused_predictions` with features of the subject.
        last_erasure: Time of the last erasure; None where there was none.
        batch_scores: Rows of `scored_loans`.
        shadow_scores: Rows of `shadow_predictions`.
    """

    predictions: int
    keys: int
    raw_rows: int
    processed_rows: int
    refused_records: int
    last_erasure: datetime | None
    batch_scores: int = 0
    shadow_scores: int = 0

    @property
    def anything(self) -> bool:
        """Whether there is something left to erase."""
        rows = self.raw_rows + self.processed_rows + self.batch_scores + self.shadow_scores
        return bool(self.keys or rows or self.refused_records)


def find(database: Database, subject: ErasedSubject) -> ErasureCounts:
    """What `erase` would erase.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction(repeatable=True) as cursor:
        return _find(cursor, subject)


def erase(database: Database, subject: ErasedSubject) -> ErasureCounts:
    """Destroy the keys of all its predictions, delete its rows and record that, in one transaction.

    It waits for deliveries of predictions and writers of partitions that have begun, and later ones know of it: records
    of predictions made before get no key, and rows of the loan are not stored again.

    Returns:
        What was erased.

    Raises:
        WarehouseError: The database cannot be reached or changed; nothing was erased.
    """
    values = _values([Erasure(subject.sha256, _ALWAYS)], _names(subject))
    with database.transaction() as cursor:
        _lock_loads(cursor, database.schema)
        (raw_rows, processed_rows, scores), left = _delete_rows(cursor, subject.kind, values)
        _lock_deliveries(cursor)
        record_erased(cursor, left)
        cursor.execute(_COUNT_PREDICTIONS.format(narrow=_PREDICTION[subject.kind]), values)
        ((predictions, _, _),) = cursor.fetchall()
        cursor.execute(_DESTROY_KEYS.format(narrow=_PREDICTION[subject.kind]), values)
        keys, refused = cursor.rowcount, len(_refused(cursor, [subject]))
        cursor.execute(_DELETE_SHADOW_SCORES.format(narrow=_PREDICTION[subject.kind]), values)
        shadow_scores = cursor.rowcount
        cursor.execute("SELECT clock_timestamp()")
        ((now,),) = cursor.fetchall()
        erased = ErasureCounts(
            predictions, keys, raw_rows, processed_rows, refused, now, scores, shadow_scores
        )
        _record(cursor, Erasure(subject.sha256, now), erased)
        _purge_refused(cursor, [subject])
        return erased


def erase_refused(database: Database, subject: ErasedSubject) -> int:
    """Erase it from records that were refused since `erase`; their number."""
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE refused_predictions IN SHARE ROW EXCLUSIVE MODE")
        if records := len(_refused(cursor, [subject])):
            cursor.execute("SELECT clock_timestamp()")
            ((now,),) = cursor.fetchall()
            _record(cursor, Erasure(subject.sha256, now), ErasureCounts(0, 0, 0, 0, records, None))
            _purge_refused(cursor, [subject])
        return records


def recorded(database: Database) -> list[Erasure]:
    """All erasures in the order of time; none where the tables are older than erasures."""
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regclass('erasures') IS NOT NULL")
        if cursor.fetchall() == [(False,)]:
            return []
        cursor.execute("SELECT subject_sha256, erased_at FROM erasures ORDER BY erased_at, subject_sha256")
        return [Erasure(bytes(subject), at) for subject, at in cursor.fetchall()]


def replay(database: Database, erasures: Sequence[Erasure]) -> int:
    """Erase again, in a database that was restored, what had been erased after its backup, in one transaction.

    Returns:
        The number of erasures that the database did not know.

    Raises:
        WarehouseError: The database cannot be reached or changed; nothing was erased.
    """
    with database.transaction() as cursor:
        _lock_loads(cursor, database.schema)
        new = [each for each in erasures if not _known(cursor, each)]
        if new:
            values = _values(new, {})
            _, left = _delete_rows(cursor, None, values)
            _lock_deliveries(cursor)
            record_erased(cursor, left)
            cursor.execute(_DESTROY_KEYS.format(narrow=_PREDICTION[None]), values)
            cursor.execute(_DELETE_SHADOW_SCORES.format(narrow=_PREDICTION[None]), values)
            for each in new:
                _record(cursor, each, ErasureCounts(0, 0, 0, 0, 0, None))
            _purge_refused(cursor, [ErasedSubject(each.subject_sha256) for each in new])
        return len(new)


def _lock_loads(cursor: extensions.cursor, schema: str) -> None:
    """Wait for loads that have begun, and make later ones wait."""
    for table in (*_LOAN_TABLES, _BATCH_SCORES):
        PartitionedTable(table, ()).lock_all(cursor, schema)


def _delete_rows(
    cursor: extensions.cursor, kind: str | None, values: Mapping[str, Any]
) -> tuple[list[int], dict[str, ScoresLeft]]:
    """Delete the rows of loans and their batch scores.

    Returns:
        Their number per table; what is left of the batch scores, by partition.
    """
    deleted = []
    for table in _LOAN_TABLES:
        cursor.execute(f"DELETE {_OF_LOAN.format(table=table, narrow=_ROW[kind])}", values)
        deleted.append(cursor.rowcount)
    scores = _OF_LOAN.format(table=_BATCH_SCORES, narrow=_ROW[kind])
    cursor.execute(f"DELETE {scores} RETURNING partition_key, model_version", values)
    scored = cursor.fetchall()
    return [*deleted, len(scored)], scores_left(cursor, dict(scored))


def _lock_deliveries(cursor: extensions.cursor) -> None:
    """Wait for deliveries that have begun, and make later ones wait, as short as possible.

    A delivery takes its lock before its snapshot, so that one which waits sees the erasure. Retention takes it before
    it links what it deletes, so nothing of an erasure is linked before.
    """
    cursor.execute("LOCK TABLE prediction_keys, refused_predictions IN SHARE ROW EXCLUSIVE MODE")


def _find(cursor: extensions.cursor, subject: ErasedSubject) -> ErasureCounts:
    values = _values([Erasure(subject.sha256, _ALWAYS)], _names(subject))
    cursor.execute(_COUNT_PREDICTIONS.format(narrow=_PREDICTION[subject.kind]), values)
    ((predictions, keys, shadow_scores),) = cursor.fetchall()
    rows = []
    for table in (*_LOAN_TABLES, _BATCH_SCORES):
        cursor.execute(f"SELECT count(*) {_OF_LOAN.format(table=table, narrow=_ROW[subject.kind])}", values)
        rows.append(int(cursor.fetchall()[0][0]))
    cursor.execute("SELECT max(erased_at) FROM erasures WHERE subject_sha256 = ANY(%(subjects)s)", values)
    ((before,),) = cursor.fetchall()
    refused = len(_refused(cursor, [subject]))
    return ErasureCounts(predictions, keys, rows[0], rows[1], refused, before, rows[2], int(shadow_scores))


def _record(cursor: extensions.cursor, erasure: Erasure, counts: ErasureCounts) -> None:
    cursor.execute(
        "INSERT INTO erasures (subject_sha256, erased_at, predictions, rows, refused_records) "
        "VALUES (%s, %s, %s, %s, %s)",
        (
            psycopg2.Binary(erasure.subject_sha256),
            erasure.erased_at,
            counts.keys,
            counts.raw_rows + counts.processed_rows,
            counts.refused_records,
        ),
    )


def _known(cursor: extensions.cursor, erasure: Erasure) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM erasures WHERE (subject_sha256, erased_at) = (%s, %s))",
        (psycopg2.Binary(erasure.subject_sha256), erasure.erased_at),
    )
    return bool(cursor.fetchall()[0][0])


def _refused(cursor: extensions.cursor, subjects: Sequence[ErasedSubject]) -> list[tuple[bytes, bytes]]:
    """Hashes of refused records that hold features of the subjects, and the records without them."""
    cursor.execute("SELECT sha256, record FROM refused_predictions")
    changed = []
    for sha256, record in cursor.fetchall():
        after = before = bytes(record)
        for subject in subjects:
            after = erased_line(after, subject)
        if after != before:
            changed.append((bytes(sha256), after))
    return changed


def _purge_refused(cursor: extensions.cursor, subjects: Sequence[ErasedSubject]) -> None:
    for sha256, record in _refused(cursor, subjects):
        cursor.execute(
            "UPDATE refused_predictions SET record = %s WHERE sha256 = %s",
            (psycopg2.Binary(record), psycopg2.Binary(sha256)),
        )


def _names(subject: ErasedSubject) -> dict[str, str]:
    return {"loan": subject.name, "request": subject.name.partition("/")[0]}


def _values(erasures: Sequence[Erasure], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "subjects": [psycopg2.Binary(each.subject_sha256) for each in erasures],
        "times": [each.erased_at for each in erasures],
        **names,
    }
