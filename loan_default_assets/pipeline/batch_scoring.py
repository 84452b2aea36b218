"""The step from `processed_data` to `scored_loans`: every loan of a partition scored by the champion."""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.engines.task_engine import LOCAL, TaskEngine
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.pipeline.pipeline_errors import NoModelError, NoRowsError
from loan_default_assets.pipeline.scored_files import Upload, partition_file
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.batch_scores import (
    BatchScores,
    ErasedMeanwhile,
    ScoredBatch,
    ScoredPartition,
)
from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.predictor import Predictor


@dataclass
class _Digest:
    """What is recorded of a partition's scores, batch by batch."""

    features: Any = field(default_factory=hashlib.sha256)
    ids: Any = field(default_factory=hashlib.sha256)
    scores: Any = field(default_factory=hashlib.sha256)
    rows: int = 0
    pd_sum: float = 0.0

    def add(self, loans: LoanRows, scored: ScoredBatch) -> None:
        numbers = np.where(np.isnan(loans.numerical), np.float32(np.nan), loans.numerical)
        both = [numbers.astype("<f4"), loans.categorical.astype("<i2")]
        # Row by row, so that the hash does not depend on where a batch ends.
        self.features.update(np.hstack([np.ascontiguousarray(each).view(np.uint8) for each in both]).data)
        self.ids.update("".join(f"{loan}\0" for loan in loans.loan_id.tolist()).encode())
        self.scores.update(np.rec.fromarrays([scored.probability, scored.decision], "<f8,i1").tobytes())
        self.rows += len(scored)
        self.pd_sum += math.fsum(scored.probability.tolist())


@dataclass(frozen=True)
class ScoredPartitions:
    """The partitions of one run, in order, and the model that scored them."""

    model_version: str
    described: tuple[ScoredPartition, ...]
    changed: tuple[bool, ...]

    def __str__(self) -> str:
        rows = sum(partition.rows for partition in self.described)
        expected = math.fsum(partition.pd_sum for partition in self.described)
        return (
            f"{rows:,} loans of {len(self.described)} partitions scored by {self.model_version}, "
            f"{expected:,.1f} defaults expected; {sum(self.changed)} partitions changed"
        )


def score_partitions(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    store: "ArtifactStore",
    scored: BatchScores,
    keys: Sequence[str],
    *,
    parquet: Path | None = None,
    upload: Upload | None = None,
    engine: TaskEngine = LOCAL,
    log: Logger,
) -> ScoredPartitions:
    """Score every loan of stored partitions by the champion, and replace each partition's scores as a whole.

    Loans are read, scored and stored in batches, in memory that does not grow with their number. A repetition after a
    partial run ends with the same tables.

    Args:
        keys: Partitions whose features are stored.
        parquet: Folder that gets one file per partition as well.
        upload: Takes each of these files to a root behind a URL, instead of the folder.
        engine: Scores the batches; they are read and stored here, in their order.

    Raises:
        NoModelError: There is no champion.
        NoRowsError: Features of a partition are missing, or not those of its raw loans; nothing was scored.
        ArtifactError: The champion's files are missing or damaged.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
    """
    champion = registry.champion()
    if champion is None:
        raise NoModelError("there is no champion to score with\nNext: loan-default run")
    states = loans.partitions()
    stale = [key for key in keys if key in states and states[key].stale]
    if stale:
        raise NoRowsError(
            f"{len(stale)} partitions have no features of their present loans: {', '.join(stale[:5])}\n"
            "Next: materialize processed_features for them"
        )
    predictor = load_predictor(champion, portfolio, store)
    described, changed = [], []
    for key in keys:
        one = partial(_score_partition, portfolio, loans, predictor, scored, champion.version, key)
        try:
            described_one, changed_one = one(parquet, upload, engine)
        except ErasedMeanwhile:
            # Their features are gone now.
            described_one, changed_one = one(parquet, upload, engine)
        described.append(described_one)
        changed.append(changed_one)
    result = ScoredPartitions(champion.version, tuple(described), tuple(changed))
    log.info(f"scored_loans: {result}")
    return result


def _score_partition(
    portfolio: Portfolio,
    loans: Loans,
    predictor: "Predictor",
    scored: BatchScores,
    model_version: str,
    key: str,
    parquet: Path | None,
    upload: Upload | None,
    engine: TaskEngine,
) -> tuple[ScoredPartition, bool]:
    """Replace the scores of a partition and record where they came from; whether they changed."""
    digest = _Digest()

    def describe() -> ScoredPartition:
        return ScoredPartition(
            partition_key=key,
            model_version=model_version,
            feature_hash=portfolio.hash[:16],
            features_sha256=hashlib.sha256(digest.ids.digest() + digest.features.digest()).hexdigest(),
            rows=digest.rows,
            pd_sum=digest.pd_sum,
            sha256=hashlib.sha256(digest.ids.digest() + digest.scores.digest()).hexdigest(),
        )

    with partition_file(parquet, key, upload) as write:
        rows = _scored(loans, predictor, key, digest, write, engine)
        replaced = scored.replace(key, model_version, rows, describe)
    return describe(), replaced.changed


def _scored(
    loans: Loans,
    predictor: "Predictor",
    key: str,
    digest: _Digest,
    write: Callable[[ScoredBatch], None],
    engine: TaskEngine,
) -> Iterator[ScoredBatch]:
    read: deque[LoanRows] = deque()

    def features() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in loans.read_processed_batches(key):
            read.append(part)
            yield part.numerical, part.categorical

    for probability, decision in engine.map_tasks(score_features, predictor, features()):
        part = read.popleft()
        rows = ScoredBatch(part.loan_id, probability, decision)
        digest.add(part, rows)
        write(rows)
        yield rows


def score_features(
    predictor: "Predictor", features: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """PD and decision of the rows with these numerical and categorical features, anywhere."""
    scores = predictor.predict(*features)
    return scores.pd, scores.decision
