"""Promotions under the recorded policy: at once, or when enough different people have approved them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from loan_default_assets.warehouse.champion_decisions import Signer, announce, operating_system_user
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.model_records import (
    ModelRecord,
    RegistryError,
    promote_version,
    reject_version,
)
from loan_default_assets.warehouse.oversight import append_record, records_of
from loan_default_assets.warehouse.policy_records import Policy, PolicyState, policy_state, settle_policy
from loan_default_assets.warehouse.pruned_models import changing_models

# Who proposes a promotion that the chain would make by itself under APPROVALS=1. It is no person.
PROMOTION_POLICY = "promotion policy"


class ApprovalRefused(RegistryError):
    """A promotion cannot be approved or declined, or a policy cannot be recorded; nothing was changed."""


@dataclass(frozen=True)
class Proposal:
    """A promotion that waits.

    Attributes:
        id: Its row in `oversight_records`.
        actor: Who proposed it.
        approved_by: Who has approved it.
    """

    id: int
    version: str
    actor: str
    reason: str
    recorded_at: datetime
    approved_by: tuple[str, ...]


@dataclass(frozen=True)
class PromotionOutcome:
    """What became of a promotion.

    Attributes:
        champion: The promoted version; None where the promotion waits.
        proposal: What waits; None where it was promoted.
        required: People that it needs.
    """

    champion: ModelRecord | None
    proposal: Proposal | None
    required: int

    @property
    def missing(self) -> int:
        """People who are still to approve."""
        return max(0, self.required - len(self.proposal.approved_by)) if self.proposal else 0


class Promotions:
    """The promotions of one portfolio, one transaction each. Every method can raise WarehouseError.

    Args:
        database: Where they are recorded.
        policy: The present settings that decide on models.
        signer: Signs every decision in its transaction.
        actor: Who asks; the user of the operating system, when omitted.
    """

    def __init__(
        self, database: Database, policy: Policy, *, signer: Signer | None = None, actor: str | None = None
    ) -> None:
        self._database, self._policy, self._signer = database, policy, signer
        self.actor = actor or operating_system_user()

    def waiting(self) -> list[Proposal]:
        """The promotions that wait, the oldest first."""
        with self._database.transaction() as cursor:
            return proposals_of(cursor)

    def approved(self) -> list[Proposal]:
        """The promotions that have all their approvals and were not carried out yet, the oldest first.

        They are those whose last approval was given by API key, where nothing is signed.
        """
        with self._database.transaction() as cursor:
            required = policy_state(cursor, self._policy).required
            waiting = proposals_of(cursor) if required > 1 else []
        return [each for each in waiting if len(each.approved_by) >= required]

    def policy(self) -> PolicyState:
        """The present settings beside the recorded policy; records nothing."""
        with self._database.transaction() as cursor:
            return policy_state(cursor, self._policy)

    def promote(
        self,
        version: str,
        *,
        expected: str | None,
        verdict: str,
        reason: str,
        prepare: Callable[[], object],
        automatic: bool = False,
    ) -> PromotionOutcome:
        """Promote a version, or propose it where the policy requires approvals; see `promote_version`.

        Args:
            prepare: Called in the transaction right before a promotion; what it raises undoes it.
            automatic: The chain asks, and no person: this proposes, and approves nothing. A proposal that has all its
                approvals is carried out.

        Raises:
            ApprovalRefused: The actor has approved this promotion already.
            RegistryError: See `promote_version`.
        """
        with changing_models(self._database) as cursor:
            required = self._settled(cursor).required
            cursor.execute("SELECT status FROM model_metadata WHERE version = %s", (version,))
            if required <= 1 or cursor.fetchall() == [("champion",)]:
                return self._promoted(
                    cursor, version, self.actor, expected, verdict, reason, prepare, required
                )
            proposal = _open_proposal(cursor, version)
            if proposal is None:
                proposer = PROMOTION_POLICY if automatic else self.actor
                append_record(cursor, "promotion proposed", proposer, reason, version=version)
                proposal = _open_proposal(cursor, version)
            if proposal is None:
                raise ApprovalRefused(f"the promotion of {version} could not be proposed")
            if automatic and len(proposal.approved_by) < required:
                return PromotionOutcome(None, proposal, required)
            return self._approved(cursor, proposal, expected, verdict, reason, prepare, required)

    def approve(
        self,
        version: str,
        *,
        expected: str | None,
        verdict: str,
        reason: str,
        prepare: Callable[[], object],
    ) -> PromotionOutcome:
        """Approve a promotion that waits; the last approval that it needs promotes, in the same transaction.

        Raises:
            ApprovalRefused: No promotion of the version waits, or the actor has approved it already.
            RegistryError: See `promote_version`.
        """
        with changing_models(self._database) as cursor:
            required = self._settled(cursor).required
            proposal = self._waiting(cursor, version)
            return self._approved(cursor, proposal, expected, verdict, reason, prepare, required)

    def decline(self, version: str, reason: str) -> Proposal:
        """End a promotion that waits; a candidate becomes rejected.

        Raises:
            ApprovalRefused: No promotion of the version waits.
        """
        with changing_models(self._database) as cursor:
            proposal = self._waiting(cursor, version)
            append_record(
                cursor, "promotion declined", self.actor, reason, version=version, proposal=proposal.id
            )
            cursor.execute("SELECT status FROM model_metadata WHERE version = %s", (version,))
            if cursor.fetchall() == [("candidate",)]:
                announce(cursor, self.actor, signed=self._signer is not None)
                reject_version(cursor, version, reason=f"declined: {reason}", signer=self._signer)
            return proposal

    def record_policy(self, reason: str) -> PolicyState:
        """Record the present settings as policy; where approvals are required, once as many people have asked for it.

        Raises:
            ApprovalRefused: They are recorded already, or the actor has proposed them already.
        """
        with changing_models(self._database) as cursor:
            state = policy_state(cursor, self._policy)
            if state.recorded is not None and not state.differing:
                raise ApprovalRefused("the present settings are the recorded policy already")
            asked = [each.actor for each in state.proposals]
            if self.actor in asked:
                raise ApprovalRefused(
                    f"{self.actor} has proposed this policy already; it needs {state.required} different people\n"
                    "Next: another person runs loan-default policy --reason TEXT"
                )
            if state.required > 1:
                append_record(cursor, "policy proposed", self.actor, reason, details=self._policy)
                state = policy_state(cursor, self._policy)
            if state.required <= 1 or len(state.proposals) >= state.required:
                reasons = [f"{each.actor}: {each.reason}" for each in state.proposals]
                append_record(
                    cursor,
                    "policy changed",
                    ", ".join([*asked, self.actor]),
                    "; ".join(reasons) or reason,
                    details=self._policy,
                )
            return policy_state(cursor, self._policy)

    def _settled(self, cursor: extensions.cursor) -> PolicyState:
        return settle_policy(cursor, self._policy, self.actor)

    def _waiting(self, cursor: extensions.cursor, version: str) -> Proposal:
        if proposal := _open_proposal(cursor, version):
            return proposal
        others = ", ".join(each.version for each in proposals_of(cursor))
        raise ApprovalRefused(
            f"no promotion of {version} waits for approval"
            + (f"; there wait: {others}" if others else "")
            + f"\nNext: loan-default promote {version} --reason TEXT proposes one"
        )

    def _approved(
        self,
        cursor: extensions.cursor,
        proposal: Proposal,
        expected: str | None,
        verdict: str,
        reason: str,
        prepare: Callable[[], object],
        required: int,
    ) -> PromotionOutcome:
        version = proposal.version
        missing = required - len(proposal.approved_by)
        if missing > 0:
            if self.actor in proposal.approved_by:
                raise ApprovalRefused(
                    f"{self.actor} has approved the promotion of {version} already; it waits for {missing} more\n"
                    f"Next: another person runs loan-default approve {version} --reason TEXT"
                )
            append_record(
                cursor, "promotion approved", self.actor, reason, version=version, proposal=proposal.id
            )
        given = [each for each in records_of(cursor, "promotion approved") if each.proposal == proposal.id]
        if len(given) < required:
            return PromotionOutcome(None, _open_proposal(cursor, version), required)
        why = f"{proposal.reason}; approved by " + "; ".join(f"{each.actor}: {each.reason}" for each in given)
        who = ", ".join(each.actor for each in given)
        return self._promoted(cursor, version, who, expected, verdict, why, prepare, required)

    def _promoted(
        self,
        cursor: extensions.cursor,
        version: str,
        who: str,
        expected: str | None,
        verdict: str,
        reason: str,
        prepare: Callable[[], object],
        required: int,
    ) -> PromotionOutcome:
        prepare()
        announce(cursor, who, signed=self._signer is not None)
        champion = promote_version(
            cursor, version, expected=expected, verdict=verdict, reason=reason, signer=self._signer
        )
        return PromotionOutcome(champion, None, required)


def open_proposals(database: Database) -> list[Proposal]:
    """The promotions that wait, the oldest first."""
    with database.transaction() as cursor:
        return proposals_of(cursor)


def proposals_of(cursor: extensions.cursor) -> list[Proposal]:
    cursor.execute(
        "SELECT id, version, actor, reason, recorded_at, approved_by FROM open_proposals ORDER BY id"
    )
    return [
        Proposal(number, version, actor, reason, recorded_at, tuple(approved_by))
        for number, version, actor, reason, recorded_at, approved_by in cursor.fetchall()
    ]


def _open_proposal(cursor: extensions.cursor, version: str) -> Proposal | None:
    return next((each for each in proposals_of(cursor) if each.version == version), None)
