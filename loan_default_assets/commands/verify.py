"""`verify`: whether recorded decisions are what the models decided, from database and files alone."""

import uuid
from dataclasses import replace
from pathlib import Path

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.limits import split_limits
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_decisions import CheckSignature
from loan_default_assets.pipeline.verify_models import CheckManifest
from loan_default_assets.pipeline.verify_predictions import PredictionCounts
from loan_default_assets.pipeline.verify_records import Verification, verify_records
from loan_default_assets.signing.signed_models import (
    SignatureRules,
    check_model,
    record_check,
    signature_rules,
)
from loan_default_assets.warehouse.registry import ModelRecord


def verify(session: Session, request_id: str | None) -> Verification:
    """Verify the predictions of a request and what they rest on; all records where none is named.

    Raises:
        CommandError: It is no request id, or no prediction of it was ever recorded.
    """
    if request_id is not None:
        try:
            request_id = str(uuid.UUID(request_id))
        except ValueError:
            raise CommandError(
                f"{request_id!r} is no request id: a UUID is expected, as in the response to a request\n"
                "Next: loan-default verify --all"
            ) from None
    rules = signature_rules(session.settings)
    verification = verify_records(
        session.database,
        session.portfolio,
        # Without signatures, which a check of their own names.
        replace(session.artifacts, signatures=None, whole=True),
        split_limits(session.settings),
        request_id=request_id,
        check_manifest=_manifest_check(rules),
        check_signature=_signature_check(rules),
    )
    seen = verification.predictions
    if request_id is not None and not (seen.rows or seen.pruned or verification.deviations):
        raise CommandError(
            f"no prediction of request {request_id} was ever recorded in portfolio {session.portfolio.name}\n"
            "Next: loan-default verify --all"
        )
    return verification


def _manifest_check(rules: SignatureRules) -> CheckManifest:
    def check(_model: ModelRecord, folder: Path, announced: bool) -> str | None:
        try:
            signed_by = check_model(folder, rules)
        except ArtifactError as error:
            return str(error).partition("\n")[0]
        return "none" if announced and signed_by is None else None

    return check


def _signature_check(rules: SignatureRules) -> CheckSignature:
    signed = record_check(rules)

    def check(key_id: str, content: bytes, signature: bytes) -> str | None:
        return (
            None
            if signed(key_id, content, signature)
            else f"one that no trusted key made (key {key_id[:12]}..)"
        )

    return check


def text(found: Verification) -> str:
    """What was verified as lines; then the first deviation, and how many there are of each kind."""
    lines = [
        f"predictions  {found.predictions.rows:,} rows, {found.links:,} links in {found.chains} chains"
        + _pruned(found),
        f"scores       {_scores(found.predictions)}",
        *_other_scores(found),
        f"models       {len(found.files.folders)} of {found.models} with files as registered"
        + (f", {len(found.files.pruned)} pruned" if found.files.pruned else ""),
        f"snapshots    {_snapshots(found)}",
        f"verdicts     {found.gates.recomputed} computed again"
        + (
            f", {found.gates.not_recorded} of an earlier release cannot be"
            if found.gates.not_recorded
            else ""
        ),
        f"decisions    {_decisions(found)}",
    ]
    return "\n".join([*lines, *_starts(found), *_outcome(found.deviations)])


def _outcome(deviations: Deviations) -> list[str]:
    if not deviations:
        return ["verified: every record is as it was written"]
    counts = ", ".join(f"{check} {count:,}" for check, count in deviations.counts.items())
    first, *others = deviations.first.values()
    return [
        f"BROKEN {first}",
        *(f"also   {deviation}" for deviation in others),
        f"deviations by check: {counts}",
        "Next: compare with a backup (loan-default restore DIR, in another home); docs/verification.md says what each "
        "check proves",
    ]


def _pruned(found: Verification) -> str:
    pruned, before = found.predictions.pruned, found.pruned.unlinked
    parts = [f"{pruned:,} pruned with tombstone"] if pruned else []
    parts += [f"{before:,} pruned before there were chains"] if before else []
    return "".join(f"; {part}" for part in parts)


def _scores(seen: PredictionCounts) -> str:
    parts = [f"{seen.reproduced:,} reproduced, {seen.identical:,} of them bit for bit"]
    parts += [f"largest difference {seen.largest:.1e}"] if seen.largest else []
    parts += [f"{seen.erased:,} erased"] if seen.erased else []
    parts += [f"{count:,} not reproduced: {reason}" for reason, count in seen.not_reproduced.items()]
    return "; ".join(parts)


def _other_scores(found: Verification) -> list[str]:
    """Of shadows, of stored loans, and of records that the log refused, where there are any."""
    lines, shadow, batch, refused = [], found.shadow, found.batch_scores, found.refused
    if found.shadow_links or shadow.rows:
        gone = f"; {shadow.pruned:,} deleted with their predictions" if shadow.pruned else ""
        lines.append(
            f"shadow       {shadow.rows:,} rows, {found.shadow_links:,} links{gone}; {_scores(shadow)}"
        )
    if batch is not None and batch.partitions:
        parts = [
            f"{batch.rows:,} loans, {batch.recorded:,} of {batch.partitions:,} partitions as scored",
            *([f"{batch.erased:,} as an erasure left them"] if batch.erased else []),
            *([f"{batch.dropped:,} of dropped years"] if batch.dropped else []),
        ]
        lines.append(f"batch scores {'; '.join(parts)}")
    if refused is not None and refused.rows:
        erased = f", {refused.erased:,} of them as an erasure left it" if refused.erased else ""
        lines.append(f"refused      {refused.rows:,} records{erased}")
    return lines


def _starts(found: Verification) -> list[str]:
    return [
        f"chained from {each.began_at:%Y-%m-%d %H:%M} UTC: {each.table}; "
        f"older rows, proven from then on only: {each.earlier_rows:,}"
        for each in found.starts
    ]


def _snapshots(found: Verification) -> str:
    same = sum(not state.reason for state in found.snapshots)
    others = [f"{state.version} cannot be: {state.reason}" for state in found.snapshots if state.reason]
    return "; ".join([f"{same} of {len(found.snapshots)} computed again from processed_data", *others])


def _decisions(found: Verification) -> str:
    if not found.decisions:
        return "none"
    signed = sum(decision.signature is not None for decision in found.decisions)
    last = found.decisions[-1]
    approved = f", {found.approved} with the required approvals" if found.approved else ""
    counts = f"{len(found.decisions)}, {signed} signed{approved}"
    return f"{counts}; the last is number {last.id} with hash {last.hash.hex()}"
