"""The last alerts and those that could not be delivered, for `status`, as JSON values and as lines."""

from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.warehouse.alert_log import AlertLog, LoggedAlert

_SHOWN = 5
_KINDS = {"hold": "retraining on HOLD, champion", "run_failed": "failed run", "drift": "drift of partition"}


def alerts(session: Session) -> dict[str, Any]:
    """The newest alerts, the newest first, and how many are still to be delivered. Raises WarehouseError."""
    log = AlertLog(session.database)
    return {"recent": [_values(each) for each in log.newest(_SHOWN)], "undelivered": log.counts().undelivered}


def _values(alert: LoggedAlert) -> dict[str, Any]:
    return vars(alert) | {
        "raised_at": alert.raised_at.isoformat(),
        "delivered_at": alert.delivered_at.isoformat() if alert.delivered_at else None,
    }


def alert_lines(found: dict[str, Any]) -> list[str]:
    """One line per alert; none where none was raised."""
    lines = []
    for each in found["recent"]:
        if each["delivered_at"]:
            state = f"delivered ({each['delivered_through']})"
        else:
            state = f"NOT delivered ({each['failure'] or 'being sent'})"
        lines.append(f"  {each['raised_at'][:16]}  {_KINDS[each['kind']]} {each['subject']}: {state}")
    if lines:
        lines.insert(0, "alerts, the newest first")
    if found["undelivered"]:
        lines.append(f"            {found['undelivered']} are sent again for a week; next: check ALERT_TO")
    return lines
