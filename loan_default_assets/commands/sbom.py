"""`sbom`: the bill of materials of a model, from verified files."""

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from bento.packaging import NEEDED
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.model_bill import model_bill
from loan_default_assets.commands.session import Session
from loan_default_assets.model.artifact_files import read
from loan_default_assets.warehouse.registry import ModelRecord, RegistryError


def sbom(session: Session, requested: str | None, *, now: datetime | None = None) -> str:
    """The CycloneDX bill of a version as JSON text.

    Args:
        session: An open session.
        requested: A version of the registry; the champion when omitted.
        now: Timestamp of the bill, for tests.

    Raises:
        ArtifactError: Its files are missing, damaged or those of another model.
        CommandError: There is no such version.
    """
    record = _record(session, requested)
    bill = model_bill(
        record,
        session.evaluations.latest(record.version),
        read(session.artifacts.folder(record)),
        portfolio=session.portfolio.name,
        libraries=_installed(("loan-default-assets", *NEEDED)),
        written_at=now or datetime.now(UTC),
    )
    return json.dumps(bill, indent=2, ensure_ascii=False)


def _record(session: Session, requested: str | None) -> ModelRecord:
    if requested is None:
        champion = session.registry.champion()
        if champion is None:
            raise CommandError("there is no champion to describe\nNext: loan-default run, or name a version")
        return champion
    try:
        return session.registry.get(requested)
    except RegistryError as error:
        raise CommandError(str(error)) from None


def _installed(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
