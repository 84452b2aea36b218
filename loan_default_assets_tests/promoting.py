"""Promotions of tests, made as the commands and the chain make them."""

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.policy_records import APPROVALS
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import ModelRecord


def one_person(database: Database, actor: str | None = None) -> Promotions:
    """The promotions of a database under a policy by which one person is enough."""
    return Promotions(database, {APPROVALS: 1}, actor=actor)


def promote(
    promotions: Promotions,
    version: str,
    *,
    expected: str | None,
    verdict: str = "approved",
    reason: str = "a test",
) -> ModelRecord:
    """Make a version champion in place of the expected one, and return its record; it may not wait for approval."""
    outcome = promotions.promote(
        version, expected=expected, verdict=verdict, reason=reason, prepare=lambda: None
    )
    assert outcome.champion is not None, f"the promotion of {version} waits: {outcome.proposal}"
    return outcome.champion
