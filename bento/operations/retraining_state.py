"""What the retraining policy decides on the recorded facts, for /model-info, /metrics and the console."""

from dataclasses import dataclass
from datetime import datetime

from loan_default_assets.limits import retraining_limits
from loan_default_assets.policy.retraining import Action, decide, status
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets.warehouse.database import Database


@dataclass(frozen=True)
class RetrainingFacts:
    """The decision, and the figures that it rests on.

    Attributes:
        f1: Of the newest evaluation of the champion; None before the first.
        new_labels: Labels that matured since the last training.
        missing_labels: Labels that are still to mature before a retraining.
        ready_at: When the cooldown of the last training ends; None without one.
        hold_since: When the last attempt that the policy allows had ended; None while it allows one.
    """

    action: Action
    f1: float | None
    new_labels: int
    missing_labels: int
    ready_at: datetime | None
    hold_since: datetime | None

    @property
    def described(self) -> dict[str, str | int]:
        """The `retraining` object of /model-info and of `loan-default status --json`."""
        return status(self.action)

    @property
    def state(self) -> str:
        """Its state, `OK` for example."""
        return str(self.described["state"])


def read_retraining(database: Database, portfolio: Portfolio, settings: Settings) -> RetrainingFacts:
    """The decision on what is recorded now.

    Raises:
        WarehouseError: The database cannot be reached or read.
    """
    limits = retraining_limits(settings)
    facts = retraining_facts.state(database, portfolio, max_rows=settings.training_max_rows)
    action = decide(facts, limits)
    evaluations, closing = facts.champion_evaluations, facts.closing_attempt(limits)
    return RetrainingFacts(
        action=action,
        f1=evaluations[-1].f1 if evaluations else None,
        new_labels=facts.new_labels,
        missing_labels=max(0, limits.sample_threshold - facts.new_labels),
        ready_at=facts.finished[-1].created_at + limits.cooldown if facts.finished else None,
        hold_since=closing.created_at if closing and action.alert else None,
    )
