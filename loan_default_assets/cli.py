"""The `loan-default` command: verbs, options and exit codes (1: the user's mistake, 2: wrong usage)."""

import os
import sys
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any

import click

from loan_default_assets.commands.init_options import init_options

_DATE = click.DateTime(formats=["%Y-%m-%d"])


def main() -> None:
    """Entry point of the console script."""
    loan_default(prog_name="loan-default")


def _day(value: datetime | None) -> date | None:
    return value.date() if value else None


def _verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Errors of the project end with their message and exit code 1; with --debug, with their traceback."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from pydantic import ValidationError

        from loan_default_assets.commands.session import CommandError
        from loan_default_assets.portfolio.spec import PortfolioError
        from loan_default_assets.warehouse.database_errors import WarehouseError

        try:
            return function(*args, **kwargs)
        except (CommandError, PortfolioError, WarehouseError) as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            click.secho(f"error: {error}", fg="red", err=True)
            sys.exit(1)
        except ValidationError as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            for problem in error.errors(include_input=False):
                name = ".".join(str(part) for part in problem["loc"]).upper()
                click.secho(f"error: setting {name}: {problem['msg']}", fg="red", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped; the same command goes on from here", err=True)
            sys.exit(130)

    return wrapped


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
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="loan-default-assets")
def loan_default(debug: bool) -> None:
    """From a bank's loans to an evaluated, served model of loan default."""


@loan_default.command()
@_verb
def demo() -> None:
    """Run the whole chain on generated loans, with nothing configured; print what to run next."""
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.first_score import first_score
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings("demo", None)) as session, dagster_instance(session) as instance:
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
@_verb
def run(portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None) -> None:
    """Run the same chain on your loans: load, check, train, evaluate, promote."""
    _run_chain(portfolio, source, first, last)


def _run_chain(
    portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None
) -> None:
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        click.echo(summary.columns_text(session.portfolio))
        outcome = chain.run(
            session, instance, first=_day(first), last=_day(last), package=True, say=click.echo
        )
        click.echo(summary.text(session, outcome))


@loan_default.command()
@_portfolio_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_verb
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
@_verb
def prune(portfolio: str | None, source: str | None, apply: bool, unmatured: bool) -> None:
    """Show what the settings RETENTION_* let go, with counts and sizes; delete it with --apply."""
    from loan_default_assets.commands import prune as retention
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        kinds = retention.prune(session, instance, apply=apply, unmatured=unmatured)
        click.echo(retention.text(kinds, applied=apply))


@loan_default.command()
@_portfolio_options
@_verb
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
@_verb
def init(file: str, output: str | None, yes: bool, **decided: Any) -> None:
    """Profile a file of loans, say what each column becomes, and write a first portfolio to edit."""
    from loan_default_assets.commands.init import write
    from loan_default_assets.commands.init_questions import ask_on_terminal, request_of

    ask = ask_on_terminal if sys.stdin.isatty() and sys.stdout.isatty() and not yes else None
    written = write(file, request_of(**decided), output, ask=ask)
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
@_verb
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

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        outcome = past_partitions.backfill(
            session, instance, first=first.date(), last=last.date(), cutoff=_day(cutoff)
        )
        click.echo(summary.text(session, outcome))


@loan_default.command()
@_portfolio_options
@_verb
def retrain(portfolio: str | None, source: str | None) -> None:
    """Start a retraining attempt now, regardless of target, cooldown and HOLD."""
    from loan_default_assets.commands import retrain as training
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
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
@_verb
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
@_verb
def promote(version: str, portfolio: str | None, source: str | None, reason: str) -> None:
    """Make an evaluated version the champion by an operator's decision."""
    from loan_default_assets.commands import promote as promotion
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(promotion.promote(session, version, reason))


@loan_default.command()
@_portfolio_options
@click.option(
    "--reason", default="rolled back by an operator", show_default=True, help="Kept with the version."
)
@_verb
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
@_verb
def score(file: str, portfolio: str | None, source: str | None, output: str | None) -> None:
    """Score a file of applications with the champion, with reason codes; kept in the prediction log."""
    from loan_default_assets.commands.score import score_file
    from loan_default_assets.commands.session import open_session

    with open_session(_settings(portfolio, source)) as session:
        click.echo(score_file(session, file, output), err=True)


@loan_default.command()
@_portfolio_options
@_verb
def migrate(portfolio: str | None, source: str | None) -> None:
    """Bring the database up to this release: tables, the portfolio's columns, Dagster's history."""
    from loan_default_assets.commands.migrate import migrate as upgrade
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(_settings(portfolio, source)) as session, dagster_instance(session) as instance:
        click.echo(upgrade(session, instance))


@loan_default.command()
@_portfolio_options
@click.option("--no-service", is_flag=True, help="Without the prediction service.")
@_verb
def up(portfolio: str | None, source: str | None, no_service: bool) -> None:
    """Serve Dagster's UI, its daemon (sensors, freshness, backfills) and the prediction service until Ctrl-C."""
    from loan_default_assets.commands.up import up as start

    start(_settings(portfolio, source), service=not no_service, say=click.echo)
