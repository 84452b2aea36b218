"""The step that evaluates challenger and champion and records the promotion verdict."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from logging import Logger
from typing import TYPE_CHECKING, Literal

from loan_default_assets.pipeline.attestation import discrimination_is_attested
from loan_default_assets.pipeline.check_results import F1_TARGET, FINITE_OUTPUTS, CheckResult
from loan_default_assets.pipeline.evaluation_window import EvaluationWindow, evaluation_window
from loan_default_assets.pipeline.model_evaluation import (
    BaselineEvaluation,
    ModelEvaluation,
    compare,
    evaluate_baseline,
    evaluate_model,
)
from loan_default_assets.pipeline.pipeline_errors import NoModelError
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.pipeline.version_selection import pending_challenger
from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.promotion import PromotionLimits, Verdict, decide_promotion
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.splits import SplitLimits

Role = Literal["candidate", "champion"]


@dataclass(frozen=True)
class WindowEvaluation:
    """What was evaluated on one window.

    Attributes:
        model: The challenger, or the champion where no challenger is pending.
        champion: The champion that the challenger was compared with.
        recorded: The evaluations passed to the log, which keeps one per model, snapshot and role.
        checks: Finite outputs, and F1 against its target.
    """

    snapshot: TrainingSnapshot
    window: EvaluationWindow
    model: ModelEvaluation
    champion: ModelEvaluation | None
    baseline: BaselineEvaluation
    verdict: Verdict
    recorded: tuple[EvaluationRecord, ...]
    checks: tuple[CheckResult, ...]


def evaluate_models(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    evaluations: EvaluationLog,
    *,
    limits: PromotionLimits,
    split_limits: "SplitLimits",
    seed: int,
    cutoff: date | None = None,
    log: Logger,
) -> WindowEvaluation:
    """Evaluate challenger and champion on the same evaluation window, beside the baseline, and record the verdict.

    Without a pending challenger the champion is evaluated alone, as newly matured labels arrive.

    Args:
        seed: Seed of the baseline.
        cutoff: Nothing that became known after this date is used; None for all that is materialized.

    Raises:
        NoModelError: There is neither a challenger nor a champion.
        NoRowsError: No matured loan is newer than what the models were fitted on.
    """
    challenger, champion = pending_challenger(registry, portfolio), registry.champion()
    present = [record for record in (challenger, champion) if record is not None]
    if not present:
        raise NoModelError("there is no model to evaluate; materialize classifier first")
    snapshot = read_snapshot(loans, split_limits, cutoff)
    window = evaluation_window(snapshot, present)
    baseline = evaluate_baseline(portfolio, snapshot, window, seed)
    model, *others = [
        _with_attestation(evaluate_model(record, portfolio, window), portfolio, snapshot, limits)
        for record in present
    ]
    compared = others[0] if others else None
    for evaluation in (model, *others):
        if evaluation.failure:
            log.warning(f"evaluation: {evaluation.version} cannot be served: {evaluation.failure}")
    if challenger is None:
        verdict = _standing(model, limits)
    else:
        verdict = decide_promotion(
            model.policy_input,
            compared.policy_input if compared else None,
            compare(model, compared, window),
            limits,
        )

    entries: list[tuple[ModelEvaluation, Role, Verdict]] = []
    if challenger is not None:
        entries.append((model, "candidate", verdict))
    elif not _evaluated_before(evaluations, model.version, snapshot.digest):
        entries.append((model, "champion", verdict))
    if compared is not None:
        entries.append((compared, "champion", _standing(compared, limits)))
    recorded = []
    for evaluation, role, decided in entries:
        compared_with = compared.version if compared and role == "candidate" else None
        entry = _record(evaluation, role, decided, snapshot, window, baseline, compared_with)
        evaluations.record(entry)
        recorded.append(entry)
    log.info(f"evaluation: {model.version} {verdict.decision}. {' '.join(verdict.reasons)}")
    return WindowEvaluation(
        snapshot, window, model, compared, baseline, verdict, tuple(recorded), _checks(model, limits)
    )


def _with_attestation(
    evaluation: ModelEvaluation, portfolio: Portfolio, snapshot: TrainingSnapshot, limits: PromotionLimits
) -> ModelEvaluation:
    """The evaluation, with near-perfect discrimination marked where attested features carry it."""
    if leakage_not_excluded(evaluation.policy_input, limits) is None:
        return evaluation
    attested = discrimination_is_attested(portfolio, snapshot, limits.auc_ceiling)
    return replace(evaluation, policy_input=replace(evaluation.policy_input, attested=attested))


def _standing(champion: ModelEvaluation, limits: PromotionLimits) -> Verdict:
    """The verdict on a champion alone, which neither promotes nor rejects."""
    return decide_promotion(champion.policy_input, champion.policy_input, None, limits)


def _evaluated_before(evaluations: EvaluationLog, version: str, snapshot: str) -> bool:
    """Whether the newest evaluation of the version, in either role, is on the same rows."""
    last = evaluations.latest(version)
    return last is not None and last.snapshot_hash == snapshot


def _record(
    evaluation: ModelEvaluation,
    role: Role,
    verdict: Verdict,
    snapshot: TrainingSnapshot,
    window: EvaluationWindow,
    baseline: BaselineEvaluation,
    compared_with: str | None,
) -> EvaluationRecord:
    return EvaluationRecord(
        model_version=evaluation.version,
        role=role,
        snapshot_hash=snapshot.digest,
        window_from=window.first,
        window_to=window.last,
        rows=evaluation.policy_input.rows,
        positives=evaluation.policy_input.positives,
        metrics=evaluation.metrics.values,
        intervals=evaluation.metrics.intervals,
        baseline=baseline.as_dict(),
        verdict=verdict.decision,
        reason=" ".join(verdict.reasons),
        compared_with=compared_with,
        evaluated_at=datetime.now(UTC),
    )


def _checks(model: ModelEvaluation, limits: PromotionLimits) -> tuple[CheckResult, ...]:
    f1, target = model.metrics.values["f1"], limits.f1_threshold
    return (
        CheckResult(FINITE_OUTPUTS, passed=model.policy_input.outputs_finite),
        CheckResult(
            F1_TARGET,
            passed=bool(f1 >= target),
            description=f"F1 of the default class {f1:.3f}, target {target}",
            figures={"f1": f1, "target": target},
            warning=True,
        ),
    )
