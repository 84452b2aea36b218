"""`run` and `demo`: the whole chain on one portfolio, from its source to an evaluated model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.plan_report import plan_text, training_text
from loan_default_assets.commands.run_progress import RunProgress
from loan_default_assets.commands.session import Session, definitions
from loan_default_assets.limits import split_limits
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.pipeline.run_plan import plan_run, plan_training, training_cost
from loan_default_assets.pipeline.training_snapshot import read_snapshot
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
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Loans, features, encoder, classifier, evaluation, champion, with `package` its Bento; repeated: no change.

    `say` is given the plan before anything is loaded, and then what is known by then: what counts as a default, the
    rows of the training, and the time that remains. Without it nothing is timed in advance.

    Raises: CommandError with what is wrong and what to do.
    """
    try:
        keys = completed_keys(session.portfolio, first, last, today or date.today())
    except ValueError as error:
        raise CommandError(f"{error}\nNext: give --from and --to inside that range") from None
    before = fingerprint(session)
    if say is None:
        _run_jobs(session, instance, definitions(session, partitions=keys), keys, cutoff, package)
    else:
        _run_with_plan(session, instance, keys, cutoff, package, say)
    after = fingerprint(session)
    return Outcome(len(keys), tuple(table for table in TABLES if before[table] != after[table]))


def _run_jobs(
    session: Session,
    instance: dg.DagsterInstance,
    graph: dg.Definitions,
    keys: Sequence[str],
    cutoff: date | None,
    package: bool,
    loaded: Callable[[], None] = lambda: None,
) -> None:
    materialize(session, instance, graph, jobs.INGEST, partitions=keys)
    loaded()
    attempt = {"cutoff": cutoff.isoformat()} if cutoff else None
    materialize(session, instance, graph, jobs.TRAIN, attempt=attempt)
    if package:
        materialize(session, instance, graph, jobs.PACKAGE)


def _run_with_plan(
    session: Session,
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    cutoff: date | None,
    package: bool,
    say: Callable[[str], None],
) -> None:
    portfolio, limits = session.portfolio, split_limits(session.settings)
    cost = training_cost(portfolio, session.settings)
    plan = plan_run(portfolio, session.loans, keys, cost, limits=limits, package=package)
    say(plan_text(session, plan))
    progress = RunProgress(say)
    progress.plan(plan.seconds)

    def loaded() -> None:
        say(default_text(session))
        snapshot = read_snapshot(session.loans, limits, cutoff)
        refreshed = plan_training(plan, portfolio, session.registry, session.artifacts, snapshot, cost)
        progress.plan(refreshed.training_seconds)
        say(training_text(refreshed))

    graph = definitions(session, {"progress": progress.logger()}, partitions=keys)
    with progress.shown():
        _run_jobs(session, instance, graph, keys, cutoff, package, loaded)


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
