"""pretrained_encoder: the transformer trained without labels, by telling two views of one loan from all others."""

from typing import TYPE_CHECKING

import dagster as dg
import numpy as np

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline import training_snapshot as snapshots
from loan_default_assets.pipeline import versions
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from loan_default_assets.model.loop import Epoch


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset. Fitted statistics come from training rows; unlabelled and immature rows are used for the views."""
    key = dg.AssetKey([portfolio.name, "pretrained_encoder"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="TabTransformer encoder, contrastively pretrained on labelled and unlabelled loans.",
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
        from loan_default_assets.model.encoding import Encoding
        from loan_default_assets.model.training import pretrain

        taken = snapshots.take(
            warehouse.loans(portfolio), versions.split_limits(settings), attempt.cutoff_date
        )
        config = versions.model_config(portfolio, settings, attempt)
        registry = warehouse.registry(portfolio)
        known = versions.same_training(registry, "encoder", taken, config.as_dict(), Attempt())
        if known is not None:
            context.log.info(f"pretrained_encoder: {known.version} was trained on this very snapshot; kept")
            return dg.MaterializeResult(metadata=versions.metadata(known) | taken.describe())

        split = taken.split
        encoding = Encoding.fit(taken.select(split.train), portfolio.features.cardinalities, config)
        unlabelled = np.concatenate([split.train, split.immature, split.unlabelled])

        def log(epoch: "Epoch") -> None:
            context.log.info(versions.epoch_line(epoch))

        encoder = pretrain(taken.select(unlabelled), encoding, config, on_epoch=log)
        saved = versions.save(models.path, encoder, portfolio, taken)
        record = versions.register(
            registry,
            versions.record(
                "encoder",
                saved,
                portfolio,
                taken,
                config.as_dict(),
                metrics={"loss": encoder.losses[-1]} if encoder.losses else {},
            ),
        )
        return dg.MaterializeResult(
            metadata=versions.metadata(record)
            | taken.describe()
            | {"pretraining_rows": len(unlabelled), "epoch_losses": versions.curve({"loss": encoder.losses})}
        )

    return pretrained_encoder
