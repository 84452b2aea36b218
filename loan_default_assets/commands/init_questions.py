"""What the user of `init` decides: by its options, or by answers on a terminal."""

from collections.abc import Iterable

import click

from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.portfolio.profiling.undecided import UndecidedError


def request_of(
    *,
    label: str | None,
    date: str | None,
    undated: bool,
    date_format: str | None,
    key: str | None,
    positive: Iterable[str],
    name: str | None,
    encoding: str | None = None,
    fill_short_rows: bool = False,
    horizon_days: int | None = None,
    pending: Iterable[str] = (),
) -> DraftRequest:
    """What the options of `init` decide."""
    return DraftRequest(
        label,
        date,
        key,
        name,
        tuple(positive),
        date_format,
        undated,
        encoding,
        fill_short_rows,
        horizon_days,
        tuple(pending),
    )


def ask_on_terminal(question: UndecidedError) -> str:
    """Ask, and return the chosen value: a value as it is, or `#1`, `#2` for a choice.

    A bare number is a value, never the number of a choice: labels are often coded 1 and 2.
    """
    click.secho(question.question, bold=True)
    for number, choice in enumerate(question.choices, start=1):
        click.echo(f"  #{number}  {choice.text}")
    if not question.choices:
        return str(click.prompt(question.hint)).strip()
    # Which class is the default, and when an outcome is final, must be answered, not confirmed by a key.
    default = None if question.option in ("positive", "horizon_days") else "#1"
    answer = str(click.prompt("The value, or # and a number", default=default)).strip()
    values = {f"#{number}": choice.value for number, choice in enumerate(question.choices, start=1)}
    return values.get(answer, answer)
