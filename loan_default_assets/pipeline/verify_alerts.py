"""Whether every recorded alert and delivery that is gone was deleted by retention, as its tombstone says."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.alert_tombstones import AlertTombstone


def verify_deleted_alerts(
    tombstones: list[AlertTombstone], gone: Mapping[str, Mapping[str, str]], deviations: Deviations
) -> int:
    """Compare the links of deleted alerts with the tombstones of retention.

    Args:
        tombstones: All of them.
        gone: Of `alerts` and `alert_deliveries`, the links whose rows are gone: primary key and name of the link.

    Returns:
        The number of alerts that retention deleted.
    """
    counted: Counter[AlertTombstone] = Counter()
    deleted = set()
    for key, link in gone["alerts"].items():
        number, kind, raised_at = json.loads(key)
        tombstone = _covering(tombstones, kind, datetime.fromisoformat(raised_at))
        if tombstone is None:
            expected = f"the row of {link}, or a tombstone of its deletion"
            deviations.add("row", "alerts", f"row {key}", expected=expected, found="it is missing")
        else:
            counted[tombstone] += 1
            deleted.add(number)
    for each in tombstones:
        # Of alerts that were deleted before there were chains, no link is left.
        if each.is_linked and counted[each] != each.alerts:
            deviations.add(
                "tombstone",
                "pruned_alerts",
                f"{each.kind}, deleted {each.deleted_at:%Y-%m-%d %H:%M}",
                expected=f"{counted[each]} alerts, as their links say",
                found=str(each.alerts),
            )
    for key, link in gone["alert_deliveries"].items():
        if json.loads(key)[0] not in deleted:
            expected = f"the row of {link}, since its alert was not deleted"
            deviations.add("row", "alert_deliveries", f"row {key}", expected=expected, found="it is missing")
    return sum(counted.values())


def _covering(tombstones: list[AlertTombstone], kind: str, raised_at: datetime) -> AlertTombstone | None:
    return next(
        (each for each in tombstones if each.kind == kind and each.first <= raised_at <= each.last), None
    )
