"""The step from the portfolio's source to `raw_data`."""

from collections.abc import Sequence
from datetime import date
from logging import Logger

import numpy as np

from loan_default_assets.pipeline.check_results import LocatedViolation, describe_violations, schema_check
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.stored_partitions import StoredPartition, StoredPartitions
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import Loans

_ROWS_WITH_BOTH_CLASSES = 500


def load_partitions(
    portfolio: Portfolio, loans: Loans, keys: Sequence[str], *, today: date, log: Logger
) -> StoredPartitions:
    """Read partitions from the source, check them, and store each in one transaction.

    Args:
        keys: The partitions to load; the source is read once for all of them.
        today: An application after this date lies in the future and is a violation.

    Raises:
        ChecksFailedError: Rows do not match the portfolio; nothing was stored.
        PortfolioError: The source cannot be read.
    """
    partitions, violations = [], []
    read = sources.read_partitions(portfolio, keys, today=today)
    for partition, found in pandera_schema.validate_partitions(portfolio, read, today):
        partitions.append(partition)
        violations += [(partition.key, violation) for violation in found]
    violations += _single_class(portfolio, partitions)
    check = schema_check(violations, sum(len(partition.frame) for partition in partitions))
    if violations:
        raise ChecksFailedError(
            f"the loans do not match portfolio {portfolio.name}; nothing was stored:\n"
            f"{describe_violations(violations)}",
            [check],
        )
    stored = StoredPartitions(tuple(_store(loans, partition) for partition in partitions), check)
    log.info(f"raw_loans: {stored}")
    return stored


def _store(loans: Loans, partition: sources.RawPartition) -> StoredPartition:
    replaced = loans.replace_raw(partition.key, partition.frame)
    rate = float(partition.frame["label"].mean())
    return StoredPartition(
        partition.key, replaced.rows, replaced.changed, default_rate=None if np.isnan(rate) else rate
    )


def _single_class(portfolio: Portfolio, partitions: Sequence[sources.RawPartition]) -> list[LocatedViolation]:
    """A label that never varies over many rows was misread; over the few rows of one day it may be chance."""
    labels = np.concatenate([partition.frame["label"].to_numpy() for partition in partitions])
    labels = labels[~np.isnan(labels)]
    enough = len(labels) >= (1 if portfolio.as_of is None else _ROWS_WITH_BOTH_CLASSES)
    if not enough or len(np.unique(labels)) > 1:
        return []
    check = f"of two values, {portfolio.label.positive!r} for a default and {portfolio.label.negative!r}"
    return [(portfolio.name, pandera_schema.Violation(portfolio.label.column, check, len(labels), ()))]
