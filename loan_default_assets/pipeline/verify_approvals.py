"""Whether every promotion has the approvals that the policy of its time required."""

from collections.abc import Sequence

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_decisions import MIGRATION
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.oversight import OversightRecord
from loan_default_assets.warehouse.policy_records import APPROVALS


def verify_approvals(
    decisions: Sequence[RecordedDecision], oversight: Sequence[OversightRecord], deviations: Deviations
) -> int:
    """Count the different people who approved each promotion before it was made.

    Returns:
        The number of promotions that needed approvals.
    """
    count, former = 0, 0
    for decision in decisions:
        before = [each for each in oversight if each.after_decision < decision.id]
        if decision.action == "promoted" and decision.decided_by != MIGRATION:
            required = _required(before)
            people = _people(before, decision.version, former)
            count += required > 1
            if required > 1 and len(people) < required:
                deviations.add(
                    "approval",
                    "champion_decisions",
                    f"decision {decision.id} on version {decision.version}",
                    expected=f"approvals of {required} different people, as the policy of that time requires",
                    found=", ".join(sorted(people)) or "none",
                )
        if decision.action != "rejected":
            former = decision.id
    return count


def _required(before: Sequence[OversightRecord]) -> int:
    policies = [each for each in before if each.action == "policy changed"]
    return int(policies[-1].details.get(APPROVALS, 1)) if policies else 1


def _people(before: Sequence[OversightRecord], version: str, former: int) -> set[str]:
    """Who approved a proposal of the version that was made after the former change of the champion."""
    proposals = {
        each.id
        for each in before
        if (each.action, each.version) == ("promotion proposed", version) and each.after_decision >= former
    }
    return {
        each.actor for each in before if each.action == "promotion approved" and each.proposal in proposals
    }
