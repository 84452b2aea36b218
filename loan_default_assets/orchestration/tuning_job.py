"""The job `tune`: trials of training settings. It has no schedule and no sensor."""

import dagster as dg
from pydantic import Field

from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.limits import split_limits
from loan_default_assets.orchestration.jobs import PORTFOLIO, TUNE
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.tune_settings import tune_settings
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


class TuningConfig(dg.Config):
    """Run configuration of `tune`: the number of trials with a result, those of earlier runs included."""

    trials: int = Field(20, ge=1)


def build(portfolio: Portfolio, settings: Settings) -> dg.JobDefinition:
    """The job; its result is the settings to write under the portfolio's `training`. Several runs share the trials."""

    @dg.op(description="Tries settings on the training rows and compares them on the validation rows.")
    @retried
    def try_settings(context: dg.OpExecutionContext, config: TuningConfig, warehouse: Warehouse) -> None:
        result = tune_settings(
            portfolio,
            warehouse.loans(portfolio),
            url=warehouse.url,
            config=model_config(portfolio, settings),
            limits=split_limits(settings),
            leakage_limit=settings.leakage_auc_limit,
            trials=config.trials,
            engine=engine_of(settings.engine),
            say=context.log.info,
        )
        context.add_output_metadata(
            {
                "trials": len(result.trials),
                "present_validation_roc_auc": result.present.value,
                "best_validation_roc_auc": result.best.value,
                "training": dg.MetadataValue.json(dict(result.changes)),
            }
        )

    @dg.job(
        name=TUNE,
        description="Trials of training settings; nothing is trained for use, nothing is written to the portfolio.",
        tags={PORTFOLIO: portfolio.name},
    )
    def tune() -> None:
        try_settings()

    return tune
