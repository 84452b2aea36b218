"""`score-loans`: the stored loans of past partitions, scored by the champion in one run of the graph."""

from datetime import date

import dagster as dg

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.session import Session, definitions
from loan_default_assets.orchestration import jobs


def score_loans(
    session: Session, instance: dg.DagsterInstance, *, first: date | None = None, last: date | None = None
) -> str:
    """Score every stored loan with a date from `first` to `last`; a line on the outcome.

    Raises:
        CommandError: There is no champion, or no partition with loans lies between the two days.
    """
    champion = session.registry.champion()
    if champion is None:
        raise CommandError("there is no champion to score with\nNext: loan-default run")
    portfolio = session.portfolio
    stored = list(session.loans.partitions())
    if portfolio.as_of is not None:
        low = portfolio.partition_of(first) if first else ""
        high = portfolio.partition_of(last) if last else "~"
        stored = [key for key in stored if low <= key <= high]
    elif first or last:
        raise CommandError(f"portfolio {portfolio.name} has no dates: leave out --from and --to")
    if not stored:
        raise CommandError(
            f"portfolio {portfolio.name} has no stored loans between {first or 'its start'} and {last or 'today'}\n"
            "Next: loan-default backfill --from DATE --to DATE, or other dates"
        )
    keys = stored
    if portfolio.as_of is not None:
        # A run covers a range of Dagster's partitions, those without loans in between included.
        keys = portfolio.partition_keys(*map(date.fromisoformat, (stored[0], stored[-1])))
    materialize(session, instance, definitions(session, partitions=keys), jobs.SCORE, partitions=keys)
    partitions = (
        f"1 partition, {keys[0]}" if len(keys) == 1 else f"{len(keys):,} partitions, {keys[0]} to {keys[-1]}"
    )
    return (
        f"scored the loans of {partitions}, by model {champion.version}: "
        f"tables scored_loans and scored_partitions of portfolio {portfolio.name}"
    )
