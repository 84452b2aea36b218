"""The asset `raw_loans`."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from loan_default_assets.assets.metadata import (
    add_partition_metadata,
    default_rate,
    stored_partition,
    whole_table,
)
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import (
    asset_check_result,
    blocking_checks,
    refused_partitions_check,
)
from loan_default_assets.orchestration.data_versions import rows_version
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
        pool=jobs.INGESTION,
    )
    @retried
    def raw_loans(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckEvaluation]:
        loans, day = warehouse.loans(portfolio), today or date.today()
        try:
            stored = load_partitions(portfolio, loans, context.partition_keys, today=day, log=context.log)
        except ChecksFailedError as error:
            yield from (refused_partitions_check(key, check) for check in error.checks)
            raise
        shown = {each.key: stored_partition(each) | default_rate(each) for each in stored.described}
        add_partition_metadata(context, shown, whole_table(loans.total_rows("raw_data")))
        version = rows_version(context, stored.changed)
        yield dg.MaterializeResult(data_version=version, check_results=[asset_check_result(stored.check)])

    return raw_loans
