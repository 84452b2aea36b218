"""`promote`, `approve`, `decline` and `rollback`: people choose the champion; one transaction each."""

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.shadow import shadow_evidence, was_shadow
from loan_default_assets.commands.warning_lines import version_warnings
from loan_default_assets.model.artifact_store import ArtifactCheck
from loan_default_assets.policy.promotion import PROMOTING
from loan_default_assets.policy.verdict_words import verdict_words
from loan_default_assets.signing.signed_models import model_signer
from loan_default_assets.warehouse.evaluations import EvaluationRecord
from loan_default_assets.warehouse.promotions import PROMOTION_POLICY, PromotionOutcome
from loan_default_assets.warehouse.registry import ModelRecord, RegistryError


def promote(session: Session, version: str, reason: str) -> str:
    """Sign a version and make it champion, or propose it where approvals are required; lines on the outcome.

    A champion that is not signed is signed. Of a version that was a shadow, the comparison with the champion is shown,
    and recorded with the reason.

    Raises:
        CommandError: The version is unknown, was never evaluated, or is of another portfolio hash.
        WarehouseError: Retention has deleted its files, or the same person has approved it already.
        ArtifactError: Its files are missing or damaged, its signature is not accepted, or it cannot be signed.
    """
    record, champion = _known(session, version), session.registry.champion()
    evaluated, found = _usable(session, record)
    if champion is not None and champion.version == version:
        key_id = model_signer(session.settings)(found)
        now = "" if found.signed_by else f"; it is signed now, with key {key_id[:16]}"
        return f"{version} is the champion already{now}"
    evidence = shadow_evidence(session, version) if was_shadow(session, version) else []
    outcome = session.promotions.promote(
        version,
        expected=champion.version if champion else None,
        verdict=evaluated.verdict,
        reason="; ".join([reason, f"its verdict was {evaluated.verdict}", *map(str.strip, evidence)]),
        prepare=lambda: model_signer(session.settings)(found),
    )
    return "\n".join([_line(version, champion, outcome), *version_warnings(session, version), *evidence])


def approve(session: Session, version: str, reason: str) -> str:
    """Approve a promotion that waits; the last approval that it needs makes the version champion.

    Raises:
        CommandError: See `promote`; or the chain proposed the version, and its newest evaluation rejects it.
        WarehouseError: No promotion of it waits, or the same person has approved it already.
        ArtifactError: See `promote`.
    """
    record, champion = _known(session, version), session.registry.champion()
    evaluated, found = _usable(session, record)
    proposed = [each for each in session.promotions.waiting() if each.version == version]
    if any(each.actor == PROMOTION_POLICY for each in proposed) and evaluated.verdict not in PROMOTING:
        words = verdict_words(evaluated.verdict, evaluated.role)
        raise CommandError(
            f"the newest verdict on {version} is: {words}; the chain will reject it\n"
            f"Next: loan-default decline {version} --reason TEXT"
        )
    outcome = session.promotions.approve(
        version,
        expected=champion.version if champion else None,
        verdict=evaluated.verdict,
        reason=reason,
        prepare=lambda: model_signer(session.settings)(found),
    )
    return "\n".join([_line(version, champion, outcome), *version_warnings(session, version)])


def decline(session: Session, version: str, reason: str) -> str:
    """End a promotion that waits; the champion stays, and a candidate is rejected.

    Raises:
        WarehouseError: No promotion of it waits.
    """
    proposal = session.promotions.decline(version, reason)
    return f"the promotion of {version}, proposed by {proposal.actor}, is declined; the champion stays"


def _known(session: Session, version: str) -> ModelRecord:
    try:
        return session.registry.get(version)
    except RegistryError:
        known = ", ".join(r.version for r in session.registry.history() if r.kind == "classifier")
        raise CommandError(f"there is no version {version}; there are: {known or 'none'}") from None


def _usable(session: Session, record: ModelRecord) -> tuple[EvaluationRecord, ArtifactCheck]:
    """The newest evaluation and the files of a version that may be promoted."""
    version = record.version
    evaluated = session.evaluations.latest(version)
    if evaluated is None:
        raise CommandError(
            f"{version} has no recorded verdict\nNext: materialize evaluation in the UI (loan-default up)"
        )
    if record.portfolio_hash != session.portfolio.hash:
        raise CommandError(
            f"{version} was trained under another description of portfolio {session.portfolio.name} and cannot "
            "score its rows\nNext: loan-default retrain"
        )
    session.registry.refuse_pruned(version, "nothing was promoted")
    return evaluated, session.artifacts.check(record).required()


def _line(version: str, former: ModelRecord | None, outcome: PromotionOutcome) -> str:
    if outcome.champion is not None:
        return f"{version} is the champion" + (f" in place of {former.version}" if former else "")
    given = ", ".join(outcome.proposal.approved_by) if outcome.proposal else ""
    return (
        f"the promotion of {version} waits for {outcome.missing} more of {outcome.required} approvals; approved by "
        f"{given}; champion is {former.version if former else 'none'} until then\n"
        f"Next: another person runs loan-default approve {version} --reason TEXT"
    )


def rollback(session: Session, reason: str) -> str:
    """Make the previous champion the champion again; a line on the outcome.

    Raises:
        WarehouseError: There is no earlier champion, or retention has deleted its files.
        ArtifactError: The files of the earlier champion are missing or damaged, its signature is not accepted, or it
            cannot be signed; the champion stays.
    """
    champion, previous = session.registry.champion(), session.registry.previous_champion()
    if previous is not None:
        session.registry.refuse_pruned(previous.version, "nothing was rolled back")
        model_signer(session.settings)(session.artifacts.check_served(previous).required())
    back = session.registry.rollback(
        reason,
        expected=champion.version if champion else None,
        to=previous.version if previous else None,
    )
    return f"{back.version} is the champion again in place of {champion.version if champion else None}"
