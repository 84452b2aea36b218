"""Reading a training snapshot that is too large for memory: split by the database, sampled by the keys of its rows."""

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.part_rule import PartRule, SnapshotPart
from loan_default_assets.warehouse.snapshot_rows import PartCount, SnapshotRows

if TYPE_CHECKING:
    from loan_default_assets.model.row_sampling import ClassCounts, RowSampling
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.model.splits import Split


def read_sample(
    stored: SnapshotRows, limits: "SplitLimits", cutoff: date | None
) -> "tuple[LoanRows, Split, RowSampling]":
    """Split all rows as `model.splits.split` does, and read at most about `limits.max_rows` of them.

    Training rows are a case-control sample, the others uniform ones; `model.row_sampling` has the rule. Whether a row
    is chosen depends on its key and on the counts of rows alone.

    Args:
        stored: The rows of the snapshot.
        limits: Size of the window, and most rows.
        cutoff: Data cutoff of the labels; None counts every label.

    Raises:
        ValueError: Only some matured rows have dates.
    """
    from loan_default_assets.model.row_sampling import ClassCounts, sample_shares

    rule = _rule(stored, limits, cutoff)
    counts = stored.part_counts(rule)
    shares = sample_shares(
        {part.name.lower(): _classes(counts[part]) for part in SnapshotPart if part != SnapshotPart.EXCLUDED},
        limits.max_rows,
        ClassCounts(limits.min_rows - limits.min_positives, limits.min_positives),
    )
    rows, part = stored.sample(
        rule, counts, {SnapshotPart[name.upper()]: share for name, share in shares.items()}
    )
    return rows, _split(rows, part, rule, counts, limits), _sampling(rows, part, counts)


def _rule(stored: SnapshotRows, limits: "SplitLimits", cutoff: date | None) -> PartRule:
    """How the matured rows are divided, from their counts per day."""
    from loan_default_assets.model.split_bounds import VALIDATION_FROM, WINDOW_FROM, MaturedDays, find_bounds

    buckets = (VALIDATION_FROM, WINDOW_FROM)
    counts = MaturedDays(*stored.day_counts(PartRule(cutoff, buckets)))
    undated = np.isnat(counts.day)
    if not undated.any() and len(counts.day):
        bounds = find_bounds(counts, limits)
        first = bounds.validation_from
        return PartRule(
            cutoff,
            buckets,
            bounds.window_from.astype(object),
            None if first is None else first.astype(object),
        )
    if not undated.all():
        raise ValueError(
            f"as_of: {int(counts.rows[undated].sum())} of {int(counts.rows.sum())} matured rows have no date; "
            "give all of them one, or none"
        )
    return PartRule(cutoff, buckets)


def _split(
    rows: LoanRows,
    part: np.ndarray,
    rule: PartRule,
    counts: "dict[SnapshotPart, PartCount]",
    limits: "SplitLimits",
) -> "Split":
    from loan_default_assets.model.splits import Split

    def index(chosen: SnapshotPart) -> np.ndarray:
        return np.flatnonzero(part == chosen)

    window = index(SnapshotPart.WINDOW)
    positives = int((rows.label[window] == 1).sum())
    fitted = [counts[SnapshotPart.TRAINING], counts[SnapshotPart.VALIDATION]]
    return Split(
        train=index(SnapshotPart.TRAINING),
        validation=index(SnapshotPart.VALIDATION),
        window=window,
        immature=index(SnapshotPart.IMMATURE),
        unlabelled=index(SnapshotPart.UNLABELLED),
        excluded=index(SnapshotPart.EXCLUDED),
        window_from=counts[SnapshotPart.WINDOW].first,
        window_to=counts[SnapshotPart.WINDOW].last,
        trained_from=min((count.first for count in fitted if count.first), default=None),
        trained_to=max((count.last for count in fitted if count.last), default=None),
        enough=len(window) >= limits.min_rows and positives >= limits.min_positives,
    )


def _sampling(rows: LoanRows, part: np.ndarray, counts: "dict[SnapshotPart, PartCount]") -> "RowSampling":
    from loan_default_assets.model.row_sampling import ClassCounts, RowSampling

    after = {}
    for chosen in SnapshotPart:
        defaults = int(((part == chosen) & (rows.label == 1)).sum())
        after[chosen.name.lower()] = ClassCounts(int((part == chosen).sum()) - defaults, defaults)
    return RowSampling({chosen.name.lower(): _classes(counts[chosen]) for chosen in SnapshotPart}, after)


def _classes(count: PartCount) -> "ClassCounts":
    from loan_default_assets.model.row_sampling import ClassCounts

    return ClassCounts(count.rows - count.defaults, count.defaults)
