"""`run` and `demo`: the whole chain on one portfolio, from its source to an evaluated model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import dagster as dg

from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.session import CommandError, Session, definitions
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.warehouse.table_hashes import TABLES


@dataclass(frozen=True)
class Outcome:
    """What a run did: number of requested partitions, and the tables whose rows changed."""

    partitions: int
    changed: tuple[str, ...]


def run(
    session: Session,
    instance: dg.DagsterInstance,
    *,
    first: date | None = None,
    last: date | None = None,
    cutoff: date | None = None,
    package: bool = False,
    today: date | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Loans, features, encoder, classifier, evaluation, champion, with `package` its Bento; repeated: no change.

    `say` is given what counts as a default, once the loans are stored and before anything is trained.

    Raises: CommandError with what is wrong and what to do.
    """
    try:
        keys = completed_keys(session.portfolio, first, last, today or date.today())
    except ValueError as error:
        raise CommandError(f"{error}\nNext: give --from and --to inside that range") from error
    before = fingerprint(session)
    graph = definitions(session)
    materialize(session, instance, graph, jobs.INGEST, partitions=keys)
    say(default_text(session))
    attempt = {"cutoff": cutoff.isoformat()} if cutoff else None
    materialize(session, instance, graph, jobs.TRAIN, attempt=attempt)
    if package:
        materialize(session, instance, graph, jobs.PACKAGE)
    after = fingerprint(session)
    return Outcome(len(keys), tuple(table for table in TABLES if before[table] != after[table]))


def default_text(session: Session) -> str:
    """`default = 2 (31.5 % of loans)`: what counts as a default, and its rate among the loans with an outcome."""
    rates = session.loans.default_rates().values()
    known, defaults = sum(rate.labelled for rate in rates), sum(rate.defaults for rate in rates)
    share = f"{100 * defaults / known:.1f} % of loans" if known else "no loan has an outcome yet"
    without = sum(rate.rows for rate in rates) - known
    waiting = f"; {without:,} loans have no outcome yet" if known and without else ""
    return f"default = {session.portfolio.label.default_text} ({share}){waiting}"


def fingerprint(session: Session) -> dict[str, str]:
    """A hash of every table's rows, independent of their order."""
    return {table: session.loans.table_hash(table) for table in TABLES}
