"""Verbs of `loan-default` about decisions: promotions, approvals, explanations, verification, erasure, reports."""

import sys
from pathlib import Path

import click

from loan_default_assets.cli_options import portfolio_options, settings_of
from loan_default_assets.commands.command_errors import verb
from loan_default_assets.commands.next_command import say


@click.command()
@click.argument("version")
@portfolio_options
@click.option("--reason", default="promoted by an operator", show_default=True, help="Kept with the version.")
@verb
def promote(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """Make an evaluated version the champion.

    This is an operator's decision, recorded with its reason. With APPROVALS=2, propose it.
    """
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(promotion.promote(session, version, reason))


@click.command()
@click.argument("version", required=False)
@portfolio_options
@verb
def shadow(version: str | None, portfolio: str | None, source: str | None) -> None:
    """Compare the shadow with the champion on known outcomes.

    The shadow is the model of SHADOW, which scores what the champion has scored. A named VERSION is signed,
    to be one.
    """
    from loan_default_assets.commands import shadow as shadowing
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(shadowing.shadow(session, version))


@click.command()
@click.argument("version")
@portfolio_options
@click.option("--reason", required=True, help="Kept with the approval.")
@verb
def approve(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """Approve a promotion that waits for several people.

    The last approval that APPROVALS requires makes the version champion.
    """
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(promotion.approve(session, version, reason))


@click.command()
@click.argument("version")
@portfolio_options
@click.option("--reason", required=True, help="Kept with the refusal.")
@verb
def decline(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """End a promotion that waits for approvals.

    The champion stays, and a candidate is rejected.
    """
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(promotion.decline(session, version, reason))


@click.command()
@portfolio_options
@click.option("--reason", help="Record the present settings as policy, with this reason.")
@verb
def policy(portfolio: str | None, source: str | None, reason: str | None) -> None:
    """Show the settings that decide on models.

    They stand beside the recorded policy; --reason records a change.
    """
    from loan_default_assets.commands.policy import policy as show_or_record
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(show_or_record(session, reason))


@click.command()
@portfolio_options
@click.option(
    "--reason", default="rolled back by an operator", show_default=True, help="Kept with the version."
)
@verb
def rollback(portfolio: str | None, source: str | None, reason: str) -> None:
    """Make the previous champion the champion again."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(promotion.rollback(session, reason))


@click.command()
@click.argument("request_id", required=False)
@portfolio_options
@click.option("--all", "everything", is_flag=True, help="All records; either this or a REQUEST_ID is needed.")
@verb
def verify(request_id: str | None, portfolio: str | None, source: str | None, everything: bool) -> None:
    """Verify that the records are as they were written.

    Those that one request rests on, or with --all predictions with their scores, models, verdicts, decisions,
    erasures, alerts, batch and shadow scores and refused records. Exit code 1 where one deviates.
    """
    from loan_default_assets.commands import verify as verification
    from loan_default_assets.commands.session import open_session

    if everything == (request_id is not None):
        raise click.UsageError("name a REQUEST_ID, or give --all")
    with open_session(settings_of(portfolio, source)) as session:
        found = verification.verify(session, request_id)
    say(verification.text(found))
    sys.exit(1 if found.deviations else 0)


@click.command()
@click.argument("request_id")
@portfolio_options
@click.option(
    "--position",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Application of the request, from 0.",
)
@click.option(
    "--language", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Of the text."
)
@click.option(
    "--correct",
    "corrections",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Also score the application with this value, logged without it; repeat it for several columns.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the text in both languages.")
@verb
def explain(
    request_id: str,
    portfolio: str | None,
    source: str | None,
    position: int,
    language: str,
    corrections: tuple[str, ...],
    as_json: bool,
) -> None:
    """Explain a recorded decision to its applicant.

    In English or Korean: result, grade, reasons, data as scored, and the nearest changes that would alter it.
    With --correct, also score corrected data.
    """
    import json

    from loan_default_assets.commands.explain import explain as explain_decision
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.reports.rendering.explanation_text import explanation_object, explanation_text

    with open_session(settings_of(portfolio, source)) as session:
        found = explain_decision(session, request_id, position, corrections)
    if as_json:
        click.echo(json.dumps(explanation_object(found), indent=2, ensure_ascii=False))
    else:
        click.echo(explanation_text(found, "ko" if language == "ko" else "en"))


@click.command("key-id")
@verb
def key_id() -> None:
    """Print the name of an API key in the records.

    It asks for the key; records of overrides, rescorings and approvals have this name.
    """
    from loan_default_assets.commands.key_id import recorded_name

    click.echo(recorded_name(click.prompt("Key", hide_input=True, err=True)))


@click.command()
@click.argument("loan_id", required=False)
@portfolio_options
@click.option("--request", metavar="REQUEST_ID", help="A request in place of a loan, or REQUEST_ID/POSITION.")
@click.option(
    "--backup", "backups", metavar="DIR", multiple=True, type=click.Path(), help="Also in this backup."
)
@click.option("--yes", is_flag=True, help="Erase; without it, nothing is changed.")
@verb
def erase(
    loan_id: str | None,
    portfolio: str | None,
    source: str | None,
    request: str | None,
    backups: tuple[str, ...],
    yes: bool,
) -> None:
    """Show what is stored of a loan, or erase it.

    With --yes, destroy its features everywhere, in the named backups too.
    """
    from loan_default_assets.commands import erase as erasure
    from loan_default_assets.commands.session import open_session

    if (loan_id is None) == (request is None):
        raise click.UsageError("expected LOAN_ID or --request REQUEST_ID")
    subject, folders = erasure.subject_of(loan_id, request), [Path(folder) for folder in backups]
    with open_session(settings_of(portfolio, source)) as session:
        found = erasure.plan(session, subject, folders)
        if yes:
            found = erasure.erase(session, subject, folders)
        say(erasure.text(found, applied=yes))


@click.command()
@click.argument("version", required=False)
@portfolio_options
@click.option("--workbook", is_flag=True, help="Write the validation workbook (XLSX) and not the HTML file.")
@click.option(
    "--dossier", is_flag=True, help="Write the dossier of recorded facts (Markdown and HTML) instead."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="Also write the HTML file here; with --workbook or --dossier, write only here.",
)
@verb
def report(
    version: str | None,
    portfolio: str | None,
    source: str | None,
    workbook: bool,
    dossier: bool,
    output: str | None,
) -> None:
    """Write the model report of an evaluated version.

    Of the champion by default: one HTML file in English and Korean. With --workbook, the validation workbook
    (XLSX); with --dossier, the dossier of recorded facts.
    """
    from loan_default_assets.commands import report as reports
    from loan_default_assets.commands.session import open_session

    if workbook and dossier:
        raise click.UsageError("expected --workbook or --dossier, got both")
    write = reports.workbook if workbook else reports.dossier if dossier else reports.report
    with open_session(settings_of(portfolio, source)) as session:
        say(write(session, version, Path(output) if output else None))


@click.command()
@click.argument("version", required=False)
@portfolio_options
@click.option(
    "--output", type=click.Path(dir_okay=False), help="JSON file to write; standard output, when omitted."
)
@verb
def sbom(version: str | None, portfolio: str | None, source: str | None, output: str | None) -> None:
    """Write the bill of materials of a model (CycloneDX).

    Of the champion by default: files, data, metrics and libraries.
    """
    from loan_default_assets.commands.sbom import sbom as bill
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.private_files import write_for_user

    with open_session(settings_of(portfolio, source)) as session:
        text = bill(session, version)
    if output:
        write_for_user(Path(output), f"{text}\n", session.settings.home)
    else:
        say(text)


DECISION_VERBS = (
    promote,
    shadow,
    approve,
    decline,
    policy,
    rollback,
    verify,
    explain,
    key_id,
    erase,
    report,
    sbom,
)
