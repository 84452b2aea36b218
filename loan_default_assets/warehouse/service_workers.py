"""The table `service_workers`, in which the workers of all replicas show what they serve, and the message to all.

A notification only says that there is something to read. Nothing depends on its arrival: every worker reads again after
its polling interval.
"""

import select
import time
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError

CHANNEL = "loan_default_service"
# A lost worker stays listed, because its spool may hold predictions, until a worker of its replica is back.
FORGOTTEN_AFTER = "1 day"
_ALIVE = "seen_at > clock_timestamp() - make_interval(secs => lost_after_seconds)"


@dataclass(frozen=True, kw_only=True)
class ServiceWorker:
    """One worker process; see the comments of the table's columns. `alive` and `seen_at` are set by the database."""

    worker: str
    replica: str
    pid: int
    desired: str | None = None
    loaded: str | None = None
    loaded_at: datetime | None = None
    error: str | None = None
    handled: int = 0
    lost_after_seconds: float
    seen_at: datetime | None = None
    alive: bool = True


def write(cursor: extensions.cursor, worker: ServiceWorker) -> None:
    """Insert or update a worker's row, and remove those of lost workers that it replaces."""
    cursor.execute(
        "INSERT INTO service_workers (worker, replica, pid, desired_version, loaded_version, loaded_at, error, "
        "handled_reload, lost_after_seconds, seen_at) VALUES (%(worker)s, %(replica)s, %(pid)s, %(desired)s, "
        "%(loaded)s, %(loaded_at)s, %(error)s, %(handled)s, %(lost_after_seconds)s, clock_timestamp()) "
        "ON CONFLICT (worker) DO UPDATE SET desired_version = excluded.desired_version, "
        "loaded_version = excluded.loaded_version, loaded_at = excluded.loaded_at, error = excluded.error, "
        "handled_reload = excluded.handled_reload, lost_after_seconds = excluded.lost_after_seconds, "
        "seen_at = excluded.seen_at",
        vars(worker),
    )
    cursor.execute(
        f"DELETE FROM service_workers WHERE NOT ({_ALIVE}) AND worker <> %(worker)s "
        f"AND (replica = %(replica)s OR seen_at < clock_timestamp() - interval '{FORGOTTEN_AFTER}')",
        vars(worker),
    )


def remove(cursor: extensions.cursor, worker: str) -> None:
    """Remove the row of a worker that ends."""
    cursor.execute("DELETE FROM service_workers WHERE worker = %s", (worker,))


def listed(cursor: extensions.cursor) -> tuple[ServiceWorker, ...]:
    """All workers, by replica; a lost one stays listed until its replica is back, at most FORGOTTEN_AFTER."""
    cursor.execute(
        "SELECT worker, replica, pid, desired_version, loaded_version, loaded_at, error, handled_reload, "
        f"lost_after_seconds, seen_at, {_ALIVE} FROM service_workers ORDER BY replica, worker"
    )
    names = (
        "worker",
        "replica",
        "pid",
        "desired",
        "loaded",
        "loaded_at",
        "error",
        "handled",
        "lost_after_seconds",
        "seen_at",
        "alive",
    )
    return tuple(ServiceWorker(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())


def request_reload(cursor: extensions.cursor, schema: str) -> int:
    """Number a request that all workers of a portfolio read the champion now, and notify them with the commit."""
    cursor.execute("SELECT nextval('service_reload_requests')")
    ((number,),) = cursor.fetchall()
    cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, schema))
    return int(number)


def newest_reload(cursor: extensions.cursor) -> int:
    """The number of the newest request; 0 when there is none."""
    cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM service_reload_requests")
    ((number,),) = cursor.fetchall()
    return int(number)


def listen(database: Database) -> bool:
    """Receive the notifications on the connection of `connected` from now on; False behind a connection pooler.

    A pooler gives each transaction another server process, while LISTEN holds for one of them. Such a pooler names a
    process to the client that is not the one of the server.

    Raises:
        WarehouseError: The connection was lost.
    """
    connection = database.connection
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            ((process,),) = cursor.fetchall()
            direct = bool(process == connection.info.backend_pid)
            if direct:
                cursor.execute(f"LISTEN {CHANNEL}")
        connection.commit()
    except psycopg2.Error:
        raise _lost() from None
    return direct


def wait(database: Database, nudge: int, seconds: float) -> bool:
    """Wait for a notification for the portfolio, or for a byte to read from `nudge`; whether there was a notification.

    Args:
        database: One whose connection listens. Other portfolios of the server's database use the same channel.
        nudge: A file descriptor; the caller reads the byte.
        seconds: The longest time to wait.

    Raises:
        WarehouseError: The connection was lost.
    """
    connection, until = database.connection, time.monotonic() + seconds
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        poll.register(nudge, select.POLLIN)
        while True:
            connection.poll()
            payloads = {notification.payload for notification in connection.notifies}
            connection.notifies.clear()
            if database.schema in payloads:
                return True
            remaining = until - time.monotonic()
            if remaining <= 0 or nudge in dict(poll.poll(1000 * remaining)):
                return False
    except psycopg2.Error:
        raise _lost() from None


def _lost() -> WarehouseError:
    return WarehouseError("the connection for notifications was lost")
