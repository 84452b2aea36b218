"""The `loan-default` command: verbs, options and exit codes (1: the user's mistake, 2: wrong usage)."""

import os
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from loan_default_assets import interrupts
from loan_default_assets.commands.command_errors import on_terminal, verb
from loan_default_assets.commands.init_options import init_options

_DATE = click.DateTime(formats=["%Y-%m-%d"])


def main() -> None:
    """Entry point of the console script; Ctrl-C ends every command with one line and exit code 130."""
    from loan_default_assets.process_output import keep_values_out

    if not ("--debug" in sys.argv and on_terminal()):
        keep_values_out()
    try:
        code = loan_default.main(prog_name="loan-default", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort as error:
        # Click raises it for Ctrl-C, and at the end of standard input, when a question remains unanswered.
        ended = isinstance(error.__cause__ or error.__context__, EOFError)
        click.echo("stopped: standard input ended before an answer" if ended else interrupts.LINE, err=True)
        code = 1 if ended else interrupts.EXIT_CODE
    finally:
        interrupts.ignore_from_here()
    if code == interrupts.EXIT_CODE:
        # At once: Python may end itself by the signal where Ctrl-C came during `eval`, and wait for threads.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _day(value: datetime | None) -> date | None:
    return value.date() if value else None


def _portfolio_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--source", metavar="FILE_OR_URL", help="CSV, Parquet or SQL URL in place of the portfolio's source."
    )(function)
    return click.option(
        "--portfolio", metavar="NAME_OR_FILE", help="A portfolio of the library, or a portfolio file."
    )(function)


def _settings(portfolio: str | None, source: str | None) -> Any:
    """Options win over the environment, and child processes read the same values from it."""
    from loan_default_assets.settings import Settings

    if portfolio:
        os.environ["PORTFOLIO"] = portfolio
    if source:
        os.environ["LOAN_SOURCE"] = source if "://" in source else os.path.abspath(source)  # noqa: PTH100
    return Settings()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--debug",
    is_flag=True,
    help="Show tracebacks; on a terminal with the texts of all errors, which may quote values of loans.",
)
@click.version_option(package_name="loan-default-assets")
def loan_default(debug: bool) -> None:
    """From a bank's loans to an evaluated, served model of loan default."""
    from loan_default_assets.ports import bypass_proxies

    bypass_proxies(os.environ)


@loan_default.command()
@verb
def demo() -> None:
    """Run the whole chain on generated loans, with nothing configured; print what to run next."""
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.first_score import first_score
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(_settings("demo", None)) as session,
        sole_command(session, "demo"),
        dagster_instance(session) as instance,
    ):
        outcome = chain.run(session, instance, package=True, say=click.echo)
        click.echo(summary.text(session, outcome, first_score(session)))


@loan_default.command()
@_portfolio_options
@click.option(
    "--from", "first", type=_DATE, help="First day of application; the portfolio's start, when omitted."
)
@click.option(
    "--to", "last", type=_DATE, help="Last day of application; the last completed one, when omitted."
)
@verb
def run(portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None) -> None:
    """Run the same chain on your loans: load, check, train, evaluate, promote."""
    _run_chain(portfolio, source, first, last)


def _run_chain(
    portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None
) -> None:
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(_settings(portfolio, source)) as session,
        sole_command(session, "run"),
        dagster_instance(session) as instance,
    ):
        click.echo(summary.columns_text(session.portfolio))
        outcome = chain.run(
            session, instance, first=_day(first), last=_day(last), package=True, say=click.echo
        )
        click.echo(summary.text(session, outcome))


@loan_default.command()
@_portfolio_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@verb
def status(portfolio: str | None, source: str | None, as_json: bool) -> None:
    """Show tables, champion, last evaluation, and the retraining state with its reason."""
    import json

    from loan_default_assets.commands import status as report
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        found = report.status(session, instance)
        click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else report.text(found))


