"""`policy`: the settings that decide on models beside the recorded policy, and the record of a change."""

from loan_default_assets.commands.session import Session
from loan_default_assets.warehouse.policy_records import PolicyState


def policy(session: Session, reason: str | None) -> str:
    """The policy as lines; with a reason, the present settings are recorded first.

    Raises:
        WarehouseError: They are recorded already, or the same person has proposed them already.
    """
    state = session.promotions.policy() if reason is None else session.promotions.record_policy(reason)
    return "\n".join(policy_lines(state))


def policy_lines(state: PolicyState) -> list[str]:
    """Every setting, who recorded it, and what differs."""
    differing = state.differing
    lines = [
        f"{name:32}{_shown(value)}"
        + (f"  (recorded: {_shown(differing[name][0])})" if name in differing else "")
        for name, value in state.present.items()
    ]
    if state.recorded is None:
        return [*lines, "not recorded yet: the first promotion records it"]
    lines.append(
        f"recorded {state.recorded.recorded_at:%Y-%m-%d %H:%M} by {state.recorded.actor}: {state.recorded.reason}"
    )
    if differing and state.proposals:
        asked = ", ".join(each.actor for each in state.proposals)
        lines.append(f"proposed by {asked}; {state.required} different people must run the same command")
    elif differing:
        lines.append("Next: loan-default policy --reason TEXT records the present settings")
    return lines


def _shown(value: object) -> str:
    return "unset" if value is None else str(value)
