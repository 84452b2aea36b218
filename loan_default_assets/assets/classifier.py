"""classifier: the encoder fine-tuned on matured labels, calibrated, with its threshold; a candidate, not yet judged."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline import readiness, versions
from loan_default_assets.pipeline import training_snapshot as snapshots
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from loan_default_assets.model.loop import Epoch


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset, with the checks that its training rows must pass before a model is made of them."""
    key = dg.AssetKey([portfolio.name, "classifier"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Probability of default: the encoder with a head, fine-tuned, calibrated, with a threshold.",
        kinds={"torch"},
        deps=[
            dg.AssetKey([portfolio.name, "pretrained_encoder"]),
            dg.AssetDep(
                dg.AssetKey([portfolio.name, "processed_features"]),
                partition_mapping=dg.AllPartitionMapping(),
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(BOTH_CLASSES, asset=key, blocking=True),
            dg.AssetCheckSpec(LABEL_MATURITY, asset=key, blocking=True),
            dg.AssetCheckSpec(NO_LEAKAGE, asset=key, blocking=True),
        ],
        pool=jobs.TRAINING,
    )
    @retried
    def classifier(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore, attempt: Attempt
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from loan_default_assets.model.training import fit

        taken = snapshots.take(
            warehouse.loans(portfolio), versions.split_limits(settings), attempt.cutoff_date
        )
        checks = readiness.examine(portfolio, taken, settings.leakage_auc_limit)
        if not all(check.passed for check in checks):
            yield from checks
            raise dg.Failure(
                "; ".join(str(check.description) for check in checks if not check.passed), allow_retries=False
            )

        config = versions.model_config(portfolio, settings, attempt)
        registry = warehouse.registry(portfolio)
        champion = registry.champion()
        encoder = versions.encoder_for(registry, portfolio, taken, config)
        settled = config.as_dict() | {"encoder": encoder.version, "mode": attempt.mode}
        known = versions.same_training(registry, "classifier", taken, settled, attempt)
        if known is not None:
            context.log.info(f"classifier: {known.version} was trained on this very snapshot; kept")
            yield dg.MaterializeResult(
                metadata=versions.metadata(known) | taken.describe(), check_results=checks
            )
            return

        def log(epoch: "Epoch") -> None:
            context.log.info(versions.epoch_line(epoch))

        split = taken.split
        warm = attempt.mode == "head" and champion is not None
        fitted = fit(
            versions.load_encoder(encoder, portfolio),
            taken.select(split.train),
            taken.select(split.validation),
            config,
            head_only=warm,
            warm_start=versions.load_classifier(champion, portfolio) if champion and warm else None,
            on_epoch=log,
        )
        parent = champion.version if champion else None
        number = versions.attempt_number(registry, taken, parent, attempt)
        saved = versions.save(models.path, fitted, portfolio, taken, {"attempt": number, "parent": parent})
        record = versions.register(
            registry,
            versions.record(
                "classifier",
                saved,
                portfolio,
                taken,
                settled,
                attempt=number,
                parent=parent,
                threshold=fitted.threshold,
                metrics={"validation_roc_auc": max(e.validation_auc or 0.0 for e in fitted.history)},
            ),
        )
        yield dg.MaterializeResult(
            metadata=versions.metadata(record)
            | taken.describe()
            | {
                "threshold": fitted.threshold,
                "calibration_slope": fitted.calibration.slope,
                "calibration_offset": fitted.calibration.offset,
                "epochs": versions.curve(
                    {
                        "loss": [e.loss for e in fitted.history],
                        "validation_roc_auc": [e.validation_auc for e in fitted.history],
                    }
                ),
            },
            check_results=checks,
        )

    return classifier
