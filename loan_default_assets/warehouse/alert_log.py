"""The append-only tables `alerts` and `alert_deliveries`: every alert that was raised, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal, get_args

from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database

AlertKind = Literal["hold", "run_failed", "drift"]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
Channel = Literal["log", "webhook", "command"]
Failure = Literal["unreachable", "refused", "not_started", "failed"]
FAILURES: tuple[Failure, ...] = get_args(Failure)

# A delivery that has begun ends within this time; after it, the process that began it must have been killed.
_MINUTES_OF_A_DELIVERY = 5


@dataclass(frozen=True)
class LoggedAlert:
    """An alert and its delivery; see the comments of the tables' columns.

    Attributes:
        delivered_at: When it was delivered; None: it was not.
        delivered_through: The log alone where ALERT_TO is unset.
        failure: Why it could not be delivered at first, or cannot be; None: no attempt has failed.
    """

    key: str
    kind: AlertKind
    subject: str
    title: str
    text: str
    raised_at: datetime
    delivered_at: datetime | None
    delivered_through: Channel | None
    failure: Failure | None
    failed_through: Channel | None


@dataclass(frozen=True)
class AlertCount:
    """Alerts of all time of one kind: delivered, and not delivered at least once; one may be both."""

    delivered: int = 0
    failed: int = 0


@dataclass(frozen=True)
class AlertCounts:
    """Alerts of all time by kind, and how many are still to be delivered."""

    kinds: Mapping[AlertKind, AlertCount]
    undelivered: int


class AlertLog:
    """The alerts of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, key: str, kind: AlertKind, subject: str, title: str, text: str) -> bool:
        """Record an alert; nothing, and False, where there is one of the same key."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO alerts (key, kind, subject, title, text) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (key) DO NOTHING",
                (key, kind, subject, title, text),
            )
            return cursor.rowcount == 1

    def record_delivery(self, key: str, channel: Channel, failure: Failure | None = None) -> None:
        """Record that an alert was delivered, or could not be; nothing where this outcome is recorded."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO alert_deliveries (alert, outcome, channel) SELECT id, %s, %s FROM alerts WHERE key = %s "
                "ON CONFLICT DO NOTHING",
                (failure or "delivered", channel, key),
            )

    def is_delivered(self, key: str) -> bool:
        """Whether an alert of the key was delivered."""
        with self._database.transaction() as cursor:
            cursor.execute(f"{_SELECT} WHERE key = %s AND delivered_at IS NOT NULL", (key,))
            return bool(cursor.fetchall())

    def pending(self, kinds: Sequence[AlertKind], own: str | None = None) -> list[LoggedAlert]:
        """Alerts that are to be sent, the newest first.

        Those whose first delivery may be under way in another process are omitted.

        Args:
            kinds: Of these kinds.
            own: Key of an alert that the caller has recorded and nobody else sends.
        """
        with self._database.transaction() as cursor:
            cursor.execute(
                f"{_SELECT} JOIN undelivered_alerts USING (id) WHERE kind = ANY(%(kinds)s) "
                "AND (key = %(own)s OR failure IS NOT NULL OR raised_at < now() - make_interval(mins => %(minutes)s)) "
                "ORDER BY id DESC",
                {"kinds": list(kinds), "own": own, "minutes": _MINUTES_OF_A_DELIVERY},
            )
            return [LoggedAlert(*row) for row in cursor.fetchall()]

    def newest(self, most: int) -> list[LoggedAlert]:
        """The newest alerts, the newest first."""
        with self._database.transaction() as cursor:
            return newest_alerts(cursor, most)

    def counts(self) -> AlertCounts:
        """Alerts of all time, those included that retention has deleted."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT kind, delivered, failed FROM alert_counts")
            found: dict[AlertKind, AlertCount] = {
                kind: AlertCount(*rest) for kind, *rest in cursor.fetchall()
            }
            cursor.execute("SELECT count(*) FROM undelivered_alerts")
            [(undelivered,)] = cursor.fetchall()
        return AlertCounts({kind: found.get(kind, AlertCount()) for kind in ALERT_KINDS}, undelivered)

    def count_before(self, moment: datetime) -> int:
        """How many alerts were raised before a time."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM alerts WHERE raised_at < %s", (moment,))
            return int(cursor.fetchall()[0][0])

    def prune(self, before: datetime) -> int:
        """Delete the alerts raised before a time and record their tombstones; the number of deleted ones."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT prune_alerts(%s)", (before,))
            return int(cursor.fetchall()[0][0])


_COLUMNS = tuple(field.name for field in fields(LoggedAlert))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM alert_states"


def newest_alerts(cursor: extensions.cursor, most: int) -> list[LoggedAlert]:
    """The newest alerts, the newest first."""
    cursor.execute(f"{_SELECT} ORDER BY id DESC LIMIT %s", (most,))
    return [LoggedAlert(*row) for row in cursor.fetchall()]
