"""The asset `processed_features`."""

from collections.abc import Iterator

import dagster as dg

from loan_default_assets.assets.metadata import stored_partition
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import asset_check_result, blocking_checks
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.check_results import MATCHES_SCHEMA
from loan_default_assets.pipeline.make_features import make_features
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.portfolio.spec import Portfolio


def build(portfolio: Portfolio) -> dg.AssetsDefinition:
    """The asset; its partitions are those of raw_loans."""
    key, names = dg.AssetKey([portfolio.name, "processed_features"]), portfolio.features

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Numerical and categorical features of every loan, unscaled. Computed from the raw loans of the "
        "same partition by the function that the service calls too, and stored a partition at a time as a whole.",
        kinds={"numpy", "pandera", "postgres"},
        partitions_def=partitions_of(portfolio),
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[dg.AssetKey([portfolio.name, "raw_loans"])],
        check_specs=blocking_checks(key, MATCHES_SCHEMA),
        metadata={
            "numerical_features": list(names.numerical),
            "categorical_features": list(names.categorical),
        },
        pool=jobs.INGESTION,
    )
    @retried
    def processed_features(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        loans = warehouse.loans(portfolio)
        try:
            stored = make_features(portfolio, loans, context.partition_keys, log=context.log)
        except ChecksFailedError as error:
            yield from map(asset_check_result, error.checks)
            raise
        for partition in stored.described:
            values = stored_partition(partition)
            context.add_asset_metadata(values, asset_key=key, partition_key=partition.key)
        check = asset_check_result(stored.check)
        yield dg.MaterializeResult(metadata={"feature_hash": portfolio.hash}, check_results=[check])

    return processed_features
