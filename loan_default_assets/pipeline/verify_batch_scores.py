"""Whether the batch scores of every partition are those of a recorded scoring, or what an erasure left of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.batch_score_records import (
    ScoreRecord,
    StoredScores,
    last_erased,
    partition_scores,
    score_table,
    score_tables,
    scored_keys,
    scoring_records,
)
from loan_default_assets.warehouse.chain_links import StoredChains


@dataclass
class BatchScoreCounts:
    """What was seen of batch scores.

    Attributes:
        partitions: Partitions with a record, or with scores.
        rows: Scores in the table.
        recorded: Partitions whose scores are those of a recorded scoring.
        erased: Partitions whose scores are what the last erasure left of them.
        dropped: Partitions of a year whose table was dropped.
    """

    partitions: int = 0
    rows: int = 0
    recorded: int = 0
    erased: int = 0
    dropped: int = 0


def verify_batch_scores(stored: StoredChains, deviations: Deviations) -> BatchScoreCounts:
    """Compute the hash of every partition of `scored_loans`, and compare it with its records.

    A scoring may repeat an earlier one, whose record is not written again, so that every record counts since the last
    erasure.
    """
    counts = BatchScoreCounts()
    records, present, tables = scoring_records(stored), scored_keys(stored), score_tables(stored)
    erased = last_erased(stored)
    for key in sorted(records.keys() | erased.keys() | present):
        counts.partitions += 1
        if key not in present and score_table(key) not in tables:
            counts.dropped += 1
            continue
        found, left = partition_scores(stored, key), erased.get(key)
        counts.rows += found.rows
        since = [each for each in records.get(key, ()) if left is None or each.recorded_at > left.recorded_at]
        if any(_same(found, each) for each in since):
            counts.recorded += 1
        elif left is not None and _same(found, left):
            counts.erased += 1
        else:
            _add_deviation(key, found, since or filter(None, [left]), deviations)
    return counts


def _same(found: StoredScores, record: ScoreRecord) -> bool:
    """An empty partition names no model."""
    versions = found.versions or {record.model_version}
    return versions == {record.model_version} and (found.rows, found.sha256) == (record.rows, record.sha256)


def _add_deviation(
    key: str, found: StoredScores, records: Iterable[ScoreRecord], deviations: Deviations
) -> None:
    newest = max(records, key=lambda each: each.recorded_at, default=None)
    deviations.add(
        "provenance",
        "scored_loans",
        f"partition {key}",
        expected="a record of its scoring in scored_partitions"
        if newest is None
        else f"{newest.rows} scores of model {newest.model_version} with hash {newest.sha256[:12]}.., or those of an "
        "earlier record",
        found=f"{found.rows} scores of {', '.join(sorted(found.versions)) or 'no model'} with hash "
        f"{found.sha256[:12]}..",
    )
