"""What waits for approval, the recorded policy, and the counts of overrides and rescorings, for `status`."""

from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.commands.warning_lines import warning_lines


def oversight(session: Session) -> dict[str, Any]:
    """The objects `approvals`, `policy` and `overrides` of the status."""
    state, log = session.promotions.policy(), session.oversight
    counts = log.override_counts()
    return {
        "approvals": {
            "required": state.required,
            "waiting": [
                {
                    "version": each.version,
                    "proposed_by": each.actor,
                    "reason": each.reason,
                    "since": each.recorded_at.isoformat(),
                    "approved_by": list(each.approved_by),
                    "missing": max(0, state.required - len(each.approved_by)),
                    "warnings": [one.as_dict() for one in session.evaluations.warnings(each.version)],
                }
                for each in session.promotions.waiting()
            ],
        },
        "policy": {
            "recorded_at": state.recorded.recorded_at.isoformat() if state.recorded else None,
            "recorded_by": state.recorded.actor if state.recorded else None,
            "reason": state.recorded.reason if state.recorded else None,
            "differing": {
                name: {"recorded": recorded, "present": present}
                for name, (recorded, present) in state.differing.items()
            },
        },
        "overrides": {
            "refused_to_approved": sum(each.count for each in counts if each.decision == 0),
            "approved_to_refused": sum(each.count for each in counts if each.decision == 1),
            "rescorings": log.rescoring_count(),
        },
    }


def oversight_lines(found: dict[str, Any]) -> list[str]:
    """The same as lines; nothing where there is nothing to say."""
    required, lines = found["approvals"]["required"], []
    for each in found["approvals"]["waiting"]:
        given = ", ".join(each["approved_by"]) or "nobody"
        if not each["missing"]:
            lines += [
                f"approval    {each['version']} has its {required} approvals, by {given}; the chain promotes it",
                f"            at once instead: loan-default promote {each['version']} --reason TEXT",
            ]
            lines += warning_lines(each["warnings"])
            continue
        lines += [
            f"approval    {each['version']} waits for {each['missing']} of {required} people; proposed by "
            f"{each['proposed_by']}, approved by {given}",
            f"            next: loan-default approve {each['version']} --reason TEXT (or decline)",
            *warning_lines(each["warnings"]),
        ]
    if differing := found["policy"]["differing"]:
        changes = ", ".join(
            f"{name} {each['recorded']} -> {each['present']}" for name, each in differing.items()
        )
        lines += [
            f"policy      differs from the recorded one: {changes}",
            "            next: loan-default policy --reason TEXT",
        ]
    overrides = found["overrides"]
    if any(overrides.values()):
        lines.append(
            f"overrides   {overrides['refused_to_approved']:,} refused to approved, "
            f"{overrides['approved_to_refused']:,} approved to refused; {overrides['rescorings']:,} rescorings with "
            "corrected data"
        )
    return lines
