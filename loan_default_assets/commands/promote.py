"""`promote` and `rollback`: an operator chooses the champion; one transaction each."""

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.warehouse.registry import RegistryError


def promote(session: Session, version: str, reason: str) -> str:
    """Makes a version champion; a line on the outcome.

    Raises: CommandError for an unknown or never judged version, or one of another description of the portfolio.
    """
    registry = session.registry
    try:
        record, champion = registry.get(version), registry.champion()
    except RegistryError:
        known = ", ".join(r.version for r in registry.history() if r.kind == "classifier")
        raise CommandError(f"there is no version {version}; there are: {known or 'none'}") from None
    judged = session.evaluations.latest(version)
    if judged is None:
        raise CommandError(
            f"{version} has no recorded verdict\nNext: materialize evaluation in the UI (loan-default up)"
        )
    if record.portfolio_hash != session.portfolio.hash:
        raise CommandError(
            f"{version} was trained under another description of portfolio {session.portfolio.name} and cannot "
            "score its rows\nNext: loan-default retrain"
        )
    if champion is not None and champion.version == version:
        return f"{version} is champion already"
    registry.promote(
        version,
        expected=champion.version if champion else None,
        verdict=judged.verdict,
        reason=f"{reason}; its verdict was {judged.verdict}",
    )
    return f"{version} is champion" + (f" in place of {champion.version}" if champion else "")


def rollback(session: Session, reason: str) -> str:
    """Gives the place back to the champion before; a line on the outcome. Raises: WarehouseError."""
    champion = session.registry.champion()
    back = session.registry.rollback(reason, expected=champion.version if champion else None)
    return f"{back.version} is champion again in place of {champion.version if champion else None}"
