"""The `loan-default` command: verbs, options and exit codes (1: the user's mistake, 2: wrong usage)."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from loan_default_assets import interrupts
from loan_default_assets.cli_decisions import DECISION_VERBS
from loan_default_assets.cli_options import DATE, day_of, portfolio_options, settings_of
from loan_default_assets.cli_upkeep import UPKEEP_VERBS
from loan_default_assets.commands.command_errors import on_terminal, verb
from loan_default_assets.commands.init_options import init_options
from loan_default_assets.commands.next_command import say, with_portfolio


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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--debug",
    is_flag=True,
    help="Show tracebacks; on a terminal with the texts of all errors, which may quote values of loans.",
)
@click.version_option(package_name="loan-default-assets")
def loan_default(debug: bool) -> None:
    """From a bank's loans to an evaluated, served model of loan default."""
    from loan_default_assets.numeric_threads import one_thread_by_default
    from loan_default_assets.ports import bypass_proxies

    bypass_proxies(os.environ)
    one_thread_by_default(os.environ)


for _verb in (*DECISION_VERBS, *UPKEEP_VERBS):
    loan_default.add_command(_verb)


@loan_default.command()
@verb
def demo() -> None:
    """Run the whole chain on generated loans.

    Then score the refused application nearest to the threshold over HTTP and gRPC, with its reason codes.
    Repeated, it changes nothing.
    """
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.first_score import first_score
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(settings_of("demo", None)) as session,
        sole_command(session, "demo"),
        dagster_instance(session) as instance,
    ):
        outcome = chain.run(session, instance, package=True, say=say)
        say(summary.text(session, outcome, first_score(session)))


@loan_default.command()
@portfolio_options
@click.option(
    "--from", "first", type=DATE, help="First day of application; the portfolio's start, when omitted."
)
@click.option(
    "--to", "last", type=DATE, help="Last day of application; the last completed one, when omitted."
)
@verb
def run(portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None) -> None:
    """Run the chain on your loans.

    Load, check, train, evaluate, promote, and write the model report.
    """
    _run_chain(portfolio, source, first, last)


def _run_chain(
    portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None
) -> None:
    from loan_default_assets.commands import run as chain
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(settings_of(portfolio, source)) as session,
        sole_command(session, "run"),
        dagster_instance(session) as instance,
    ):
        say(summary.columns_text(session.portfolio))
        outcome = chain.run(session, instance, first=day_of(first), last=day_of(last), package=True, say=say)
        say(summary.text(session, outcome))


@loan_default.command()
@portfolio_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@verb
def status(portfolio: str | None, source: str | None, as_json: bool) -> None:
    """Show tables, champion, evaluation, retraining and sizes.

    Also the newest models, drift, what waits for approval, the replicas of the service, and the last
    alerts.
    """
    import json

    from loan_default_assets.commands import status as report
    from loan_default_assets.commands.session import dagster_instance, open_session

    with open_session(settings_of(portfolio, source)) as session, dagster_instance(session) as instance:
        found = report.status(session, instance)
        click.echo(
            json.dumps(found, indent=2, ensure_ascii=False) if as_json else with_portfolio(report.text(found))
        )


@loan_default.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@init_options
@verb
def init(file: str, output: str | None, yes: bool, **decided: Any) -> None:
    """Describe a file of loans as a first portfolio.

    Say what each column becomes, ask on a terminal what the file does not tell, and write a file to edit.
    With --yes, run the chain on it.
    """
    from loan_default_assets.commands.draft_progress import DraftProgress
    from loan_default_assets.commands.init import write
    from loan_default_assets.commands.init_questions import ask_on_terminal, request_of
    from loan_default_assets.limits import split_limits
    from loan_default_assets.private_files import give_users_mode

    settings = settings_of(None, None)
    answers = sys.stdin.isatty() and sys.stdout.isatty()
    with DraftProgress(lambda line: click.echo(line, err=True)) as progress:
        progress.announce(file)
        ask = progress.pausing(ask_on_terminal) if answers and not yes else None
        limits = split_limits(settings)
        written = write(file, request_of(**decided), output, ask=ask, progress=progress, limits=limits)
    give_users_mode(written.path, settings.home)
    click.echo(written.report)
    if yes:
        _run_chain(str(written.path), file, None, None)


