"""Every command that a document names exists, with its options and as many arguments as it takes."""

import re

import click
import pytest

from loan_default_assets.cli import loan_default
from loan_default_assets_tests.structure.documents import ROOT, commands

NAMED = sorted(
    {
        tuple(arguments)
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
        if path.name != "CHANGELOG.md"
        for arguments in commands(path.read_text("utf-8"))
        # A placeholder such as COMMAND or [VERSION] stands for other commands.
        if arguments and arguments[0].replace("-", "").isalpha() and arguments[0].islower()
    }
)


def parse(arguments: tuple[str, ...]) -> None:
    """Raise for an unknown command or option, or too many arguments; a prefix of a command is complete enough."""
    command = loan_default.commands[arguments[0]]
    context = click.Context(command, info_name=arguments[0])
    given = [
        argument for argument in arguments[1:] if not argument.startswith(("[", "...")) and argument != "]"
    ]
    _, rest, _ = command.make_parser(context).parse_args(given)
    assert not rest


@pytest.mark.parametrize("arguments", NAMED, ids=" ".join)
def test_a_documented_command_can_be_given(arguments: tuple[str, ...]) -> None:
    parse(arguments)


def test_there_are_commands_to_look_at() -> None:
    assert len(NAMED) > 60


def test_the_table_of_commands_is_complete() -> None:
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    missing = [name for name in loan_default.commands if not re.search(rf"`(loan-default )?{name}[ `]", text)]
    assert not missing


@pytest.mark.parametrize("arguments", [("walk",), ("score", "file", "--outputs", "x"), ("status", "now")])
def test_a_mistake_is_found(arguments: tuple[str, ...]) -> None:
    with pytest.raises((KeyError, click.NoSuchOption, AssertionError, click.UsageError)):
        parse(arguments)