@loan_default.command()
@_portfolio_options
@click.option("--apply", is_flag=True, help="Delete; without it, nothing is changed.")
@click.option("--unmatured", is_flag=True, help="Also predictions whose outcome has not matured.")
@verb
def prune(portfolio: str | None, source: str | None, apply: bool, unmatured: bool) -> None:
    """Show what the settings RETENTION_* let go, with counts and sizes; delete it with --apply."""
    from loan_default_assets.commands import prune as retention
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        kinds = retention.prune(session, instance, apply=apply, unmatured=unmatured)
        click.echo(retention.text(kinds, applied=apply))


@loan_default.command()
@_portfolio_options
@verb
def doctor(portfolio: str | None, source: str | None) -> None:
    """Check Python, PostgreSQL, ports, memory, torch and portfolio; say how to fix what is wrong."""
    from loan_default_assets.commands import doctor as checks

    findings = checks.run_checks(_settings(portfolio, source))
    for finding in findings:
        click.echo(checks.line(finding))
    sys.exit(1 if any(finding.wrong for finding in findings) else 0)


@loan_default.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@init_options
@verb
def init(file: str, output: str | None, yes: bool, **decided: Any) -> None:
    """Profile a file of loans, say what each column becomes, and write a first portfolio to edit."""
    from loan_default_assets.commands.init import write
    from loan_default_assets.commands.init_questions import ask_on_terminal, request_of
    from loan_default_assets.private_files import give_users_mode

    home = _settings(None, None).home
    ask = ask_on_terminal if sys.stdin.isatty() and sys.stdout.isatty() and not yes else None
    written = write(file, request_of(**decided), output, ask=ask)
    give_users_mode(written.path, home)
    click.echo(written.report)
    if yes:
        _run_chain(str(written.path), file, None, None)


@loan_default.command()
@_portfolio_options
@click.option("--from", "first", type=_DATE, required=True, help="First day of application.")
@click.option("--to", "last", type=_DATE, required=True, help="Last day of application.")
@click.option(
    "--as-of", "cutoff", type=_DATE, help="Replay with this data cutoff: use only what was known on that day."
)
@verb
def backfill(
    portfolio: str | None,
    source: str | None,
    first: datetime,
    last: datetime,
    cutoff: datetime | None,
) -> None:
    """Load past partitions again or for the first time; then train or evaluate once."""
    from loan_default_assets.commands import backfill as past_partitions
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(_settings(portfolio, source)) as session,
        sole_command(session, "backfill"),
        dagster_instance(session) as instance,
    ):
        outcome = past_partitions.backfill(
            session, instance, first=first.date(), last=last.date(), cutoff=_day(cutoff)
        )
        click.echo(summary.text(session, outcome))


@loan_default.command()
@_portfolio_options
@verb
def retrain(portfolio: str | None, source: str | None) -> None:
    """Start a retraining attempt now, regardless of target, cooldown and HOLD."""
    from loan_default_assets.commands import retrain as training
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(_settings(portfolio, source)) as session,
        sole_command(session, "retrain"),
        dagster_instance(session) as instance,
    ):
        click.echo(training.retrain(session, instance))


@loan_default.command()
@_portfolio_options
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Trials in all, those of earlier and parallel starts included.",
)
@click.option("--write", is_flag=True, help="Write the best settings into the portfolio file.")
@verb
def tune(portfolio: str | None, source: str | None, trials: int, write: bool) -> None:
    """Try settings of the model on training and validation rows; show the best as a change of the portfolio."""
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.commands.tune import tune as try_settings

    with open_session(_settings(portfolio, source)) as session:
        click.echo(try_settings(session, trials, write=write, say=lambda line: click.echo(line, err=True)))


