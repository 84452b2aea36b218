"""The asset `champion`."""

from pathlib import Path

import dagster as dg

from loan_default_assets.assets.metadata import champion_metadata, columns_table
from loan_default_assets.limits import decision_policy
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.resources import ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline.decide_champion import decide_champion
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import find_report
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; promotion is one transaction, and repeating it changes nothing."""

    @dg.asset(
        key=dg.AssetKey([portfolio.name, "champion"]),
        group_name=portfolio.name,
        description="The model that serves predictions. The challenger is promoted or rejected as the verdict of its "
        "evaluation says, and the reason is recorded.",
        kinds={"postgres"},
        deps=[dg.AssetKey([portfolio.name, "evaluation"])],
        pool=jobs.TRAINING,
    )
    @retried
    def champion(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore
    ) -> dg.MaterializeResult:
        from loan_default_assets.signing.signed_models import decision_signer, model_signer

        decision = decide_champion(
            portfolio,
            warehouse.registry(portfolio, decision_signer(settings)),
            warehouse.evaluations(portfolio),
            models.artifacts,
            promotions=warehouse.promotions(portfolio, decision_policy(settings), decision_signer(settings)),
            sign=model_signer(settings),
            promotion_policy=settings.promotion_policy,
            log=context.log,
        )
        return dg.MaterializeResult(
            metadata=champion_metadata(decision, find_report(Path(models.root), decision.champion.version))
            | columns_table(portfolio),
            data_version=dg.DataVersion(decision.champion.version),
        )

    return champion
