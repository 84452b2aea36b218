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
    """All partitions of one run, and the schema check that they passed.

    Attributes:
        read: Rows that the source has, those of other partitions included; None for features.
        erased: Rows that were not stored, because their loans are erased.
    """

    partitions: tuple[StoredPartition, ...]
    check: CheckResult
    read: int | None = None
    erased: int = 0

    @property
    def described(self) -> tuple[StoredPartition, ...]:
        """The partitions that have rows, or had some before.

        Dagster records every partition of a run, because conditions such as `missing()` and a backfill's status rest
        on it. Metadata is omitted where there is nothing to tell: each addition costs time in proportion to all that
        were made before it.
        """
        return tuple(partition for partition in self.partitions if partition.rows or partition.changed)

    @property
    def changed(self) -> bool:
        """Whether any row changed."""
        return any(partition.changed for partition in self.partitions)

    def __str__(self) -> str:
        rows = sum(partition.rows for partition in self.partitions)
        changed = sum(partition.changed for partition in self.partitions)
        partitions = "1 partition" if len(self.partitions) == 1 else f"{len(self.partitions):,} partitions"
        stored = f"{rows:,} rows stored in {partitions}, {changed:,} of them changed"
        if self.erased:
            stored += f", {self.erased:,} rows of erased loans skipped"
        if self.read is None:
            return stored
        # A row that does not match the portfolio refuses all of them, so none was refused here.
        others = self.read - rows - self.erased
        return f"{self.read:,} rows read, {stored}; {others:,} of other partitions, 0 refused"
