"""Tombstones of deleted alerts as `verify` reads them, in the state of the database that it verifies."""

from dataclasses import dataclass
from datetime import datetime

from loan_default_assets.warehouse.chain_links import StoredChains


@dataclass(frozen=True)
class AlertTombstone:
    """A row of `pruned_alerts`.

    Attributes:
        alerts: Number of deleted alerts.
        first: Time of the earliest one.
        last: Time of the latest one.
        is_linked: Whether the deleted alerts had links.
    """

    kind: str
    deleted_at: datetime
    alerts: int
    first: datetime
    last: datetime
    is_linked: bool


def alert_tombstones(stored: StoredChains) -> list[AlertTombstone]:
    """All tombstones, the oldest first."""
    rows = stored.stream(
        "SELECT kind, deleted_at, alerts, first_raised_at, last_raised_at, NOT EXISTS (SELECT FROM chain_starts "
        "WHERE chain = 'pruned_alerts' AND began_at > deleted_at) FROM pruned_alerts ORDER BY deleted_at, kind"
    )
    return [AlertTombstone(*row) for row in rows]
