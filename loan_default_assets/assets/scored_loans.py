"""The asset `scored_loans`."""

import dagster as dg

from loan_default_assets.assets.metadata import add_partition_metadata, scored_partition, whole_table
from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.data_versions import rows_version
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.orchestration.table_columns import score_lineage
from loan_default_assets.pipeline.batch_scoring import score_partitions
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; its partitions are those of raw_loans."""
    engine = engine_of(settings.engine)
    folder = f"scored_loans/{portfolio.name}" if settings.scored_loans_parquet else None
    cache = artifact_cache(settings)

    @dg.asset(
        key=dg.AssetKey([portfolio.name, "scored_loans"]),
        group_name=portfolio.name,
        description="The PD of every loan of a partition by the champion of the time of the run, in the table "
        "scored_loans; a partition is replaced as a whole. Where the scores came from is in scored_partitions.",
        kinds={"torch", "postgres"} | ({"parquet"} if folder else set()),
        partitions_def=partitions_of(portfolio),
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[dg.AssetKey([portfolio.name, name]) for name in ("processed_features", "champion")],
        pool=jobs.SCORING,
    )
    @retried
    def scored_loans(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore
    ) -> dg.MaterializeResult:
        scored = score_partitions(
            portfolio,
            loans := warehouse.loans(portfolio),
            warehouse.registry(portfolio),
            models.artifacts,
            warehouse.batch_scores(portfolio),
            context.partition_keys,
            parquet=settings.models_folder / folder if folder else None,
            upload=(lambda file, name: cache.objects.upload(file, f"{folder}/{name}")) if cache else None,
            engine=engine,
            log=context.log,
        )
        described = zip(scored.described, scored.changed, strict=True)
        shown = {each.partition_key: scored_partition(each, changed) for each, changed in described}
        table = whole_table(loans.total_rows("scored_loans"), score_lineage(portfolio))
        add_partition_metadata(context, shown, table)
        version = rows_version(context, any(scored.changed))
        return dg.MaterializeResult(metadata={"model_version": scored.model_version}, data_version=version)

    return scored_loans
