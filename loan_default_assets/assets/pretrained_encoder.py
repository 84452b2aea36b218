"""The asset `pretrained_encoder`."""

from collections.abc import Iterator

import dagster as dg

from loan_default_assets.assets.metadata import encoder_result
from loan_default_assets.limits import split_limits
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import asset_check_result, blocking_checks
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.check_results import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.pretrain_encoder import pretrain_encoder
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset, with the checks that the training rows must pass; the same snapshot and seed give the same version."""
    key, rows = (dg.AssetKey([portfolio.name, name]) for name in ("pretrained_encoder", "processed_features"))

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="TabTransformer encoder of a loan's features. Pretrained contrastively on training rows and on "
        "loans without a known outcome, its encoding fitted on training rows only.",
        kinds={"torch"},
        deps=[dg.AssetDep(rows, partition_mapping=dg.AllPartitionMapping())],
        check_specs=blocking_checks(key, BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE),
        pool=jobs.TRAINING,
    )
    @retried
    def pretrained_encoder(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore, attempt: Attempt
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        try:
            encoder = pretrain_encoder(
                portfolio,
                warehouse.loans(portfolio),
                warehouse.registry(portfolio),
                store=models.artifacts,
                config=model_config(portfolio, settings, attempt.seed_offset),
                limits=split_limits(settings),
                leakage_limit=settings.leakage_auc_limit,
                cutoff=attempt.cutoff_date,
                log=context.log,
            )
        except ChecksFailedError as error:
            yield from map(asset_check_result, error.checks)
            raise
        yield encoder_result(encoder)

    return pretrained_encoder
