"""champion: the candidate takes the champion's place, or the champion keeps it, as the recorded verdict says."""

import dagster as dg

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline import versions
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

PROMOTING = ("approved", "approved_below_target", "provisional")


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; promotion is one transaction, and repeating it changes nothing."""
    key = dg.AssetKey([portfolio.name, "champion"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="The model that decides; promoted or kept by a written rule, with the reason.",
        kinds={"postgres"},
        deps=[dg.AssetKey([portfolio.name, "evaluation"])],
        pool=jobs.TRAINING,
    )
    @retried
    def champion(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        registry, evaluations = warehouse.registry(portfolio), warehouse.evaluations(portfolio)
        candidate, serving = versions.pending(registry, portfolio), registry.champion()
        outcome = "kept: no candidate was waiting"
        if candidate is not None:
            judged = evaluations.latest(candidate.version)
            if judged is None:
                raise dg.Failure(
                    f"candidate {candidate.version} has no recorded verdict; materialize evaluation first",
                    allow_retries=False,
                )
            if candidate.parent != (serving.version if serving else None):
                reason = f"trained to challenge {candidate.parent}, which is not champion any more"
                registry.reject(candidate.version, reason)
                outcome = f"kept: candidate {candidate.version} {reason}"
            elif judged.verdict in PROMOTING:
                registry.promote(
                    candidate.version,
                    expected=serving.version if serving else None,
                    verdict=judged.verdict,
                    reason=judged.reason,
                )
                outcome = f"promoted: {judged.verdict}"
            else:
                registry.reject(candidate.version, f"{judged.verdict}: {judged.reason}")
                outcome = f"kept: candidate {candidate.version} {judged.verdict}"
        current = registry.champion()
        if current is None:
            raise dg.Failure(
                f"no model may serve: {outcome} under PROMOTION_POLICY={settings.promotion_policy}",
                allow_retries=False,
            )
        context.log.info(f"champion: {current.version}, {outcome}")
        judged = evaluations.latest(current.version)
        figures = {name: value for name, value in judged.metrics.items() if value == value} if judged else {}
        return dg.MaterializeResult(
            metadata=versions.metadata(current)
            | {
                "outcome": outcome,
                "verdict": judged.verdict if judged else "",
                "reason": current.reason or "",
            }
            | {name: float(value) for name, value in figures.items()}
        )

    return champion
