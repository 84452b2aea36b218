"""The asset `classifier`."""

from collections.abc import Iterator

import dagster as dg

from loan_default_assets.assets.metadata import classifier_result
from loan_default_assets.limits import split_limits
from loan_default_assets.orchestration import jobs, run_tracking
from loan_default_assets.orchestration.asset_checks import asset_check_result, blocking_checks
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.check_results import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.train_classifier import train_classifier
from loan_default_assets.pipeline.training_settings import model_config, parallelism
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset, with the checks that the training rows must pass before a model is trained on them."""
    names = ("classifier", "processed_features", "pretrained_encoder")
    key, rows, encoder = (dg.AssetKey([portfolio.name, name]) for name in names)

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Challenger that predicts the probability of default: transformers, gradient boosting and additive "
        "models. Fitted on matured labels from the pretrained encoder, weighted and calibrated out of fold.",
        kinds={"torch"},
        deps=[encoder, dg.AssetDep(rows, partition_mapping=dg.AllPartitionMapping())],
        check_specs=blocking_checks(key, BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE),
        pool=jobs.TRAINING,
    )
    @retried
    def classifier(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore, attempt: Attempt
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        try:
            trained = train_classifier(
                portfolio,
                warehouse.loans(portfolio),
                warehouse.registry(portfolio),
                store=models.artifacts,
                config=model_config(portfolio, settings, attempt.seed_offset),
                limits=split_limits(settings),
                leakage_limit=settings.leakage_auc_limit,
                attempt=attempt.training_attempt(),
                measure_pretraining=settings.measure_pretraining,
                parallelism=parallelism(settings),
                doubt_is_logged=run_tracking.made_in(context.run, encoder, context.instance),
                log=context.log,
            )
        except ChecksFailedError as error:
            yield from map(asset_check_result, error.checks)
            raise
        yield classifier_result(trained)

    return classifier
