"""The step from `raw_data` to `processed_data`."""

from collections.abc import Iterator, Sequence
from functools import partial
from logging import Logger

import numpy as np
import pandas as pd

from loan_default_assets.pipeline.check_results import LocatedViolation, describe_violations, schema_check
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.stored_partitions import StoredPartition, StoredPartitions
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.features import Features, transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loaded_partitions import record_featured
from loan_default_assets.warehouse.loans import LoanRows, Loans


def make_features(
    portfolio: Portfolio, loans: Loans, keys: Sequence[str], *, log: Logger
) -> StoredPartitions:
    """Compute the features of stored raw partitions, check them, and store all of them in one transaction.

    The features depend on the raw rows of the same partition only, and on nothing that is fitted. They are made and
    sent while the raw rows are read, in memory that does not grow with their number.

    Raises:
        ChecksFailedError: Features break their schema; nothing was stored.
    """
    record = None
    if portfolio.source.watched:
        # Counted before the raw rows are read, so that rows of a later load are not taken for the features' own.
        loads = {key: each.loads for key, each in loans.loaded.read().items() if key in set(keys)}
        record = partial(record_featured, loads=loads)
    replaced = loans.replace_processed_partitions(keys, _checked(portfolio, loans, keys), record)
    stored = StoredPartitions(
        tuple(
            StoredPartition(key, written.rows, written.changed)
            for key, written in zip(keys, replaced, strict=True)
        ),
        schema_check([], sum(written.rows for written in replaced)),
        erased=sum(written.erased for written in replaced),
    )
    log.info(f"processed_features: {stored}")
    return stored


def _checked(portfolio: Portfolio, loans: Loans, keys: Sequence[str]) -> Iterator[LoanRows]:
    """The features, until the first that break their schema.

    Raises: ChecksFailedError after the last row, with the violations of all.
    """
    violations: list[LocatedViolation] = []
    rows = 0
    for raw in loans.read_raw_batches(keys):
        features = transform(portfolio, raw, raw["as_of"].to_numpy())
        of, rows = raw["partition_key"].to_numpy().astype(str), rows + len(raw)
        found = pandera_schema.feature_violations(portfolio, features, raw["label"].to_numpy())
        violations += [(f"{of[0]} to {of[-1]}", violation) for violation in found]
        if not violations:
            yield _loan_rows(of, raw, features)
    if violations:
        raise ChecksFailedError(
            f"features of portfolio {portfolio.name} break their schema; nothing was stored:\n"
            f"{describe_violations(violations)}",
            [schema_check(violations, rows)],
        )


def _loan_rows(keys: np.ndarray, raw: pd.DataFrame, features: Features) -> LoanRows:
    label = raw["label"].to_numpy()
    return LoanRows(
        partition_key=keys,
        loan_id=raw["loan_id"].to_numpy().astype(str),
        as_of=raw["as_of"].to_numpy().astype("datetime64[D]"),
        numerical=features.numerical,
        categorical=features.categorical,
        label=np.where(np.isnan(label), -1, label).astype(np.int8),
        label_observed_at=raw["label_observed_at"].to_numpy().astype("datetime64[D]"),
    )
