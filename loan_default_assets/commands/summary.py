"""What `demo` and `run` print at their end: the result, where it is stored, and what to run next."""

from collections.abc import Sequence

from loan_default_assets.commands.run import Outcome
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.status import champion_lines, status
from loan_default_assets.portfolio.spec import Portfolio


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
        *(line for lines in more for line in lines),
        "next        loan-default status        the same figures, any time",
        "            loan-default run --help    the same chain on your own loans",
    ]
    return "\n".join(lines)


def columns_text(portfolio: Portfolio) -> str:
    """Which columns are features, and which are not and why."""
    features = portfolio.features
    after, protected = set(portfolio.known_after_outcome), set(portfolio.protected)
    texts = [
        name
        for name, column in portfolio.columns.items()
        if column.kind == "text" and name not in after and name not in protected
    ]
    groups = {
        "text": texts,
        "known after the outcome": portfolio.known_after_outcome,
        "protected": portfolio.protected,
        "ignored": portfolio.ignore,
    }
    counts = f"{len(features.numerical)} numerical and {len(features.categorical)} categorical features"
    lines = [f"{portfolio.name}: {counts}"]
    lines += [f"  no feature, {reason}: {', '.join(names)}" for reason, names in groups.items() if names]
    return "\n".join(lines)