@loan_default.command()
@portfolio_options
@click.option("--from", "first", type=DATE, required=True, help="First day of application.")
@click.option("--to", "last", type=DATE, required=True, help="Last day of application.")
@click.option(
    "--as-of", "cutoff", type=DATE, help="Replay with this data cutoff: use only what was known on that day."
)
@verb
def backfill(
    portfolio: str | None,
    source: str | None,
    first: datetime,
    last: datetime,
    cutoff: datetime | None,
) -> None:
    """Load past partitions again, or for the first time.

    Then train or evaluate once. With --as-of, use only what was known on that day.
    """
    from loan_default_assets.commands import backfill as past_partitions
    from loan_default_assets.commands import summary
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(settings_of(portfolio, source)) as session,
        sole_command(session, "backfill"),
        dagster_instance(session) as instance,
    ):
        outcome = past_partitions.backfill(
            session, instance, first=first.date(), last=last.date(), cutoff=day_of(cutoff)
        )
        say(summary.text(session, outcome))


@loan_default.command()
@portfolio_options
@verb
def retrain(portfolio: str | None, source: str | None) -> None:
    """Start a retraining attempt now.

    It overrides target, labels, cooldown and HOLD.
    """
    from loan_default_assets.commands import retrain as training
    from loan_default_assets.commands.session import dagster_instance, open_session
    from loan_default_assets.commands.sole_command import sole_command

    with (
        open_session(settings_of(portfolio, source)) as session,
        sole_command(session, "retrain"),
        dagster_instance(session) as instance,
    ):
        say(training.retrain(session, instance))


@loan_default.command()
@portfolio_options
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
    """Try settings of the model.

    Trials use training and validation rows. The best settings are shown as a change of the portfolio file,
    and --write makes it.
    """
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.commands.tune import tune as try_settings

    with open_session(settings_of(portfolio, source)) as session:
        say(try_settings(session, trials, write=write, say=lambda line: say(line, err=True)))


@loan_default.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@portfolio_options
@click.option(
    "--output", type=click.Path(dir_okay=False), help="CSV to write; standard output, when omitted."
)
@verb
def score(file: str, portfolio: str | None, source: str | None, output: str | None) -> None:
    """Score a file of applications with the champion.

    Reason codes included; the predictions are kept in the prediction log.
    """
    from loan_default_assets.commands.score import score_file
    from loan_default_assets.commands.session import open_session

    with open_session(settings_of(portfolio, source)) as session:
        say(score_file(session, file, output), err=True)


@loan_default.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rows", type=click.IntRange(1, 1_000_000), default=6000, show_default=True, help="Loans.")
@verb
def sample(file: Path, rows: int) -> None:
    """Write a CSV of generated loans with outcomes.

    It serves to try init and run without data of your own.
    """
    from loan_default_assets.commands.sample import write_sample

    click.echo(write_sample(file, rows))


@loan_default.command("score-loans")
@portfolio_options
@click.option(
    "--from", "first", type=DATE, help="First day of application; that of the stored loans, when omitted."
)
@click.option(
    "--to", "last", type=DATE, help="Last day of application; that of the stored loans, when omitted."
)
@verb
def score_loans(
    portfolio: str | None, source: str | None, first: datetime | None, last: datetime | None
) -> None:
    """Score stored loans with the champion.

    The scores go into the table scored_loans; a repetition replaces them.
    """
    from loan_default_assets.commands import score_loans as batch_scoring
    from loan_default_assets.commands.session import dagster_instance, open_session

    with (
        open_session(settings_of(portfolio, source)) as session,
        dagster_instance(session) as instance,
    ):
        say(batch_scoring.score_loans(session, instance, first=day_of(first), last=day_of(last)))


@loan_default.command()
@portfolio_options
@click.option("--no-service", is_flag=True, help="Without the prediction service.")
@verb
def up(portfolio: str | None, source: str | None, no_service: bool) -> None:
    """Serve Dagster and the prediction service until Ctrl-C.

    Dagster's UI, its daemon (sensors, freshness, backfills), and predictions over HTTP and gRPC.
    """
    from loan_default_assets.commands.up import up as start

    start(settings_of(portfolio, source), service=not no_service, say=say)
