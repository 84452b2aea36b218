"""The step from `raw_data` to `processed_data`."""

from collections.abc import Sequence
from logging import Logger

import numpy as np
import pandas as pd

from loan_default_assets.pipeline.check_results import describe_violations, schema_check
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.stored_partitions import StoredPartition, StoredPartitions
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.features import Features, transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import LoanRows, Loans


def make_features(
    portfolio: Portfolio, loans: Loans, keys: Sequence[str], *, log: Logger
) -> StoredPartitions:
    """Compute the features of stored raw partitions, check them, and store each in one transaction.

    The features depend on the raw rows of the same partition only, and on nothing that is fitted.

    Raises:
        ChecksFailedError: Features break their schema; nothing was stored.
    """
    raw = [loans.read_raw(key) for key in keys]
    features = [transform(portfolio, frame, frame["as_of"].to_numpy()) for frame in raw]
    violations = [
        (f"{keys[0]} to {keys[-1]}", violation)
        for violation in pandera_schema.feature_violations(
            portfolio,
            Features(
                np.concatenate([part.numerical for part in features]),
                np.concatenate([part.categorical for part in features]),
            ),
            np.concatenate([frame["label"].to_numpy() for frame in raw]),
        )
    ]
    check = schema_check(violations, sum(len(frame) for frame in raw))
    if violations:
        raise ChecksFailedError(
            f"features of portfolio {portfolio.name} break their schema; nothing was stored:\n"
            f"{describe_violations(violations)}",
            [check],
        )
    partitions = []
    for key, frame, part in zip(keys, raw, features, strict=True):
        replaced = loans.replace_processed(key, _loan_rows(key, frame, part))
        partitions.append(StoredPartition(key, replaced.rows, replaced.changed))
    stored = StoredPartitions(tuple(partitions), check)
    log.info(f"processed_features: {stored}")
    return stored


def _loan_rows(key: str, raw: pd.DataFrame, features: Features) -> LoanRows:
    label = raw["label"].to_numpy()
    return LoanRows(
        partition_key=np.full(len(raw), key),
        loan_id=raw["loan_id"].to_numpy().astype(str),
        as_of=raw["as_of"].to_numpy().astype("datetime64[D]"),
        numerical=features.numerical,
        categorical=features.categorical,
        label=np.where(np.isnan(label), -1, label).astype(np.int8),
        label_observed_at=raw["label_observed_at"].to_numpy().astype("datetime64[D]"),
    )
