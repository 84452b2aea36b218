"""Options that several verbs of `loan-default` share, and the settings that they give."""

import os
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click

DATE = click.DateTime(formats=["%Y-%m-%d"])


def day_of(value: datetime | None) -> date | None:
    """The day of an option; None where it was not given."""
    return value.date() if value else None


def portfolio_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--portfolio` and `--source`."""
    function = click.option(
        "--source",
        metavar="FILE_OR_URL",
        help="File of loans, or URL of a database, in place of the portfolio's source.",
    )(function)
    return click.option(
        "--portfolio", metavar="NAME_OR_FILE", help="A portfolio of the library, or a portfolio file."
    )(function)


def settings_of(portfolio: str | None, source: str | None) -> Any:
    """Options win over the environment, and child processes read the same values from it."""
    from loan_default_assets.settings import Settings

    if portfolio:
        os.environ["PORTFOLIO"] = portfolio
    if source:
        os.environ["LOAN_SOURCE"] = source if "://" in source else os.path.abspath(source)  # noqa: PTH100
    return Settings()
