"""What a load counts while its rows pass by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from loan_default_assets.pipeline.check_results import LocatedViolation
from loan_default_assets.portfolio.checks.violations import Violation
from loan_default_assets.portfolio.errors import ROWS_SHOWN
from loan_default_assets.portfolio.ingest.sources import RawRows


@dataclass
class LoadTally:
    """Rows, labels and violations of the chunks so far.

    Attributes:
        total: Number of rows.
        labels: The different labels.
        labelled_rows: Number of rows with a label, by partition.
        defaults: Number of defaults, by partition.
        violations: By partition, column and check, over all chunks.
    """

    total: int = 0
    labels: set[float] = field(default_factory=set)
    labelled_rows: Counter[str] = field(default_factory=Counter)
    defaults: Counter[str] = field(default_factory=Counter)
    violations: dict[tuple[str, str, str], Violation] = field(default_factory=dict)

    @property
    def labelled(self) -> int:
        """Number of rows with a label."""
        return self.labelled_rows.total()

    def add(self, rows: RawRows, violations: Sequence[LocatedViolation]) -> None:
        """Count one chunk, and the violations found in it."""
        position = rows.keys.codes
        label = rows.frame["label"].to_numpy()
        known = ~np.isnan(label)
        self.total += len(label)
        self.labels |= set(np.unique(label[known]).tolist())
        labelled, defaults = np.bincount(position, known), np.bincount(position, known & (label == 1))
        for name, with_label, positive in zip(rows.keys.categories, labelled, defaults, strict=True):
            self.labelled_rows[name] += int(with_label)
            self.defaults[name] += int(positive)
        for key, found in violations:
            place = (key, found.column, found.check)
            before = self.violations.get(place, replace(found, count=0, rows=()))
            together = (before.rows + found.rows)[:ROWS_SHOWN]
            self.violations[place] = replace(found, count=before.count + found.count, rows=together)

    def default_rate(self, key: str) -> float | None:
        """Defaults per labelled row of a partition; None without labels."""
        labelled = self.labelled_rows[key]
        return self.defaults[key] / labelled if labelled else None

    def located_violations(self) -> list[LocatedViolation]:
        """All violations with their partitions, in the order of the partitions."""
        return [(place[0], found) for place, found in sorted(self.violations.items(), key=lambda v: v[0][0])]
