"""How a command ends after an error: one line, exit code 1, and no value of a loan outside a terminal."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from loan_default_assets import interrupts
from loan_default_assets.commands.next_command import with_portfolio


class CommandError(Exception):
    """The user can fix it: the text says what is wrong, where, and what to run next."""


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Errors end with one line and exit code 1; with --debug on a terminal, with their traceback."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return reported(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo(interrupts.LINE, err=True)
            raise click.exceptions.Exit(interrupts.EXIT_CODE) from None

    def reported(*args: Any, **kwargs: Any) -> Any:
        from pydantic import ValidationError

        from loan_default_assets.engines.task_engine import EngineError
        from loan_default_assets.error_outline import outline
        from loan_default_assets.model.artifact_files import ArtifactError, ArtifactRootError
        from loan_default_assets.portfolio.spec import PortfolioError
        from loan_default_assets.warehouse.database_errors import WarehouseError

        try:
            return function(*args, **kwargs)
        except (
            ArtifactError,
            ArtifactRootError,
            CommandError,
            EngineError,
            PortfolioError,
            WarehouseError,
        ) as error:
            if _shown_in_full(error):
                raise
            click.secho(with_portfolio(f"error: {error}"), fg="red", err=True)
            sys.exit(1)
        except ValidationError as error:
            if _shown_in_full(error):
                raise
            for problem in error.errors(include_input=False):
                name = ".".join(str(part) for part in problem["loc"]).upper()
                click.secho(f"error: setting {name}: {problem['msg']}", fg="red", err=True)
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if _shown_in_full(error):
                raise
            click.secho(f"error: unexpected {outline(error)}", fg="red", err=True)
            click.echo(
                "Next: the same command with --debug on a terminal shows the traceback, which may quote loans",
                err=True,
            )
            sys.exit(1)

    return wrapped


def _shown_in_full(error: Exception) -> bool:
    """Whether --debug shows the error with all texts; where standard error is kept in a file, only the way to it."""
    from loan_default_assets.error_outline import outline, stack

    if not click.get_current_context().find_root().params.get("debug"):
        return False
    if not on_terminal():
        click.echo(f"{stack(error)}{outline(error)}", err=True)
    return on_terminal()


def on_terminal() -> bool:
    """Whether standard error is a terminal, so that it is kept in no file."""
    return sys.stderr.isatty()
