"""The step that carries out a promotion whose last approval was given where no model can be signed, by an API key."""

from typing import TYPE_CHECKING

from loan_default_assets.pipeline.pipeline_errors import ModelFilesError
from loan_default_assets.policy.promotion import PROMOTING
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.promotions import PROMOTION_POLICY, Promotions
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.signing.signed_models import Sign


def carry_out_approved(
    portfolio: Portfolio,
    registry: Registry,
    evaluations: EvaluationLog,
    store: "ArtifactStore",
    promotions: Promotions,
    sign: "Sign",
) -> str | None:
    """Promote the first version that has all its approvals; the others end with it.

    One that the chain proposed and whose newest verdict rejects it, or that cannot score the portfolio's rows, is left
    as it is: the chain rejects the former, and `status` names both.

    Returns:
        The version and who approved it; None where nothing was promoted.

    Raises:
        ArtifactError: The version cannot be signed.
        ModelFilesError: Its files are missing or damaged.
        RegistryError: Retention has deleted its files, or the champion has changed meanwhile.
    """
    for proposal in promotions.approved():
        record, champion = registry.get(proposal.version), registry.champion()
        evaluation = evaluations.latest(proposal.version)
        if evaluation is None or record.portfolio_hash != portfolio.hash:
            continue
        if proposal.actor == PROMOTION_POLICY and evaluation.verdict not in PROMOTING:
            continue
        registry.refuse_pruned(record.version, "nothing was promoted")
        found = store.check(record)
        if not found.intact:
            raise ModelFilesError(found.problem)
        promotions.promote(
            record.version,
            expected=champion.version if champion else None,
            verdict=evaluation.verdict,
            reason=evaluation.reason,
            prepare=lambda found=found: sign(found),  # type: ignore[misc]
            automatic=True,
        )
        return f"{record.version}, approved by {', '.join(proposal.approved_by)}"
    return None
