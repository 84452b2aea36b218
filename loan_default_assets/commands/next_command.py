"""Commands that a text suggests act on the portfolio that the present one was given."""

import re
import shlex

import click

_COMMAND = re.compile(r"\bloan-default ([a-z][a-z-]*)")


def say(text: str, *, err: bool = False) -> None:
    """Print a text whose suggested commands can be copied."""
    click.echo(with_portfolio(text), err=err)


def with_portfolio(text: str) -> str:
    """The text with the option `--portfolio` of the running command in the commands that it suggests.

    Without the option they would act on the portfolio of the environment, or on the demo.

    Args:
        text: Lines; one that names a portfolio stays as it is, as do commands that have no such option.
    """
    context = click.get_current_context(silent=True)
    given = context.params.get("portfolio") if context else None
    if context is None or not given:
        return text
    root = context.find_root().command
    commands = root.commands if isinstance(root, click.Group) else {}

    def completed(found: re.Match[str]) -> str:
        command = commands.get(found[1])
        has_option = command is not None and any(option.name == "portfolio" for option in command.params)
        return f"{found[0]} --portfolio {shlex.quote(given)}" if has_option else found[0]

    lines = text.split("\n")
    return "\n".join(line if "--portfolio" in line else _COMMAND.sub(completed, line) for line in lines)
