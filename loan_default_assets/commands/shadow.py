"""`shadow`: how a shadow compares with the champion, and the signature that it may need."""

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.shadow_comparison import compare_shadow, comparison_lines
from loan_default_assets.shadow_state import shadow_lines, shadow_state
from loan_default_assets.signing.signed_models import model_signer
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.shadow_models import ShadowLog, shadow_record


def shadow(session: Session, version: str | None) -> str:
    """The state of a shadow and its comparison with the champion on the outcomes known now.

    A version that is named is signed, where it is not yet: a service that requires signatures loads it then.

    Args:
        session: The portfolio.
        version: A model version; None: the one of SHADOW, or else that which was a shadow last.

    Raises:
        CommandError: There is no such model, or none was a shadow.
        ArtifactError: Its files are missing or damaged, its signature is not accepted, or it cannot be signed.
        WarehouseError: The database cannot be reached.
    """
    wanted = version or session.settings.shadow
    if wanted is not None:
        try:
            record = shadow_record(session.registry, wanted, session.portfolio.hash)
        except WarehouseError as error:
            raise CommandError(str(error)) from None
        if version is not None:
            session.registry.refuse_pruned(record.version, "it cannot be the shadow")
            model_signer(session.settings)(session.artifacts.check(record).required())
    found = shadow_state(session.database, wanted, session.portfolio.hash, latest=True)
    if found is None:
        raise CommandError(
            "no model was a shadow yet\nNext: start the service with SHADOW=last-rejected, or with SHADOW=VERSION"
        )
    lines = shadow_lines(found | {"comparison": None})
    if found["state"] == "not started":
        lines.append(f"Next: start the service with SHADOW={found['version']}")
    return "\n".join([*lines, *shadow_evidence(session, str(found["version"]))])


def was_shadow(session: Session, version: str) -> bool:
    """Whether the version is a shadow or was one."""
    return ShadowLog(session.database).state(version) is not None


def shadow_evidence(session: Session, version: str) -> list[str]:
    """The comparison on the outcomes known now, as lines; one that says so where there is none.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    compared = compare_shadow(session.database, version)
    if compared is None:
        return [f"{version} has no application with a known outcome that it scored as a shadow"]
    return comparison_lines(compared.as_json())
