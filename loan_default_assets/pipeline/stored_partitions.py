"""What a step that stores partitions returns."""

from dataclasses import dataclass

from loan_default_assets.pipeline.check_results import CheckResult


@dataclass(frozen=True)
class StoredPartition:
    """One partition as it was stored.

    Attributes:
        changed: False when the same rows were stored before.
        default_rate: Defaults per labelled row; None without a label, and for features.
    """

    key: str
    rows: int
    changed: bool
    default_rate: float | None = None


@dataclass(frozen=True)
class StoredPartitions:
    """All partitions of one run, and the schema check that they passed."""

    partitions: tuple[StoredPartition, ...]
    check: CheckResult

    @property
    def described(self) -> tuple[StoredPartition, ...]:
        """The partitions that have rows, or had some before.

        Dagster records every partition of a run, because conditions such as `missing()` and a backfill's status rest
        on it. Metadata is omitted where there is nothing to tell: each addition costs time in proportion to all that
        were made before it.
        """
        return tuple(partition for partition in self.partitions if partition.rows or partition.changed)

    def __str__(self) -> str:
        rows = sum(partition.rows for partition in self.partitions)
        changed = sum(partition.changed for partition in self.partitions)
        return f"{rows} rows in {len(self.partitions)} partitions, {changed} changed"
