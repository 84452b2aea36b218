"""The asset `raw_loans`."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from loan_default_assets.assets.metadata import column_schema, default_rate, stored_partition
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import asset_check_result, blocking_checks
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.check_results import MATCHES_SCHEMA
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.portfolio.spec import Portfolio


def build(portfolio: Portfolio, today: date | None = None) -> dg.AssetsDefinition:
    """The asset; `today` (for tests) is the day after which an application date lies in the future."""
    key = dg.AssetKey([portfolio.name, "raw_loans"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Loans as the portfolio's source holds them, one partition per period of application. "
        "Read from the source, checked against the portfolio, and stored a partition at a time as a whole.",
        kinds={"pandas", "pandera", "postgres"},
        partitions_def=partitions_of(portfolio),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=blocking_checks(key, MATCHES_SCHEMA),
        metadata={"dagster/column_schema": column_schema(portfolio)},
        pool=jobs.INGESTION,
    )
    @retried
    def raw_loans(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        loans, day = warehouse.loans(portfolio), today or date.today()
        try:
            stored = load_partitions(portfolio, loans, context.partition_keys, today=day, log=context.log)
        except ChecksFailedError as error:
            yield from map(asset_check_result, error.checks)
            raise
        for partition in stored.described:
            values = stored_partition(partition) | default_rate(partition)
            context.add_asset_metadata(values, asset_key=key, partition_key=partition.key)
        yield dg.MaterializeResult(check_results=[asset_check_result(stored.check)])

    return raw_loans
