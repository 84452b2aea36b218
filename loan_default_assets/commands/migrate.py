"""`migrate`: tables, the portfolio's columns and Dagster's history, brought up to this release; repeated: no change."""

import dagster as dg

from loan_default_assets.commands.session import Session


def migrate(session: Session, instance: dg.DagsterInstance) -> str:
    """Migrate Dagster's tables; those of the portfolio were migrated when the session was opened.

    `dagster.yaml` is in DAGSTER_HOME afterwards, for the processes that share it.

    Returns:
        A line for the operator.

    Raises:
        WarehouseError: The database cannot be reached or changed.
    """
    instance.upgrade()
    return f"{session.database_label} is ready for portfolio {session.portfolio.name}"
