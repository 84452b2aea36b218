"""`report`: model report, validation workbook or dossier of a version, written beside its artifact."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.pipeline.model_dossier import dossier_facts
from loan_default_assets.pipeline.model_report import write_report
from loan_default_assets.pipeline.pipeline_errors import NoModelError
from loan_default_assets.pipeline.validation_workbook import validation_workbook
from loan_default_assets.portfolio.yaml_loader import portfolio_path
from loan_default_assets.private_files import write_for_user, write_private
from loan_default_assets.report_files import FOLDER
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
    _require_folder(output)
    version = _version(session, requested)
    with _told(output):
        stored = write_report(_inputs(session), version, logging.getLogger("loan_default"))
        if output is not None:
            write_for_user(output, stored.path.read_text("utf-8"), session.settings.home)
    return f"{output or stored.path}\nSHA-256 {stored.sha256}, of evaluation {stored.evaluation} of {version}"


def workbook(session: Session, requested: str | None, output: Path | None = None) -> str:
    """Write the validation workbook on the newest evaluation of a version, of mode 0600; a line on its file.

    Args:
        session: An open session.
        requested: A version of the registry; the champion when omitted.
        output: The XLSX file; `reports/<version>.xlsx` when omitted, beside artifacts in a folder, else in the home.

    Raises:
        CommandError: There is no such version, it was never evaluated, or the file cannot be written.
    """
    _require_folder(output)
    version = _version(session, requested)
    path = output or _folder(session) / f"{version}.xlsx"
    with _told(path):
        content = validation_workbook(_inputs(session), version)
        if output is None:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
    return f"{path}\nSHA-256 {hashlib.sha256(content).hexdigest()}, validation workbook of {version}"


def dossier(session: Session, requested: str | None, output: Path | None = None) -> str:
    """Write the dossier of a version as Markdown and as HTML, each of mode 0600; a line on each file.

    Args:
        session: An open session.
        requested: A classifier of the registry; the champion when omitted.
        output: One of the two files, the other lies beside it; `reports/<version>.dossier.md` and `.html` when omitted,
            beside artifacts in a folder, else in the home.

    Raises:
        CommandError: There is no such version, or a file cannot be written.
    """
    from loan_default_assets.reports.rendering.dossier_document import dossier_document
    from loan_default_assets.reports.rendering.dossier_markdown import markdown
    from loan_default_assets.reports.rendering.dossier_page import dossier_page

    _require_folder(output)
    version = _version(session, requested)
    base = output or _folder(session) / f"{version}.dossier.md"
    lines = []
    with _told(base):
        facts = dossier_facts(_inputs(session), version, portfolio_path(session.settings.portfolio))
        document = dossier_document(facts)
        if output is None:
            base.parent.mkdir(parents=True, exist_ok=True)
        for path, text in (
            (base.with_suffix(".md"), markdown(document)),
            (base.with_suffix(".html"), dossier_page(document)),
        ):
            write_private(path, text.encode())
            lines.append(f"{path}\nSHA-256 {hashlib.sha256(text.encode()).hexdigest()}, dossier of {version}")
    missing, items = document.counts
    return "\n".join((*lines, f"{missing} of {items} items are not recorded"))


def _folder(session: Session) -> Path:
    """Where the files lie that only this command writes."""
    # Behind a URL, the folder of the artifacts holds copies that may be deleted at any time.
    root = session.settings.home if session.artifacts.origin else session.artifacts.root
    return root / FOLDER


def _version(session: Session, requested: str | None) -> str:
    champion = None if requested else session.registry.champion()
    version = requested or (champion.version if champion else None)
    if version is None:
        raise CommandError("there is no champion to report on\nNext: loan-default run, or name a version")
    return version


def _inputs(session: Session) -> ReportInputs:
    return ReportInputs(
        session.portfolio,
        session.loans,
        session.registry,
        session.evaluations,
        session.predictions,
        session.artifacts,
        split_limits(session.settings),
        session.database,
    )


def _require_folder(output: Path | None) -> None:
    """Refuse a file in a folder that is missing, before the rows are scored."""
    if output is not None and not output.parent.is_dir():
        raise CommandError(
            f"{output}: cannot be written (no folder {output.parent})\nNext: create the folder"
        )


@contextmanager
def _told(output: Path | None) -> Iterator[None]:
    """Errors of a report as those of the command."""
    try:
        yield
    except RegistryError as error:
        raise CommandError(str(error)) from None
    except NoModelError as error:
        raise CommandError(f"{error}\nNext: loan-default up, and materialize evaluation there") from None
    except OSError as error:
        raise CommandError(f"{error.filename or output}: cannot be written ({error.strerror})") from None
