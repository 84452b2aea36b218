"""The step that evaluates challenger and champion and records the promotion verdict."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from logging import Logger
from typing import TYPE_CHECKING, Any, Literal

from loan_default_assets.pipeline.attestation import discrimination_is_attested
from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.evaluation_checks import evaluation_checks
from loan_default_assets.pipeline.evaluation_window import EvaluationWindow, evaluation_window
from loan_default_assets.pipeline.model_evaluation import (
    ModelEvaluation,
    References,
    compare,
    difference_to_reference,
    evaluate_model,
    evaluate_references,
)
from loan_default_assets.pipeline.pipeline_errors import ModelFilesError, NoModelError
from loan_default_assets.pipeline.snapshot_leakage import leakage_doubt
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.pipeline.version_selection import pending_challenger
from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion import Verdict
from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.verdict_words import verdict_words
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import ModelRecord, Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.split_bounds import SplitLimits

# Recorded with the metrics of a window that was sampled.
WINDOW_SHARE_METRIC = "window_share"
Role = Literal["candidate", "champion"]


@dataclass(frozen=True)
class WindowEvaluation:
    """What was evaluated on one window.

    Attributes:
        model: The challenger, or the champion where no challenger is pending.
        champion: The champion that the challenger was compared with.
        recorded: The evaluations passed to the log, which keeps one per model, snapshot and role.
        checks: Finite outputs, F1 against its target, ROC-AUC against the best reference, and the doubt of leakage.
    """

    snapshot: TrainingSnapshot
    window: EvaluationWindow
    model: ModelEvaluation
    champion: ModelEvaluation | None
    references: References
    verdict: Verdict
    recorded: tuple[EvaluationRecord, ...]
    checks: tuple[CheckResult, ...]


def evaluate_models(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    evaluations: EvaluationLog,
    store: "ArtifactStore",
    *,
    limits: PromotionLimits,
    split_limits: "SplitLimits",
    seed: int,
    cutoff: date | None = None,
    log: Logger,
) -> WindowEvaluation:
    """Evaluate challenger and champion on the same evaluation window, beside the references, and record the verdict.

    Without a pending challenger the champion is evaluated alone, as newly matured labels arrive. A champion whose
    files are missing or damaged is not compared, and no evaluation of it is recorded.

    Args:
        store: Where the files of the models are.
        seed: Seed of the references.
        cutoff: Nothing that became known after this date is used; None for all that is materialized.

    Raises:
        NoModelError: There is neither a challenger nor a champion.
        NoRowsError: No matured loan is newer than what the models were fitted on.
        ModelFilesError: The files of the challenger, or of the champion alone, are missing or damaged. Nothing is
            recorded: a verdict on files that can be restored would be final.
    """
    challenger, champion = pending_challenger(registry, portfolio), registry.champion()
    present = [record for record in (challenger, champion) if record is not None]
    if not present:
        raise NoModelError("there is no model to evaluate; materialize classifier first")
    _require_files(present[0], store)
    snapshot = read_snapshot(loans, split_limits, cutoff)
    window = evaluation_window(snapshot, present)
    references = evaluate_references(portfolio, snapshot, window, seed)
    doubt = leakage_doubt(portfolio, snapshot)
    model, *others = [
        _with_attestation(
            _with_context(evaluate_model(record, portfolio, window, store), references, window, doubt),
            portfolio,
            snapshot,
            limits,
        )
        for record in present
    ]
    compared = others[0] if others else None
    for evaluation in (model, *others):
        if evaluation.failure:
            log.warning(f"evaluation: {evaluation.version} cannot be served: {evaluation.failure}")
    as_of = cutoff if _is_replay(loans, split_limits, cutoff, snapshot) else None
    inputs = _inputs(model, compared if challenger else model, limits, snapshot, as_of)
    if challenger is not None:
        inputs = replace(inputs, comparison=compare(model, compared, window))
    verdict = _with_sampling(inputs.verdict(), window)

    entries: list[tuple[ModelEvaluation, Role, PromotionInputs]] = []
    if challenger is not None:
        entries.append((model, "candidate", inputs))
    elif not _evaluated_before(evaluations, model.version, snapshot.digest):
        entries.append((model, "champion", inputs))
    if compared is not None and compared.policy_input.artifact_matches:
        entries.append((compared, "champion", _inputs(compared, compared, limits, snapshot, as_of)))
    recorded = []
    for evaluation, role, decided_on in entries:
        compared_with = compared.version if compared and role == "candidate" else None
        decided = _with_sampling(decided_on.verdict(), window)
        entry = _record(evaluation, role, decided, snapshot, window, references, compared_with)
        evaluations.record(entry, decided_on.as_dict())
        recorded.append(entry)
    words = verdict_words(verdict.decision, "champion" if challenger is None else "candidate")
    log.info(f"evaluation: {model.version}: {words}. {' '.join(verdict.reasons)}")
    return WindowEvaluation(
        snapshot,
        window,
        model,
        compared,
        references,
        verdict,
        tuple(recorded),
        evaluation_checks(model, limits),
    )


def _require_files(record: ModelRecord, store: "ArtifactStore") -> None:
    found = store.check(record)
    if found.intact:
        return
    # `run` trains nothing where another version is the one of the present rows.
    more = (
        ", or loan-default retrain where the same rows were trained on" if record.status == "champion" else ""
    )
    raise ModelFilesError(f"{found.problem}{more}")


def _with_context(
    evaluation: ModelEvaluation, references: References, window: EvaluationWindow, doubt: LeakageDoubt | None
) -> ModelEvaluation:
    """The evaluation, with the difference to the best reference and the doubt that the features leave."""
    difference = difference_to_reference(evaluation, references, window)
    return replace(
        evaluation, policy_input=replace(evaluation.policy_input, reference=difference, doubt=doubt)
    )


def _with_attestation(
    evaluation: ModelEvaluation, portfolio: Portfolio, snapshot: TrainingSnapshot, limits: PromotionLimits
) -> ModelEvaluation:
    """The evaluation, with near-perfect discrimination marked where attested features carry it."""
    if leakage_not_excluded(evaluation.policy_input, limits) is None:
        return evaluation
    attested = discrimination_is_attested(portfolio, snapshot, limits.auc_ceiling)
    return replace(evaluation, policy_input=replace(evaluation.policy_input, attested=attested))


def _inputs(
    model: ModelEvaluation,
    champion: ModelEvaluation | None,
    limits: PromotionLimits,
    snapshot: TrainingSnapshot,
    as_of: date | None,
) -> PromotionInputs:
    """What is decided on, without a comparison; a champion beside itself is neither promoted nor rejected."""
    return PromotionInputs(
        model.policy_input,
        champion.policy_input if champion else None,
        None,
        limits,
        snapshot.cutoff,
        as_of=as_of,
    )


def _with_sampling(verdict: Verdict, window: EvaluationWindow) -> Verdict:
    """The verdict, with a sentence where the window is a sample."""
    return replace(verdict, reasons=(*verdict.reasons, window.sampling)) if window.sampling else verdict


def _is_replay(loans: Loans, limits: "SplitLimits", cutoff: date | None, snapshot: TrainingSnapshot) -> bool:
    """Whether more is known by now than by the cutoff that was asked for."""
    if cutoff is None:
        return False
    with loans.snapshot_rows() as stored:
        return stored.digest(limits.max_rows) != snapshot.digest


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
    references: References,
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
        metrics={
            **evaluation.metrics.values,
            **({WINDOW_SHARE_METRIC: window.share} if window.share < 1 else {}),
        },
        intervals=evaluation.metrics.intervals,
        baseline=references.as_dict() | _difference(evaluation),
        verdict=verdict.decision,
        reason=" ".join(verdict.reasons),
        compared_with=compared_with,
        evaluated_at=datetime.now(UTC),
    )


def _difference(evaluation: ModelEvaluation) -> dict[str, Any]:
    """What is recorded of the best reference beside its metrics; nothing where the rows define no ROC-AUC."""
    reference = evaluation.policy_input.reference
    if reference is None or reference.dauc_low != reference.dauc_low:
        return {}
    return {
        "roc_auc_difference": [reference.dauc_low, reference.dauc_high],
        "roc_auc_low": reference.roc_auc_low,
    }
