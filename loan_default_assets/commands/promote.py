"""`promote` and `rollback`: an operator chooses the champion; one transaction each."""

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.commands.shadow import shadow_evidence, was_shadow
from loan_default_assets.signing.signed_models import model_signer
from loan_default_assets.warehouse.registry import RegistryError


def promote(session: Session, version: str, reason: str) -> str:
    """Sign a version and make it champion; lines on the outcome. A champion that is not signed is signed.

    Of a version that was a shadow, the comparison with the champion is shown, and recorded with the reason.

    Raises:
        CommandError: The version is unknown, was never evaluated, or is of another portfolio hash.
        WarehouseError: Retention has deleted its files.
        ArtifactError: Its files are missing or damaged, its signature is not accepted, or it cannot be signed.
    """
    registry = session.registry
    try:
        record, champion = registry.get(version), registry.champion()
    except RegistryError:
        known = ", ".join(r.version for r in registry.history() if r.kind == "classifier")
        raise CommandError(f"there is no version {version}; there are: {known or 'none'}") from None
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
    registry.refuse_pruned(version, "nothing was promoted")
    found = session.artifacts.check(record).required()
    key_id = model_signer(session.settings)(found)
    if champion is not None and champion.version == version:
        now = "" if found.signed_by else f"; it is signed now, with key {key_id[:16]}"
        return f"{version} is the champion already{now}"
    evidence = shadow_evidence(session, version) if was_shadow(session, version) else []
    registry.promote(
        version,
        expected=champion.version if champion else None,
        verdict=evaluated.verdict,
        reason="; ".join([reason, f"its verdict was {evaluated.verdict}", *map(str.strip, evidence)]),
    )
    outcome = f"{version} is the champion" + (f" in place of {champion.version}" if champion else "")
    return "\n".join([outcome, *evidence])


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
