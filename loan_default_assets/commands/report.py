"""`report`: the model report of an evaluated version, written beside its artifact."""

import logging
from pathlib import Path

from loan_default_assets.commands.session import CommandError, Session
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.model_report import ReportInputs, write_report
from loan_default_assets.pipeline.pipeline_errors import NoModelError
from loan_default_assets.private_files import write_for_user
from loan_default_assets.warehouse.registry import RegistryError


def report(session: Session, requested: str | None, output: Path | None = None) -> str:
    """Write the report on the newest evaluation of a version; a line on its file.

    Args:
        session: An open session.
        requested: A version of the registry; the champion when omitted.
        output: A further file for the user.

    Raises:
        CommandError: There is no such version, it was never evaluated, or a file cannot be written.
    """
    champion = None if requested else session.registry.champion()
    version = requested or (champion.version if champion else None)
    if version is None:
        raise CommandError("there is no champion to report on\nNext: loan-default run, or name a version")
    inputs = ReportInputs(
        session.portfolio,
        session.loans,
        session.registry,
        session.evaluations,
        session.predictions,
        session.artifacts,
        split_limits(session.settings),
    )
    try:
        stored = write_report(inputs, version, logging.getLogger("loan_default"))
        if output is not None:
            write_for_user(output, stored.path.read_text("utf-8"), session.settings.home)
    except RegistryError as error:
        raise CommandError(str(error)) from None
    except NoModelError as error:
        raise CommandError(f"{error}\nNext: loan-default up, and materialize evaluation there") from None
    except OSError as error:
        raise CommandError(f"{error.filename or output}: cannot be written ({error.strerror})") from None
    return f"{output or stored.path}\nSHA-256 {stored.sha256}, of evaluation {stored.evaluation} of {version}"
