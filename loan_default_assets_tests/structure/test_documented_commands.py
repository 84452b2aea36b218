"""Every command that a document names exists, with its options and as many arguments as it takes."""

import re

import click
import pytest
from click.testing import CliRunner

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


def table_of_commands() -> dict[str, tuple[str, str]]:
    """Arguments and description by command, as docs/commands.md has them."""
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    rows = re.findall(r"^\| `loan-default ([a-z-]+) ?([^`]*)` \| (.*?) \|", text, re.MULTILINE)
    return {name: (arguments, description.replace("`", "")) for name, arguments, description in rows}


TABLE = table_of_commands()


def test_the_table_of_commands_is_complete() -> None:
    assert sorted(TABLE) == sorted(loan_default.commands)


@pytest.mark.parametrize("name", loan_default.commands)
def test_the_table_of_commands_says_what_the_help_says(name: str) -> None:
    command = loan_default.commands[name]
    context = click.Context(command, info_name=name)
    arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    assert TABLE[name] == (" ".join(arguments), " ".join((command.help or "").split()))


def test_the_list_of_commands_has_whole_sentences_on_a_narrow_terminal() -> None:
    listed = (
        CliRunner().invoke(loan_default, ["--help"], terminal_width=80).output.partition("Commands:\n")[2]
    )
    assert len(listed.splitlines()) == len(loan_default.commands)
    assert [line for line in listed.splitlines() if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("arguments", [("walk",), ("score", "file", "--outputs", "x"), ("status", "now")])
def test_a_mistake_is_found(arguments: tuple[str, ...]) -> None:
    with pytest.raises((KeyError, click.NoSuchOption, AssertionError, click.UsageError)):
        parse(arguments)
