"""The tables `drift_checks` and `f1_estimates`: written by the pipeline, read where no model is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database, to_json

Light = Literal["green", "amber", "red"]
_ORDER: tuple[Light, ...] = ("green", "amber", "red")
# Name of the index of the score.
SCORE = "pd"


@dataclass(frozen=True)
class StoredPsi:
    """A population stability index as it was recorded.

    Attributes:
        name: The feature; `pd` for the score.
        psi: The index.
        limit: What it exceeds by chance only once in 1,000 partitions.
        light: Green without drift.
    """

    name: str
    psi: float
    limit: float
    light: Light


@dataclass(frozen=True)
class DriftCheck:
    """A partition beside the rows that a model was trained on.

    Attributes:
        partition_key: The newest partition of the compared rows.
        pooled_from: The oldest one.
        rows: Compared rows.
        features: Empty where the rows were too few.
        score: None where the PDs were not compared yet, or the rows were too few.
        alerted: Whether an alert of it was delivered.
    """

    partition_key: str
    pooled_from: str
    rows: int
    features: tuple[StoredPsi, ...]
    score: StoredPsi | None = None
    alerted: bool = False

    @property
    def drifted(self) -> tuple[StoredPsi, ...]:
        """The features that drifted, and the PD, the highest index first."""
        return _drifted([*self.features, *([self.score] if self.score else [])])

    @property
    def limit(self) -> float | None:
        """The highest limit of a feature: what may go unnoticed in so few rows; None where they were too few."""
        return max((each.limit for each in self.features), default=None)


@dataclass(frozen=True)
class F1Block:
    """Consecutive partitions after a training, with F1 expected from PDs and, once all outcomes are known, measured.

    Attributes:
        rows: Scored loans.
        estimate: Expected F1; None where no default is predicted or expected. `low` and `high` are its 95 % interval.
        outcomes: Loans whose outcome counts by the data cutoff.
        measured: F1 on them, once all of the block have matured; None before.
    """

    first_partition: str
    last_partition: str
    rows: int
    estimate: float | None
    low: float | None
    high: float | None
    outcomes: int
    measured: float | None

    @property
    def as_estimated(self) -> bool | None:
        """Whether the measured F1 lies in the interval; None before it is measured."""
        if self.measured is None or self.low is None or self.high is None:
            return None
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class DriftState:
    """The newest drift figures of one model, for status, console and metrics.

    Attributes:
        version: The model.
        newest: The newest compared partition.
        scored: The newest partition whose PDs were compared, by an evaluation; None before.
        blocks: Estimated and measured F1, in order of time.
    """

    version: str
    newest: DriftCheck
    scored: DriftCheck | None
    blocks: tuple[F1Block, ...]

    @property
    def drifted(self) -> tuple[StoredPsi, ...]:
        """The features of `newest` and the PD of `scored` that drifted, the highest index first."""
        return _drifted(self._compared)

    @property
    def light(self) -> Light | None:
        """The worst light of features and score; None where the rows were too few."""
        return max((each.light for each in self._compared), key=_ORDER.index, default=None)

    @property
    def _compared(self) -> list[StoredPsi]:
        score = self.scored.score if self.scored else None
        return [*self.newest.features, *([score] if score else [])]

    @property
    def estimate(self) -> F1Block | None:
        """The newest block with an estimate."""
        return next((block for block in reversed(self.blocks) if block.estimate is not None), None)

    @property
    def measured(self) -> F1Block | None:
        """The newest block whose F1 was measured."""
        return next((block for block in reversed(self.blocks) if block.measured is not None), None)


class DriftLog:
    """The drift figures of one portfolio's models. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_check(self, version: str, check: DriftCheck) -> None:
        """Record a comparison in place of the former one of the partition; that it was alerted stays recorded."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO drift_checks (model_version, partition_key, pooled_from, rows, features, score) "
                "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (model_version, partition_key) DO UPDATE SET "
                "pooled_from = excluded.pooled_from, rows = excluded.rows, features = excluded.features, "
                "score = excluded.score, checked_at = now()",
                (
                    version,
                    check.partition_key,
                    check.pooled_from,
                    check.rows,
                    to_json([asdict(each) for each in check.features]),
                    None if check.score is None else to_json(asdict(check.score)),
                ),
            )

    def record_score(self, version: str, key: str, score: StoredPsi) -> None:
        """Add the PSI of the PD to the comparison of a partition."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE drift_checks SET score = %s WHERE model_version = %s AND partition_key = %s",
                (to_json(asdict(score)), version, key),
            )

    def record_blocks(self, version: str, blocks: Sequence[F1Block]) -> None:
        """Record blocks in place of those that they overlap; earlier ones stay."""
        if not blocks:
            return
        with self._database.transaction() as cursor:
            cursor.execute(
                "DELETE FROM f1_estimates WHERE model_version = %s AND last_partition >= %s",
                (version, blocks[0].first_partition),
            )
            for block in blocks:
                cursor.execute(
                    f"INSERT INTO f1_estimates (model_version, {', '.join(_BLOCK)}) "
                    f"VALUES (%s, {', '.join(['%s'] * len(_BLOCK))})",
                    (version, *(getattr(block, name) for name in _BLOCK)),
                )

    def checks(self, version: str) -> list[DriftCheck]:
        """Every compared partition of a model, in order of time."""
        with self._database.transaction() as cursor:
            return _checks(cursor, version, "ORDER BY partition_key")

    def check_times(self, version: str) -> dict[str, tuple[datetime, datetime | None]]:
        """When each partition was last compared, and when an alert of it was delivered, by its key."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT partition_key, checked_at, alerted_at FROM drift_checks WHERE model_version = %s",
                (version,),
            )
            return {key: (checked_at, alerted_at) for key, checked_at, alerted_at in cursor.fetchall()}

    def block_times(self, version: str) -> dict[str, datetime]:
        """When F1 of each block was last estimated, by its first partition."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT first_partition, computed_at FROM f1_estimates WHERE model_version = %s", (version,)
            )
            return dict(cursor.fetchall())

    def mark_alerted(self, version: str, keys: Sequence[str]) -> None:
        """Record that an alert of these partitions was delivered."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE drift_checks SET alerted_at = now() WHERE model_version = %s AND partition_key = ANY(%s)",
                (version, list(keys)),
            )

    def state(self, version: str) -> DriftState | None:
        """The newest figures of a model; None where no partition was compared yet."""
        newest_first = "ORDER BY partition_key DESC LIMIT 1"
        with self._database.transaction(repeatable=True) as cursor:
            newest = _checks(cursor, version, newest_first)
            if not newest:
                return None
            scored = _checks(cursor, version, f"AND score IS NOT NULL {newest_first}")
            cursor.execute(
                f"SELECT {', '.join(_BLOCK)} FROM f1_estimates WHERE model_version = %s ORDER BY first_partition",
                (version,),
            )
            blocks = tuple(F1Block(*values) for values in cursor.fetchall())
        return DriftState(version, newest[0], scored[0] if scored else None, blocks)


_BLOCK = tuple(field.name for field in fields(F1Block))


def _drifted(compared: Sequence[StoredPsi]) -> tuple[StoredPsi, ...]:
    return tuple(sorted((each for each in compared if each.light != "green"), key=lambda each: -each.psi))


def _checks(cursor: extensions.cursor, version: str, rest: str) -> list[DriftCheck]:
    cursor.execute(
        "SELECT partition_key, pooled_from, rows, features, score, alerted_at IS NOT NULL FROM drift_checks "
        f"WHERE model_version = %s {rest}",
        (version,),
    )
    return [
        DriftCheck(key, pooled_from, rows, tuple(map(_psi, features)), score and _psi(score), alerted)
        for key, pooled_from, rows, features, score, alerted in cursor.fetchall()
    ]


def _psi(values: Mapping[str, Any]) -> StoredPsi:
    return StoredPsi(**values)
