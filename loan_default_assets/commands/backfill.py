"""`backfill`: past partitions in one range run, then the models once."""

from datetime import date

import dagster as dg

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.run import Outcome, fingerprint
from loan_default_assets.commands.session import Session, definitions
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.warehouse.table_hashes import TABLES


def backfill(
    session: Session,
    instance: dg.DagsterInstance,
    *,
    first: date,
    last: date,
    cutoff: date | None = None,
    today: date | None = None,
) -> Outcome:
    """Load loans and features of every partition from `first` to `last`; then evaluate the champion on the new rows.

    A first model is trained where there is none. `cutoff`: only partitions completed by that day are loaded,
    and a model is trained and evaluated with the outcomes known then. The rows are those of a backfill in the UI.
    Raises: CommandError.
    """
    if first > last:
        raise CommandError(f"--from {first} is later than --to {last}")
    now = today or date.today()
    try:
        keys = completed_keys(session.portfolio, first, last, min(now, cutoff or now))
    except ValueError as error:
        raise CommandError(f"{error}\nNext: give --from and --to inside that range") from None
    before = fingerprint(session)
    graph = definitions(session, partitions=keys)
    materialize(session, instance, graph, jobs.INGEST, partitions=keys)
    train = cutoff is not None or session.registry.champion() is None
    materialize(
        session,
        instance,
        graph,
        jobs.TRAIN if train else jobs.EVALUATE,
        attempt={"cutoff": cutoff.isoformat()} if cutoff else None,
    )
    after = fingerprint(session)
    return Outcome(len(keys), tuple(table for table in TABLES if before[table] != after[table]))
