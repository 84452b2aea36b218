"""The recorded policy: which settings decide on models, who changed them, and how many people a promotion needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import extensions

from loan_default_assets.warehouse.oversight import OversightRecord, append_record, records_of

# Settings by name, as `limits.decision_policy` gives them.
Policy = Mapping[str, Any]
APPROVALS = "APPROVALS"
UNEXPLAINED = "no reason was given: the settings of a run or a command differed from the recorded policy"
FIRST = "the first record: the settings of the run or command that decided"


@dataclass(frozen=True)
class PolicyState:
    """The present settings beside the recorded policy.

    Attributes:
        present: The present settings.
        recorded: The last change; None before the first record.
        proposals: Who proposed to record the present settings since then, and why.
    """

    present: Policy
    recorded: OversightRecord | None
    proposals: tuple[OversightRecord, ...]

    @property
    def required(self) -> int:
        """People that a promotion, or another policy, needs."""
        return int(self.recorded.details.get(APPROVALS, 1)) if self.recorded else 1

    @property
    def differing(self) -> dict[str, tuple[Any, Any]]:
        """Recorded and present value of every setting that differs; empty before the first record."""
        if self.recorded is None:
            return {}
        recorded = self.recorded.details
        return {
            name: (recorded.get(name), value)
            for name, value in self.present.items()
            if recorded.get(name) != value
        }


def policy_state(cursor: extensions.cursor, present: Policy) -> PolicyState:
    """The state now."""
    changes = records_of(cursor, "policy changed")
    recorded = changes[-1] if changes else None
    since = recorded.id if recorded else 0
    proposals = tuple(
        each
        for each in records_of(cursor, "policy proposed")
        if each.id > since and each.details == dict(present)
    )
    return PolicyState(present, recorded, proposals)


def settle_policy(cursor: extensions.cursor, present: Policy, actor: str) -> PolicyState:
    """Record the present settings unless they are recorded; those that need several people stay as they were.

    The cursor's transaction holds the registry's lock.
    """
    state = policy_state(cursor, present)
    if state.recorded is not None and (state.required > 1 or not state.differing):
        return state
    reason = FIRST if state.recorded is None else UNEXPLAINED
    append_record(cursor, "policy changed", actor, reason, details=present)
    return policy_state(cursor, present)
