"""What `demo` and `run` print at their end: the result, where it is stored, and what to run next."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from loan_default_assets.commands.run import Outcome
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.status import champion_lines, status
from loan_default_assets.portfolio.column_account import ColumnUse, column_account
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import find_report
from loan_default_assets.settings import Settings


def text(session: Session, outcome: Outcome, *more: Sequence[str]) -> str:
    """The summary of one run of the chain; `more` are further lines."""
    found = status(session)
    lines = [
        "",
        f"{found['portfolio']}: {outcome.partitions:,} partitions",
        "rows per table",
        *(f"  {table:18}{rows:>10,}" for table, rows in found["tables"].items()),
        *champion_lines(found["champion"], found["evaluation"]),
        (
            f"changed     {', '.join(outcome.changed)}"
            if outcome.changed
            else "changed     nothing: every row was there already"
        ),
        f"rows        {found['database']}, schema {found['portfolio']}",
        f"models      {session.settings.models_root}",
        *_report_lines(session, found["champion"]),
        *(line for lines in more for line in lines),
        *next_lines(session.settings, synthetic=session.portfolio.source.kind == "synthetic"),
    ]
    return "\n".join(lines)


def next_lines(settings: Settings, *, synthetic: bool) -> list[str]:
    """What to run next: generated loans lead to one's own, and own loans to applications.

    Examples:
        >>> print(*next_lines(Settings(portfolio="demo"), synthetic=True), sep="\\n")
        next        loan-default status: the same figures, any time
                    loan-default up: Dagster's UI, and the service with its console
                    loan-default init FILE: the same chain on your own loans
    """
    options = "" if settings.portfolio == "demo" else f" --portfolio {shlex.quote(settings.portfolio)}"
    source = ""
    if settings.loan_source:
        # A URL may hold a password.
        source = f" --source {'URL' if '://' in settings.loan_source else shlex.quote(settings.loan_source)}"
    own = (
        "loan-default init FILE: the same chain on your own loans"
        if synthetic
        else f"loan-default score FILE{options}: PDs and reason codes of applications"
    )
    return [
        f"next        loan-default status{options}: the same figures, any time",
        f"            loan-default up{options}{source}: Dagster's UI, and the service with its console",
        f"            {own}",
    ]


def _report_lines(session: Session, champion: Mapping[str, Any] | None) -> list[str]:
    report = find_report(session.artifacts.root, champion["version"]) if champion else None
    return [f"report      {report.path} (open it in a browser)"] if report else []


def columns_text(portfolio: Portfolio) -> str:
    """How many columns are features, and the others by name with the reason."""
    account = column_account(portfolio)
    features, others = [use for use in account if use.is_feature], [u for u in account if not u.is_feature]
    categorical = sum(use.use == "categorical feature" for use in features)
    lines = [
        f"{portfolio.name}: {len(account)} columns, of which {len(features)} are features "
        f"({len(features) - categorical} numerical, {categorical} categorical)"
    ]
    lines += [f"  no feature  {_column_text(use)}" for use in others]
    return "\n".join(lines)


def _column_text(use: ColumnUse) -> str:
    return f"{use.name} ({use.use}): {use.reason}"
