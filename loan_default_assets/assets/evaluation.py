"""The asset `evaluation`."""

import dagster as dg

from loan_default_assets.assets.metadata import columns_table, evaluation_metadata, f1_blocks
from loan_default_assets.limits import promotion_limits, split_limits
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import asset_check_result, warning_checks
from loan_default_assets.orchestration.resources import Attempt, ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.check_results import EVALUATION_CHECKS
from loan_default_assets.pipeline.evaluate_models import evaluate_models
from loan_default_assets.pipeline.live_performance import live_performance_or_warn
from loan_default_assets.pipeline.model_report import write_report_or_warn
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; without a pending challenger it evaluates the champion alone, as newly matured labels arrive."""
    key, rows = (dg.AssetKey([portfolio.name, name]) for name in ("evaluation", "processed_features"))
    classifier = dg.AssetKey([portfolio.name, "classifier"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Metrics and promotion verdict of challenger and champion, beside plain references. Computed on "
        "the evaluation window: the newest matured loans, on which neither model was fitted.",
        kinds={"torch", "scikitlearn"},
        deps=[classifier, dg.AssetDep(rows, partition_mapping=dg.AllPartitionMapping())],
        check_specs=warning_checks(key, *EVALUATION_CHECKS),
        pool=jobs.TRAINING,
    )
    @retried
    def evaluation(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore, attempt: Attempt
    ) -> dg.MaterializeResult:
        evaluated = evaluate_models(
            portfolio,
            warehouse.loans(portfolio),
            warehouse.registry(portfolio),
            warehouse.evaluations(portfolio),
            models.artifacts,
            limits=promotion_limits(settings),
            split_limits=split_limits(settings),
            seed=settings.seed,
            cutoff=attempt.cutoff_date,
            log=context.log,
        )
        inputs = warehouse.report_inputs(
            portfolio, models.artifacts, split_limits(settings), evaluated.snapshot
        )
        report = write_report_or_warn(inputs, evaluated.model.version, context.log)
        live = live_performance_or_warn(inputs, evaluated, warehouse.drift_log(portfolio), context.log)
        checks = [asset_check_result(check) for check in (*evaluated.checks, *live.checks)]
        shown = evaluation_metadata(evaluated, report) | f1_blocks(live.state) | columns_table(portfolio)
        version = dg.DataVersion(f"{evaluated.model.version} on {evaluated.snapshot.digest}")
        return dg.MaterializeResult(metadata=shown, data_version=version, check_results=checks)

    return evaluation
