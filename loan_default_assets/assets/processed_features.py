"""processed_features: what the model reads of a partition's loans, numbers and category codes, still unscaled."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import MATCHES_SCHEMA, describe, schema_result
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.portfolio import features
from loan_default_assets.portfolio.checks import pandera_schema
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.loans import LoanRows


def build(portfolio: Portfolio) -> dg.AssetsDefinition:
    """The asset; its rows depend on the raw rows of the same partition and on nothing fitted."""
    key = dg.AssetKey([portfolio.name, "processed_features"])
    names = portfolio.features

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Numbers and category codes of every loan, by the function that the service calls too.",
        kinds={"numpy", "pandera", "postgres"},
        partitions_def=partitions_of(portfolio),
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[dg.AssetKey([portfolio.name, "raw_loans"])],
        check_specs=[dg.AssetCheckSpec(MATCHES_SCHEMA, asset=key, blocking=True)],
        metadata={"numbers": list(names.numerical), "categories": list(names.categorical)},
        pool=jobs.INGESTION,
    )
    @retried
    def processed_features(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        loans = warehouse.loans(portfolio)
        keys = context.partition_keys
        raw = [loans.read_raw(partition) for partition in keys]
        found = [features.transform(portfolio, frame, frame["as_of"].to_numpy()) for frame in raw]
        violations = [
            (f"{keys[0]} to {keys[-1]}", violation)
            for violation in pandera_schema.processed_violations(
                portfolio,
                features.Features(
                    np.concatenate([part.numerical for part in found]),
                    np.concatenate([part.categorical for part in found]),
                ),
                np.concatenate([frame["label"].to_numpy() for frame in raw]),
            )
        ]
        rows = sum(len(frame) for frame in raw)
        check = schema_result(violations, rows)
        if violations:
            yield check
            raise dg.Failure(
                f"features of portfolio {portfolio.name} break their schema; nothing was stored:\n"
                f"{describe(violations)}",
                allow_retries=False,
            )
        changed = 0
        for partition, frame, part in zip(keys, raw, found, strict=True):
            replaced = loans.replace_processed(partition, _rows(partition, frame, part))
            changed += replaced.changed
            context.add_asset_metadata(
                {"dagster/partition_row_count": replaced.rows, "changed": replaced.changed},
                asset_key=key,
                partition_key=partition,
            )
        context.log.info(f"processed_features: {rows} rows in {len(keys)} partitions, {changed} changed")
        yield dg.MaterializeResult(metadata={"feature_hash": portfolio.hash}, check_results=[check])

    return processed_features


def _rows(partition: str, raw: pd.DataFrame, found: features.Features) -> LoanRows:
    label = raw["label"].to_numpy()
    return LoanRows(
        partition_key=np.full(len(raw), partition),
        loan_id=raw["loan_id"].to_numpy().astype(str),
        as_of=raw["as_of"].to_numpy().astype("datetime64[D]"),
        numerical=found.numerical,
        categorical=found.categorical,
        label=np.where(np.isnan(label), -1, label).astype(np.int8),
        label_observed_at=raw["label_observed_at"].to_numpy().astype("datetime64[D]"),
    )
