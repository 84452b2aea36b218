"""The facts that the retraining policy decides on, read from the views over the five tables."""

from collections.abc import Iterable
from typing import Any

from psycopg2 import extensions

from loan_default_assets.policy.state import Evaluation, Model, State
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans


def state(
    database: Database,
    portfolio: Portfolio,
    *,
    max_rows: int = 0,
    running: Iterable[str] = (),
    ended_runs: Iterable[str] = (),
    forced: bool = False,
) -> State:
    """The recorded facts.

    The features are read or hashed only where the policy needs the hash of the training snapshot: without a usable
    champion, and when forced.

    Args:
        database: The portfolio's schema.
        portfolio: The portfolio under which models and features are usable.
        max_rows: Most rows of a training snapshot that are read; 0 for no limit.
        running: Keys of the retraining runs that are queued or running.
        ended_runs: Keys of the retraining runs that ended and are not retried.
        forced: Whether an operator requests a retraining now.

    Raises:
        WarehouseError: The database cannot be reached or read.
    """
    loans = Loans(database, portfolio)
    cutoff = loans.cutoff()
    with database.transaction(repeatable=True) as cursor:
        [(labels, now)] = _rows(
            cursor,
            "SELECT coalesce(sum(labels), 0)::bigint, clock_timestamp() FROM labels_by_day WHERE feature_hash = %s "
            "AND (%s::date IS NULL OR label_observed_at IS NULL OR label_observed_at <= %s)",
            (portfolio.hash[:16], cutoff, cutoff),
        )
        models = tuple(
            Model(*values)
            for values in _rows(
                cursor,
                "SELECT version, parent, snapshot, attempt, labels, status, created_at, promoted_at, verdict, "
                "portfolio_hash = %s FROM retraining_models ORDER BY created_at, version",
                (portfolio.hash,),
            )
        )
        evaluations = tuple(
            Evaluation(*values)
            for values in _rows(
                cursor,
                "SELECT version, snapshot, rows, positives, f1, f1_low, f1_high, evaluated_at, window_from, window_to, "
                "roc_auc_low, roc_auc_high FROM retraining_evaluations ORDER BY evaluated_at",
            )
        )
        awaiting = _rows(cursor, "SELECT version FROM open_proposals ORDER BY id DESC LIMIT 1")
    usable_champion = any(model.status == "champion" and model.usable for model in models)
    snapshot = None
    if labels and (forced or not usable_champion):
        with loans.snapshot_rows() as stored:
            snapshot = stored.digest(max_rows)
    return State(
        now=now,
        labels=labels,
        snapshot=snapshot,
        models=models,
        evaluations=evaluations,
        running=tuple(running),
        ended_runs=frozenset(ended_runs),
        forced=forced,
        awaiting_approval=awaiting[0][0] if awaiting else None,
    )


def _rows(cursor: extensions.cursor, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    cursor.execute(query, values)
    return cursor.fetchall()
