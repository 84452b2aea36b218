"""Verbs of `loan-default` that keep an installation: its state, its size, its backups and its release."""

import sys
from pathlib import Path

import click

from loan_default_assets.cli_options import portfolio_options, settings_of
from loan_default_assets.commands.command_errors import verb
from loan_default_assets.commands.next_command import say


@click.command()
@portfolio_options
@click.option("--apply", is_flag=True, help="Delete; without it, nothing is changed.")
@click.option("--unmatured", is_flag=True, help="Also predictions whose outcome has not matured.")
@verb
def prune(portfolio: str | None, source: str | None, apply: bool, unmatured: bool) -> None:
    """Show what the settings RETENTION_* let go.

    With counts and sizes; --apply deletes it.
    """
    from loan_default_assets.commands import prune as retention
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(settings_of(portfolio, source)) as session, dagster_instance(session) as instance:
        kinds = retention.prune(session, instance, apply=apply, unmatured=unmatured)
        say(retention.text(kinds, applied=apply))


@click.command()
@portfolio_options
@verb
def doctor(portfolio: str | None, source: str | None) -> None:
    """Check this machine's set-up, and say how to fix it.

    Python, PostgreSQL, ports, memory, torch, the portfolio, and whether the champion can be loaded.
    """
    from loan_default_assets.commands import doctor as checks

    findings = checks.run_checks(settings_of(portfolio, source))
    for finding in findings:
        say(checks.line(finding))
    sys.exit(1 if any(finding.wrong for finding in findings) else 0)


@click.command("hash-password")
@verb
def hash_password() -> None:
    """Print a hash for DAGSTER_UI_PASSWORD.

    It asks for the password; the setting takes the hash in its place.
    """
    from loan_default_assets.commands.command_errors import CommandError
    from loan_default_assets.orchestration.ui import passwords

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        click.echo(passwords.hash_password(password))
    except passwords.PasswordError as error:
        raise CommandError(f"the password {error}") from None


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@portfolio_options
@click.option(
    "--allow-missing", is_flag=True, help="Also where files of models are lost; the backup names them."
)
@verb
def backup(folder: str, portfolio: str | None, source: str | None, allow_missing: bool) -> None:
    """Write the installation to the folder DIR, verified.

    Database, models, portfolio and undelivered predictions, while everything goes on.
    """
    from loan_default_assets.commands.backup import backup as write

    say(write(settings_of(portfolio, source), Path(folder), allow_missing=allow_missing))


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--replace", is_flag=True, help="Also where the database has rows, which are deleted.")
@verb
def restore(folder: str, replace: bool) -> None:
    """Restore a backup into LOAN_DEFAULT_HOME and the database.

    It is verified first; what fails changes nothing.
    """
    from loan_default_assets.commands.restore import restore as read

    say(read(settings_of(None, None), Path(folder), replace=replace))


@click.command()
@portfolio_options
@verb
def migrate(portfolio: str | None, source: str | None) -> None:
    """Bring the database up to this release.

    Tables, the portfolio's columns, Dagster's history; repeated, it changes nothing.
    """
    from loan_default_assets.commands.migrate import migrate as upgrade
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(settings_of(portfolio, source)) as session, dagster_instance(session) as instance:
        say(upgrade(session, instance))


UPKEEP_VERBS = (prune, doctor, hash_password, backup, restore, migrate)