@loan_default.command()
@click.argument("version")
@_portfolio_options
@click.option("--reason", default="promoted by an operator", show_default=True, help="Kept with the version.")
@verb
def promote(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """Make an evaluated version the champion by an operator's decision; with APPROVALS=2, propose it."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(promotion.promote(session, version, reason))


@loan_default.command()
@click.argument("version", required=False)
@_portfolio_options
@verb
def shadow(version: str | None, portfolio: str | None, source: str | None) -> None:
    """Compare the shadow with the champion on known outcomes; a named VERSION is signed, to be one."""
    from loan_default_assets.commands import shadow as shadowing
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(shadowing.shadow(session, version))


@loan_default.command()
@click.argument("version")
@_portfolio_options
@click.option("--reason", required=True, help="Kept with the approval.")
@verb
def approve(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """Approve a promotion that waits for several people (APPROVALS); the last one makes the version champion."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(promotion.approve(session, version, reason))


@loan_default.command()
@click.argument("version")
@_portfolio_options
@click.option("--reason", required=True, help="Kept with the refusal.")
@verb
def decline(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """End a promotion that waits for approvals; the champion stays, and a candidate is rejected."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(promotion.decline(session, version, reason))


@loan_default.command()
@_portfolio_options
@click.option("--reason", help="Record the present settings as policy, with this reason.")
@verb
def policy(portfolio: str | None, source: str | None, reason: str | None) -> None:
    """Show the settings that decide on models beside the recorded policy, or record a change of them."""
    from loan_default_assets.commands.policy import policy as show_or_record
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(show_or_record(session, reason))


@loan_default.command()
@_portfolio_options
@click.option(
    "--reason", default="rolled back by an operator", show_default=True, help="Kept with the version."
)
@verb
def rollback(portfolio: str | None, source: str | None, reason: str) -> None:
    """Make the previous champion the champion again."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(promotion.rollback(session, reason))


@loan_default.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@_portfolio_options
@click.option(
    "--output", type=click.Path(dir_okay=False), help="CSV to write; standard output, when omitted."
)
@verb
def score(file: str, portfolio: str | None, source: str | None, output: str | None) -> None:
    """Score a file of applications with the champion, with reason codes; kept in the prediction log."""
    from loan_default_assets.commands.score import score_file
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(score_file(session, file, output), err=True)


@loan_default.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rows", type=click.IntRange(1, 1_000_000), default=6000, show_default=True, help="Loans.")
@verb
def sample(file: Path, rows: int) -> None:
    """Write a CSV of generated loans with outcomes, to try init and run without data of your own."""
    from loan_default_assets.commands.sample import write_sample

    click.echo(write_sample(file, rows))


@loan_default.command("score-loans")
@_portfolio_options
@click.option(
    "--from", "first", type=_DATE, help="First day of application; that of the stored loans, when omitted."
)
@click.option(
    "--to", "last", type=_DATE, help="Last day of application; that of the stored loans, when omitted."
)
@verb
def score_loans(
    portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None
) -> None:
    """Score stored loans with the champion, into the table scored_loans; a repetition replaces the scores."""
    from loan_default_assets.commands import score_loans as batch_scoring
    from loan_default_assets.commands.session import dagster_instance, open_session

    with (
        open_session(_settings(portfolio, source)) as session,
        dagster_instance(session) as instance,
    ):
        click.echo(batch_scoring.score_loans(session, instance, first=_day(first), last=_day(last)))


@loan_default.command()
@click.argument("request_id", required=False)
@_portfolio_options
@click.option("--all", "everything", is_flag=True, help="All predictions, models and decisions.")
@verb
def verify(request_id: str | None, portfolio: str | None, source: str | None, everything: bool) -> None:
    """Verify recorded predictions: chain, score, model, verdict; exit code 1 and the first deviation otherwise."""
    from loan_default_assets.commands import verify as verification
    from loan_default_assets.commands.session import open_session

    if everything == (request_id is not None):
        raise click.UsageError("name a REQUEST_ID, or give --all")
    with open_session(_settings(portfolio, source)) as session:
        found = verification.verify(session, request_id)
    click.echo(verification.text(found))
    sys.exit(1 if found.deviations else 0)


@loan_default.command()
@click.argument("request_id")
@_portfolio_options
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
    """Explain a recorded decision to its applicant: result, grade, reasons, data as scored, what would alter it."""
    import json

    from loan_default_assets.commands.explain import explain as explain_decision
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.reports.rendering.explanation_text import explanation_object, explanation_text

    with open_session(_settings(portfolio, source)) as session:
        found = explain_decision(session, request_id, position, corrections)
    if as_json:
        click.echo(json.dumps(explanation_object(found), indent=2, ensure_ascii=False))
    else:
        click.echo(explanation_text(found, "ko" if language == "ko" else "en"))


@loan_default.command("key-id")
@verb
def key_id() -> None:
    """Ask for an API key of the service and print its name in the records of overrides and rescorings."""
    from loan_default_assets.commands.key_id import recorded_name

    click.echo(recorded_name(click.prompt("Key", hide_input=True, err=True)))


@loan_default.command("hash-password")
@verb
def hash_password() -> None:
    """Ask for a password and print its hash, for DAGSTER_UI_PASSWORD in place of the password itself."""
    from loan_default_assets.commands.session import CommandError
    from loan_default_assets.orchestration.ui import passwords

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        click.echo(passwords.hash_password(password))
    except passwords.PasswordError as error:
        raise CommandError(f"the password {error}") from None


@loan_default.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@_portfolio_options
@click.option(
    "--allow-missing", is_flag=True, help="Also where files of models are lost; the backup names them."
)
@verb
def backup(folder: str, portfolio: str | None, source: str | None, allow_missing: bool) -> None:
    """Write database, models, portfolio and undelivered predictions to the folder DIR, verified, while all goes on."""
    from loan_default_assets.commands.backup import backup as write

    click.echo(write(_settings(portfolio, source), Path(folder), allow_missing=allow_missing))


@loan_default.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--replace", is_flag=True, help="Also where the database has rows, which are deleted.")
@verb
def restore(folder: str, replace: bool) -> None:
    """Verify the backup DIR and restore it into LOAN_DEFAULT_HOME and the database; what fails changes nothing."""
    from loan_default_assets.commands.restore import restore as read

    click.echo(read(_settings(None, None), Path(folder), replace=replace))


@loan_default.command()
@click.argument("loan_id", required=False)
@_portfolio_options
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
    """Show what is stored of the loan LOAN_ID; with --yes, destroy its features for good."""
    from loan_default_assets.commands import erase as erasure
    from loan_default_assets.commands.session import open_session

    if (loan_id is None) == (request is None):
        raise click.UsageError("expected LOAN_ID or --request REQUEST_ID")
    subject, folders = erasure.subject_of(loan_id, request), [Path(folder) for folder in backups]
    with open_session(_settings(portfolio, source)) as session:
        found = erasure.plan(session, subject, folders)
        if yes:
            found = erasure.erase(session, subject, folders)
        click.echo(erasure.text(found, applied=yes))


@loan_default.command()
@click.argument("version", required=False)
@_portfolio_options
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
    """Write the model report of an evaluated version (HTML, English and Korean); of the champion by default."""
    from loan_default_assets.commands import report as reports
    from loan_default_assets.commands.session import open_session

    if workbook and dossier:
        raise click.UsageError("expected --workbook or --dossier, got both")
    write = reports.workbook if workbook else reports.dossier if dossier else reports.report
    with open_session(_settings(portfolio, source)) as session:
        click.echo(write(session, version, Path(output) if output else None))


@loan_default.command()
@click.argument("version", required=False)
@_portfolio_options
@click.option(
    "--output", type=click.Path(dir_okay=False), help="JSON file to write; standard output, when omitted."
)
@verb
def sbom(version: str | None, portfolio: str | None, source: str | None, output: str | None) -> None:
    """Write a model's bill of materials (CycloneDX): files, data, metrics, libraries; of the champion by default."""
    from loan_default_assets.commands.sbom import sbom as bill
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.private_files import write_for_user

    with open_session(_settings(portfolio, source)) as session:
        text = bill(session, version)
    if output:
        write_for_user(Path(output), f"{text}\n", session.settings.home)
    else:
        click.echo(text)


@loan_default.command()
@_portfolio_options
@verb
def migrate(portfolio: str | None, source: str | None) -> None:
    """Bring the database up to this release: tables, the portfolio's columns, Dagster's history."""
    from loan_default_assets.commands.migrate import migrate as upgrade
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        click.echo(upgrade(session, instance))


@loan_default.command()
@_portfolio_options
@click.option("--no-service", is_flag=True, help="Without the prediction service.")
@verb
def up(portfolio: str | None, source: str | None, no_service: bool) -> None:
    """Serve Dagster's UI, its daemon (sensors, freshness, backfills) and the prediction service until Ctrl-C."""
    from loan_default_assets.commands.up import up as start

    start(_settings(portfolio, source), service=not no_service, say=click.echo)
