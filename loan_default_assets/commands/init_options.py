"""The options of `loan-default init`; apart from the command so that showing them imports nothing else."""

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option("--label", help="Column of the outcome; proposed, when omitted."),
    click.option("--date", help="Column of the date on which a loan was known; proposed, when omitted."),
    click.option("--no-date", "undated", is_flag=True, help="The file is one table without dates."),
    click.option("--date-format", metavar="FORMAT", help="How the dates are written, such as %d.%m.%Y."),
    click.option("--key", help="Column that identifies a loan; found by its name, when omitted."),
    click.option(
        "--horizon-days",
        type=click.IntRange(min=0),
        metavar="DAYS",
        help="Days from a loan's date until its outcome is final; 365 where the file can carry it, when omitted.",
    ),
    click.option(
        "--positive",
        multiple=True,
        metavar="VALUE",
        help="Value of the label that is a default; several: repeated or with commas; '>=90': a threshold.",
    ),
    click.option(
        "--pending",
        multiple=True,
        metavar="VALUE",
        help="Value of the label of a loan without an outcome yet; several: repeated or with commas.",
    ),
    click.option(
        "--encoding", help="Encoding of a text file, where its text does not decide it: cp1251, gbk."
    ),
    click.option(
        "--fill-short-rows",
        is_flag=True,
        help="Read the cells that short rows of a text file lack as missing.",
    ),
    click.option("--name", help="Name of the portfolio; the file's name, when omitted."),
    click.option(
        "--output", type=click.Path(dir_okay=False), help="Where to write it; NAME.yaml, when omitted."
    ),
    click.option(
        "--yes", is_flag=True, help="Run the portfolio as drafted, through to a champion; ask nothing."
    ),
)


def init_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
