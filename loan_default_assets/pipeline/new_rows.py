"""Which partitions of a watched source have other rows than the tables, by marks that are stored with the rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.delivered_files import (
    DeliveredFile,
    DeliveredFiles,
    delivered_files,
)
from loan_default_assets.portfolio.ingest.source_marks import (
    PartitionMark,
    file_marks,
    partitions_in_file,
    query_marks,
)
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loaded_partitions import LoadedPartition, LoadedPartitions


@dataclass(frozen=True)
class SourceState:
    """The state of a watched source at one moment.

    Attributes:
        marks: The mark of every partition that has rows.
        files: The files of a pattern; None for a query.
        unread: Complete files that were not looked into, because the time was over.
    """

    marks: Mapping[str, PartitionMark]
    files: DeliveredFiles | None = None
    unread: int = 0

    @property
    def growing(self) -> tuple[str, ...]:
        """Files that may be incomplete, and are not read."""
        return self.files.growing if self.files else ()


@dataclass(frozen=True)
class NewRows:
    """Partitions to load.

    Attributes:
        keys: In order of time.
        held_back: Why other partitions are not loaded now, by their key.
    """

    keys: tuple[str, ...]
    held_back: Mapping[str, str] = field(default_factory=dict)


def source_state(
    portfolio: Portfolio,
    loaded: LoadedPartitions,
    *,
    today: date,
    files: DeliveredFiles | None = None,
    seconds: float | None = None,
) -> SourceState:
    """Look at the source, and into those of its files that were not looked into in their present state.

    Args:
        today: The last date that an as_of may have.
        files: The files of the pattern; None: as they are now.
        seconds: After this time no further file is opened; None: all are.

    Raises:
        SourceError: The source cannot be read.
    """
    if portfolio.source.watermark is not None:
        return SourceState(query_marks(portfolio, today))
    files = delivered_files(portfolio.source) if files is None else files
    end = None if seconds is None else time.monotonic() + seconds
    known = loaded.partitions_in_files()
    held, unread = [], 0
    for file in files.complete:
        # A portfolio that divides time otherwise has other partitions in the same file.
        looked_into = DeliveredFile(file.path, f"{file.state}:{portfolio.hash[:16]}")
        keys = known.get(looked_into)
        if keys is None:
            if end is not None and time.monotonic() > end:
                unread += 1
                continue
            keys = partitions_in_file(portfolio, file.path, today)
            loaded.remember_file(looked_into, keys)
        held.append((file, keys))
    return SourceState(file_marks(held), files, unread)


def settled_files(portfolio: Portfolio) -> DeliveredFiles | None:
    """The files of the source, once those that grow had their time to settle; None for a query."""
    if not portfolio.source.is_pattern:
        return None
    files = delivered_files(portfolio.source)
    if not files.growing:
        return files
    time.sleep(portfolio.source.settle_seconds)
    return delivered_files(portfolio.source)


def new_rows(portfolio: Portfolio, state: SourceState, loaded: Mapping[str, LoadedPartition]) -> NewRows:
    """The partitions whose rows or features are not those of the source."""
    changed, held_back = [], {}
    for key in sorted(state.marks.keys() | loaded.keys()):
        before, now = loaded.get(key, LoadedPartition()), state.marks.get(key, PartitionMark())
        if before.mark == now.mark and before.featured:
            continue
        problem = _obstacle(portfolio, state, before)
        # Not looked into, a changed file would seem to have lost its rows.
        if problem is None and state.unread:
            problem = f"{state.unread} files were not looked into yet"
        if problem is None:
            changed.append(key)
        else:
            held_back[key] = problem
    return NewRows(tuple(changed), held_back)


def check_files(
    portfolio: Portfolio, state: SourceState, loaded: Mapping[str, LoadedPartition], keys: Sequence[str]
) -> None:
    """Refuse to replace partitions by fewer rows only because a file is gone or is being written.

    Raises:
        SourceError: A file that a partition was read from is missing or grows; the message names it.
    """
    for key in keys:
        problem = _obstacle(portfolio, state, loaded.get(key, LoadedPartition()))
        if problem is not None:
            raise SourceError(f"partition {key}: {problem}")


def _obstacle(portfolio: Portfolio, state: SourceState, before: LoadedPartition) -> str | None:
    for path in before.files:
        if path in state.growing:
            return f"{path}: the file is being written; run again when it is complete"
        if portfolio.source.removed_files == "refuse" and state.files is not None and path not in state.files:
            return (
                f"{path}: rows were loaded from this file, and it is gone; nothing was changed\n"
                "Next: put the file back, or write `removed_files: follow` under source to delete its rows"
            )
    return None
