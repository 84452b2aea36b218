"""Whether the registry's statuses follow from the recorded decisions, and these from recorded verdicts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.registry import ModelRecord

# What is wrong with a signature by the key of this id over these bytes; None where it is valid.
CheckSignature = Callable[[str, bytes, bytes], str | None]
# Decisions of before the table was created, which the migration recorded.
MIGRATION = "the migration to hash chains"


def verify_decisions(
    decisions: Sequence[RecordedDecision],
    models: Iterable[ModelRecord],
    evaluations: Sequence[EvaluationInputs],
    check_signature: CheckSignature | None,
    deviations: Deviations,
) -> None:
    """Replay the decisions, and compare their outcome with `model_metadata`.

    Args:
        check_signature: Checks the signature of a decision's hash; None where signatures cannot be checked.
    """
    by_version = {model.version: model for model in models}
    status = dict.fromkeys(by_version, "candidate")
    last: dict[str, RecordedDecision] = {}
    promoted: dict[str, RecordedDecision] = {}
    champion: str | None = None
    earliest: dict[str, datetime | None] = {}
    changed_at: datetime | None = None
    for decision in decisions:
        _verify_signature(decision, check_signature, deviations)
        _verify_verdict(decision, evaluations, deviations)
        if decision.decided_by != MIGRATION and decision.previous_champion != champion:
            _add(
                deviations,
                decision,
                expected=f"champion {champion} before it",
                found=str(decision.previous_champion),
            )
        if decision.action == "rejected":
            status[decision.version] = "rejected"
        else:
            if champion is not None:
                status[champion] = "retired" if decision.action == "promoted" else "rejected"
                last.pop(champion, None)
            status[decision.version] = "champion"
            champion = decision.version
            promoted[decision.version] = decision
            earliest[decision.version], changed_at = changed_at, decision.decided_at
        last[decision.version] = decision
        model = by_version.get(decision.version)
        if model is not None and model.artifact_sha256 != decision.artifact_sha256:
            _differs(
                model,
                "artifact_sha256",
                decision.artifact_sha256,
                model.artifact_sha256,
                decision,
                deviations,
            )
    for version, model in by_version.items():
        if model.status != status[version]:
            deviations.add(
                "decision",
                "model_metadata",
                f"version {version}",
                expected=f"status {status[version]}, as the recorded decisions say",
                found=model.status,
            )
        if version in last and model.reason != last[version].reason:
            _differs(model, "reason", last[version].reason, model.reason, last[version], deviations)
        if version in promoted:
            _verify_promotion(model, promoted[version], earliest[version], deviations)
        elif version not in last or last[version].decided_by != MIGRATION:
            _verify_never_promoted(model, deviations)


def _verify_promotion(
    model: ModelRecord, decision: RecordedDecision, after: datetime | None, deviations: Deviations
) -> None:
    """Compare the verdict and the time of the last promotion with its decision.

    The time is set in the transaction that records the decision, a moment before it. Rollback and retention go by it.

    Args:
        after: Time of the change of the champion before; None where it is the first one.
    """
    if model.verdict != decision.verdict:
        _differs(model, "verdict", decision.verdict, model.verdict, decision, deviations)
    at = model.promoted_at
    if at is None or at > decision.decided_at or (after is not None and at <= after):
        decided, found = decision.decided_at.isoformat(), None if at is None else at.isoformat()
        _differs(model, "promoted_at", decided, found, decision, deviations)


def _verify_never_promoted(model: ModelRecord, deviations: Deviations) -> None:
    for column, found in (("verdict", model.verdict), ("promoted_at", model.promoted_at)):
        if found is not None:
            deviations.add(
                "decision",
                "model_metadata",
                f"version {model.version}",
                expected=f"no {column}, since no decision promoted it",
                found=str(found),
            )


def _verify_signature(
    decision: RecordedDecision, check: CheckSignature | None, deviations: Deviations
) -> None:
    problem = None
    if decision.signature is None or decision.key_id is None:
        problem = "none" if decision.requires_signature else None
    elif check is not None:
        problem = check(decision.key_id, decision.hash, decision.signature)
    if problem:
        deviations.add(
            "signature",
            "champion_decisions",
            f"decision {decision.id} on version {decision.version}",
            expected="a valid signature of its hash",
            found=problem,
        )


def _verify_verdict(
    decision: RecordedDecision, evaluations: Sequence[EvaluationInputs], deviations: Deviations
) -> None:
    """A promotion has a verdict that was recorded for its version; an operator may promote under any of them."""
    if decision.action != "promoted" or decision.decided_by == MIGRATION:
        return
    known = [
        each.evaluation.verdict for each in evaluations if each.evaluation.model_version == decision.version
    ]
    if decision.verdict not in known:
        verdicts = " or ".join(sorted(set(known))) or "none"
        _add(
            deviations,
            decision,
            expected=f"a verdict of model_performance, which has {verdicts}",
            found=str(decision.verdict),
        )


def _add(deviations: Deviations, decision: RecordedDecision, *, expected: str, found: str) -> None:
    row = f"decision {decision.id} on version {decision.version}"
    deviations.add("decision", "champion_decisions", row, expected=expected, found=found)


def _differs(
    model: ModelRecord,
    column: str,
    decided: str | None,
    found: str | None,
    decision: RecordedDecision,
    deviations: Deviations,
) -> None:
    deviations.add(
        "decision",
        "model_metadata",
        f"version {model.version}",
        expected=f"{column} {decided!r} of decision {decision.id}",
        found=repr(found),
    )
