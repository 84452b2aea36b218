"""The asset `pretrained_encoder`."""

import dagster as dg

from loan_default_assets.assets.metadata import encoder_metadata
from loan_default_assets.limits import split_limits
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.pretrain_encoder import pretrain_encoder
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; the same snapshot, settings and seed give the same version."""

    @dg.asset(
        key=dg.AssetKey([portfolio.name, "pretrained_encoder"]),
        group_name=portfolio.name,
        description="TabTransformer encoder of a loan's features. Pretrained contrastively on labelled and unlabelled "
        "loans that are older than the evaluation window, its encoding fitted on training rows only.",
        kinds={"torch"},
        deps=[
            dg.AssetDep(
                dg.AssetKey([portfolio.name, "processed_features"]),
                partition_mapping=dg.AllPartitionMapping(),
            )
        ],
        pool=jobs.TRAINING,
    )
    @retried
    def pretrained_encoder(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore, attempt: Attempt
    ) -> dg.MaterializeResult:
        encoder = pretrain_encoder(
            portfolio,
            warehouse.loans(portfolio),
            warehouse.registry(portfolio),
            artifacts=models.path,
            config=model_config(portfolio, settings, attempt.seed_offset),
            limits=split_limits(settings),
            cutoff=attempt.cutoff_date,
            log=context.log,
        )
        return dg.MaterializeResult(metadata=encoder_metadata(encoder))

    return pretrained_encoder
