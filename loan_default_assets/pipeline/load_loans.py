"""The step from the portfolio's source to `raw_data`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from logging import Logger

import numpy as np
import pandas as pd
from psycopg2 import extensions

from loan_default_assets.pipeline.check_results import LocatedViolation, describe_violations, schema_check
from loan_default_assets.pipeline.load_tally import LoadTally
from loan_default_assets.pipeline.new_rows import check_files, settled_files, source_state
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.stored_partitions import StoredPartition, StoredPartitions
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.checks.violations import unique_violation
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.ingest.source_marks import PartitionMark
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database_errors import DuplicateRow
from loan_default_assets.warehouse.loaded_partitions import record_loaded
from loan_default_assets.warehouse.loans import Loans

_ROWS_WITH_BOTH_CLASSES = 500


def load_partitions(
    portfolio: Portfolio, loans: Loans, keys: Sequence[str], *, today: date, log: Logger
) -> StoredPartitions:
    """Read partitions from the source, check them, and store all of them in one transaction.

    Rows are checked and sent while the source is read, in memory that does not grow with it; the transaction is
    committed once the last row was checked.

    Args:
        keys: The partitions to load; the source is read once for all of them.
        today: An application after this date lies in the future and is a violation.

    Raises:
        ChecksFailedError: Rows do not match the portfolio; nothing was stored.
        PortfolioError: The source cannot be read; nothing was stored.
    """
    tally, read = LoadTally(), sources.RowsRead()
    files, record = _watched(portfolio, loans, keys, today, log)
    try:
        replaced = loans.replace_raw_partitions(
            keys, _checked(portfolio, keys, today, tally, read, files), record
        )
    except DuplicateRow:
        # Loan ids are compared within a chunk while it is read; PostgreSQL finds the others.
        duplicates = _duplicates(portfolio, keys, today, files)
        if not duplicates:
            raise
        raise _failed(portfolio, duplicates, tally) from None
    stored = StoredPartitions(
        tuple(
            StoredPartition(key, written.rows, written.changed, tally.default_rate(key))
            for key, written in zip(keys, replaced, strict=True)
        ),
        schema_check([], tally.total),
        read.total,
        sum(written.erased for written in replaced),
    )
    log.info(f"raw_loans: {stored}")
    if read.new_columns:
        names = ", ".join(sorted(read.new_columns))
        log.warning(
            f"raw_loans: not read, as the portfolio does not describe them: {names} (add to columns or ignore)"
        )
    return stored


def _watched(
    portfolio: Portfolio, loans: Loans, keys: Sequence[str], today: date, log: Logger
) -> tuple[list[str] | None, Callable[[extensions.cursor], None] | None]:
    """The files to read, and what records the state of a watched source that these partitions are read from.

    The state is that before the first row is read: rows that arrive meanwhile make the partition differ from it.
    """
    if not portfolio.source.watched:
        return None, None
    state = source_state(portfolio, loans.loaded, today=today, files=settled_files(portfolio))
    check_files(portfolio, state, loans.loaded.read(), keys)
    for path in state.growing:
        log.warning(f"raw_loans: not read, as it is being written: {path}")
    marks = {key: state.marks.get(key, PartitionMark()) for key in keys}
    files = sorted({path for mark in marks.values() for path in mark.files})
    return files if portfolio.source.is_pattern else None, partial(record_loaded, marks=marks)


def _checked(
    portfolio: Portfolio,
    keys: Sequence[str],
    today: date,
    tally: LoadTally,
    read: sources.RowsRead,
    files: Sequence[str] | None,
) -> Iterator[tuple[pd.Categorical, pd.DataFrame]]:
    """The rows of the source, with their partition keys, until the first that does not match the portfolio.

    Raises: ChecksFailedError after the last row, with the violations of all.
    """
    for rows in sources.read_rows(portfolio, keys, today=today, read=read, files=files):
        tally.add(rows, pandera_schema.row_violations(portfolio, rows.keys, rows.frame, today))
        if not tally.violations:
            yield rows.keys, rows.frame
    violations = tally.located_violations() + _single_class(portfolio, tally)
    if violations:
        raise _failed(portfolio, violations, tally)


def _failed(
    portfolio: Portfolio, violations: Sequence[LocatedViolation], tally: LoadTally
) -> ChecksFailedError:
    return ChecksFailedError(
        f"the loans do not match portfolio {portfolio.name}; nothing was stored of {tally.total:,} rows:\n"
        f"{describe_violations(violations)}",
        [schema_check(violations, tally.total)],
    )


def _single_class(portfolio: Portfolio, tally: LoadTally) -> list[LocatedViolation]:
    """A label that never varies over many rows was misread; over the few rows of one day it may be chance."""
    enough = tally.labelled >= (1 if portfolio.as_of is None else _ROWS_WITH_BOTH_CLASSES)
    if not enough or len(tally.labels) > 1:
        return []
    label = portfolio.label
    other = "any other number" if label.at_least is not None else " or ".join(label.negatives)
    check = f"of two values, {label.default_text} for a default and {other} for none"
    return [(portfolio.name, pandera_schema.Violation(portfolio.label.column, check, tally.labelled, ()))]


def _duplicates(
    portfolio: Portfolio, keys: Sequence[str], today: date, files: Sequence[str] | None
) -> list[LocatedViolation]:
    """Loan ids that a partition has more than once; the source is read once more, and a hash is kept of each row."""
    place = {key: number for number, key in enumerate(sorted(keys))}
    hashes, numbers, of = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for rows in sources.read_rows(portfolio, keys, today=today, files=files):
        position = np.array([place[key] for key in rows.keys.categories], np.int32)[rows.keys.codes]
        ids = pd.util.hash_array(rows.frame["loan_id"].to_numpy())
        hashes.append(pd.util.hash_array(position) * np.uint64(31) + ids)
        numbers.append(rows.frame.index.to_numpy())
        of.append(position)
    again = pd.Series(np.concatenate(hashes)).duplicated(keep=False).to_numpy()
    row_numbers, positions = np.concatenate(numbers)[again], np.concatenate(of)[again]
    return [
        (key, unique_violation(row_numbers[positions == number]))
        for key, number in place.items()
        if (positions == number).any()
    ]
