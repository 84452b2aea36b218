"""Approvals that people give by an API key of the service: recorded here, carried out where models are signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg2 import extensions

from loan_default_assets.policy.promotion import PROMOTING
from loan_default_assets.policy.verdict_warnings import VerdictWarning, recorded_warnings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.oversight import append_record
from loan_default_assets.warehouse.promotions import PROMOTION_POLICY, ApprovalRefused, proposals_of
from loan_default_assets.warehouse.pruned_models import changing_models, pruned_models


class KeyApprovalRefused(ApprovalRefused):
    """An approval is not recorded; nothing was changed.

    Attributes:
        kind: `unknown`: no promotion of the version waits; `other_state`: something has changed since the approver
            looked, or the actor or the model speaks against it.
    """

    def __init__(self, kind: Literal["unknown", "other_state"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class WaitingPromotion:
    """A promotion that waits, with what an approver has to know.

    Attributes:
        proposal: Number of the proposal, which an approval names.
        champion: The present champion; None without one.
        verdict: Of the newest evaluation of the version; None where there is none.
        f1: Of that evaluation.
        warnings: On that verdict.
        required: People that it needs.
    """

    proposal: int
    version: str
    champion: str | None
    proposed_by: str
    proposed_at: datetime
    reason: str
    approved_by: tuple[str, ...]
    required: int
    verdict: str | None
    f1: float | None
    warnings: tuple[VerdictWarning, ...]
    portfolio_hash: str

    @property
    def missing(self) -> int:
        """People who are still to approve."""
        return max(0, self.required - len(self.approved_by))


def waiting_promotions(database: Database) -> list[WaitingPromotion]:
    """The promotions that wait, the oldest first.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction(repeatable=True) as cursor:
        return _waiting(cursor)


def record_approval(
    database: Database,
    version: str,
    proposal: int,
    actor: str,
    reason: str,
    *,
    key_id: str,
    portfolio_hash: str,
) -> WaitingPromotion:
    """Record the approval of a promotion that waits; the state after it. Nothing is promoted or signed.

    Args:
        proposal: The proposal that the approver has seen.
        actor: Who approves.
        key_id: Of the key, recorded with the approval.
        portfolio_hash: Of the present portfolio.

    Raises:
        KeyApprovalRefused: See its `kind`.
        WarehouseError: The database cannot be reached.
    """
    with changing_models(database) as cursor:
        found = next((each for each in _waiting(cursor) if each.version == version), None)
        if found is None:
            raise KeyApprovalRefused("unknown", f"no promotion of {version} waits for approval")
        if problem := _refusal(found, proposal, actor, portfolio_hash):
            raise KeyApprovalRefused("other_state", problem)
        if version in pruned_models(cursor):
            raise KeyApprovalRefused("other_state", f"retention has deleted the files of {version}")
        append_record(
            cursor,
            "promotion approved",
            actor,
            reason,
            version=version,
            proposal=proposal,
            details={"key": key_id},
        )
        return next(each for each in _waiting(cursor) if each.version == version)


def _refusal(found: WaitingPromotion, proposal: int, actor: str, portfolio_hash: str) -> str | None:
    version = found.version
    if found.proposal != proposal:
        return f"the promotion of {version} that waits is proposal {found.proposal}, not {proposal}; look at it again"
    if not found.missing:
        return (
            f"the promotion of {version} has its {found.required} approvals already; the chain carries it out"
        )
    if actor in found.approved_by:
        return f"{actor} has approved the promotion of {version} already; it waits for {found.missing} more"
    if found.portfolio_hash != portfolio_hash:
        return f"{version} was trained under another description of the portfolio and cannot score its rows"
    if found.verdict is None or (found.proposed_by == PROMOTION_POLICY and found.verdict not in PROMOTING):
        return f"the newest verdict on {version} is {found.verdict or 'missing'}, so the chain will not promote it"
    return None


def _waiting(cursor: extensions.cursor) -> list[WaitingPromotion]:
    cursor.execute(
        "SELECT required_approvals(), (SELECT version FROM model_metadata WHERE status = 'champion')"
    )
    [(required, champion)] = cursor.fetchall()
    waiting = []
    for each in proposals_of(cursor):
        cursor.execute(
            "SELECT m.portfolio_hash, p.verdict, p.f1, i.inputs FROM model_metadata m LEFT JOIN LATERAL (SELECT id, "
            "verdict, f1 FROM counted_evaluations WHERE model_version = m.version ORDER BY evaluated_at DESC, id DESC "
            "LIMIT 1) p ON true LEFT JOIN evaluation_inputs i ON i.evaluation = p.id WHERE m.version = %s",
            (each.version,),
        )
        [(portfolio_hash, verdict, f1, inputs)] = cursor.fetchall()
        waiting.append(
            WaitingPromotion(
                each.id,
                each.version,
                champion,
                each.actor,
                each.recorded_at,
                each.reason,
                each.approved_by,
                required,
                verdict,
                f1,
                recorded_warnings(inputs),
                portfolio_hash,
            )
        )
    return waiting
