"""The step that carries out a recorded promotion verdict."""

from dataclasses import dataclass
from logging import Logger
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.approved_promotion import carry_out_approved
from loan_default_assets.pipeline.pipeline_errors import MissingVerdictError, ModelFilesError, NoModelError
from loan_default_assets.pipeline.version_selection import pending_challenger
from loan_default_assets.policy.promotion import PROMOTING
from loan_default_assets.policy.verdict_warnings import VerdictWarning
from loan_default_assets.policy.verdict_words import verdict_words
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.signing.signed_models import Sign


@dataclass(frozen=True)
class ChampionDecision:
    """The champion after the decision, and its newest evaluation.

    Attributes:
        outcome: What was decided, in a line.
        warnings: What a reader of the champion's verdict must know besides.
        rejection: Why the challenger was rejected; empty where none was.
    """

    champion: ModelRecord
    outcome: str
    evaluation: EvaluationRecord | None
    warnings: tuple[VerdictWarning, ...] = ()
    rejection: str = ""


def decide_champion(
    portfolio: Portfolio,
    registry: Registry,
    evaluations: EvaluationLog,
    store: "ArtifactStore",
    *,
    promotions: Promotions,
    sign: "Sign",
    promotion_policy: str,
    log: Logger,
) -> ChampionDecision:
    """Promote, propose or reject the pending challenger as its recorded verdict says, in one transaction.

    Where the policy requires approvals, the challenger waits for them and the champion stays. A promotion that has all
    of them is carried out first, and nothing else is decided then. A model is signed before
    it is promoted. Repeating it changes nothing.

    Args:
        promotions: Promotes under the policy.
        sign: Signs the files of a model.

    Raises:
        ArtifactError: The challenger to promote cannot be signed.
        ModelFilesError: The files of the challenger to promote are missing or damaged.
        MissingVerdictError: The challenger has not been evaluated.
        NoModelError: No model is champion after the decision; the message names `promotion_policy`.
    """
    approved = carry_out_approved(portfolio, registry, evaluations, store, promotions, sign)
    challenger = pending_challenger(registry, portfolio) if approved is None else None
    outcome = f"promoted: {approved}" if approved else "kept: no challenger is pending"
    if challenger is not None:
        outcome = _carry_out_verdict(challenger, registry, evaluations, store, promotions, sign)
    champion = registry.champion()
    if champion is None:
        raise NoModelError(
            f"no model may serve: {outcome.removeprefix('kept: ')} under PROMOTION_POLICY={promotion_policy}\nNext: "
            "loan-default status shows the evaluation; "
            "where its window has few defaults, add loans with an outcome, then loan-default run"
        )
    log.info(f"champion: {champion.version}, {outcome}")
    decided = registry.get(challenger.version) if challenger is not None else None
    rejection = decided.reason or "" if decided is not None and decided.status == "rejected" else ""
    newest, warnings = evaluations.latest(champion.version), evaluations.warnings(champion.version)
    return ChampionDecision(champion, outcome, newest, warnings, rejection)


def _carry_out_verdict(
    challenger: ModelRecord,
    registry: Registry,
    evaluations: EvaluationLog,
    store: "ArtifactStore",
    promotions: Promotions,
    sign: "Sign",
) -> str:
    champion, evaluation = registry.champion(), evaluations.latest(challenger.version)
    serving = champion.version if champion else None
    if evaluation is None:
        raise MissingVerdictError(
            f"challenger {challenger.version} has no recorded verdict; materialize evaluation first"
        )
    if challenger.parent != serving:
        reason = f"trained to challenge {challenger.parent}, which is no longer champion"
        registry.reject(challenger.version, reason)
        return f"kept: challenger {challenger.version} {reason}"
    words = verdict_words(evaluation.verdict)
    if evaluation.verdict in PROMOTING:
        found = store.check(challenger)
        if not found.intact:
            raise ModelFilesError(found.problem)
        outcome = promotions.promote(
            challenger.version,
            expected=serving,
            verdict=evaluation.verdict,
            reason=evaluation.reason,
            prepare=lambda: sign(found),
            automatic=True,
        )
        if outcome.champion is None:
            waits = (
                f"challenger {challenger.version} is {words} and waits for {outcome.missing} of "
                f"{outcome.required} approvals"
            )
            step = f"loan-default approve {challenger.version} --reason TEXT"
            if serving is None:
                raise NoModelError(f"no model serves yet: {waits}\nNext: {step}")
            return f"kept: {waits}: {step}"
        return f"promoted: {words}"
    registry.reject(challenger.version, f"{evaluation.verdict}: {evaluation.reason}")
    return f"kept: challenger {challenger.version}: {words}"
