"""The hash of a partition's batch scores, and the records that it must be in: of scorings and of erasures."""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.warehouse.chain_links import StoredChains

_SCORINGS = "SELECT partition_key, model_version, rows, sha256, scored_at FROM scored_partitions"
_ERASED = "SELECT partition_key, model_version, rows, sha256, erased_at FROM erased_scores ORDER BY erased_at"
_KEYS = "SELECT DISTINCT partition_key FROM scored_loans"
_TABLES = """
SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'scored_loans'::regclass
"""
_ROWS = """
SELECT loan_id, model_version, probability, decision FROM scored_loans WHERE partition_key = %s ORDER BY loan_id
"""


@dataclass(frozen=True)
class ScoreRecord:
    """A row of `scored_partitions` or `erased_scores`, as far as the scores prove it.

    Attributes:
        recorded_at: Time of the scoring, or of the erasure.
    """

    model_version: str
    rows: int
    sha256: str
    recorded_at: datetime


@dataclass(frozen=True)
class ScoresLeft:
    """What an erasure left of the scores of a partition, as `erased_scores` records it."""

    model_version: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class StoredScores:
    """The scores of one partition.

    Attributes:
        versions: The models that they name; one, unless they were altered.
        sha256: As `scored_partitions` records it.
    """

    versions: frozenset[str]
    rows: int
    sha256: str


def scoring_records(stored: StoredChains) -> dict[str, list[ScoreRecord]]:
    """The recorded scorings of every partition that has some."""
    found: dict[str, list[ScoreRecord]] = {}
    for key, *values in stored.stream(_SCORINGS):
        found.setdefault(key, []).append(ScoreRecord(*values))
    return found


def last_erased(stored: StoredChains) -> dict[str, ScoreRecord]:
    """What the last erasure left of every partition that has lost loans."""
    return {key: ScoreRecord(*values) for key, *values in stored.stream(_ERASED)}


def scored_keys(stored: StoredChains) -> set[str]:
    """The partitions that have scores."""
    return {key for (key,) in stored.stream(_KEYS)}


def score_tables(stored: StoredChains) -> set[str]:
    """The tables into which `scored_loans` is divided."""
    return {name for (name,) in stored.stream(_TABLES)}


def score_table(key: str) -> str:
    """The one of a partition."""
    return f"scored_loans_{'undated' if key == UNDATED_PARTITION else key[:4]}"


def stored_scores(rows: Iterable[tuple[str, str, float, int]]) -> StoredScores:
    """The scores of a partition, hashed as `pipeline/batch_scoring.py` does.

    Args:
        rows: Loan, model version, PD and decision by loan.
    """
    ids, scores, count = hashlib.sha256(), hashlib.sha256(), 0
    versions: set[str] = set()
    pack = struct.Struct("<db").pack
    for loan_id, version, probability, decision in rows:
        ids.update(f"{loan_id}\0".encode())
        scores.update(pack(probability, decision))
        versions.add(version)
        count += 1
    sha256 = hashlib.sha256(ids.digest() + scores.digest()).hexdigest()
    return StoredScores(frozenset(versions), count, sha256)


def partition_scores(stored: StoredChains, key: str) -> StoredScores:
    """The scores of a partition."""
    return stored_scores(stored.stream(_ROWS, (key,)))


def scores_left(cursor: extensions.cursor, partitions: Mapping[str, str]) -> dict[str, ScoresLeft]:
    """What is left of the scores of partitions from which loans were just deleted, by partition.

    Args:
        partitions: The model that scored it, by partition.
    """
    found = {}
    for key, version in sorted(partitions.items()):
        cursor.execute(_ROWS, (key,))
        left = stored_scores(cursor)
        found[key] = ScoresLeft(version, left.rows, left.sha256)
    return found


def record_erased(cursor: extensions.cursor, left: Mapping[str, ScoresLeft]) -> None:
    """Record it in `erased_scores`."""
    for key, scores in left.items():
        cursor.execute(
            "INSERT INTO erased_scores (partition_key, model_version, rows, sha256) VALUES (%s, %s, %s, %s)",
            (key, scores.model_version, scores.rows, scores.sha256),
        )
