"""The asset `processed_features`."""

from collections.abc import Iterator

import dagster as dg

from loan_default_assets.assets.metadata import add_partition_metadata, stored_partition, whole_table
from loan_default_assets.orchestration import asset_checks, jobs
from loan_default_assets.orchestration.data_versions import rows_version
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.orchestration.table_columns import feature_lineage
from loan_default_assets.pipeline.check_results import MATCHES_SCHEMA, NO_FEATURE_DRIFT
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
        check_specs=[
            *asset_checks.blocking_checks(key, MATCHES_SCHEMA),
            *asset_checks.warning_checks(key, NO_FEATURE_DRIFT),
        ],
        metadata={"numerical_features": [*names.numerical], "categorical_features": [*names.categorical]},
        pool=jobs.INGESTION,
    )
    @retried
    def processed_features(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckEvaluation]:
        loans = warehouse.loans(portfolio)
        try:
            stored = make_features(portfolio, loans, context.partition_keys, log=context.log)
        except ChecksFailedError as error:
            yield from (asset_checks.refused_partitions_check(key, check) for check in error.checks)
            raise
        shown = {each.key: stored_partition(each) for each in stored.described}
        table = whole_table(loans.total_rows("processed_data"), feature_lineage(portfolio))
        add_partition_metadata(context, shown, table)
        drift = warehouse.features_compared(portfolio, models.artifacts, context.partition_keys, context.log)
        version = rows_version(context, stored.changed)
        checks = [asset_checks.asset_check_result(check) for check in (stored.check, drift)]
        yield dg.MaterializeResult(
            metadata={"feature_hash": portfolio.hash}, data_version=version, check_results=checks
        )

    return processed_features
