"""A worker's connection to the workers of all replicas, through PostgreSQL; see docs/decisions/service-replicas.md.

A thread keeps this worker's row up to date, reads the rows of the others, and wakes the worker when the champion may
have changed: after a notification, after a reload request, and after the connection was lost, when one may be missed.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import make_url

from bento.operations.error_location import error_location
from bento.operations.worker_registry import WorkerReport
from loan_default_assets.ports import with_port
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import service_workers
from loan_default_assets.warehouse.database import Database, normalise
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.service_workers import ServiceWorker

logger = logging.getLogger("bentoml.loan_default.replicas")

PAUSE_SECONDS = 1.0
LEAST_UPDATE_SECONDS = 0.2
# A worker that misses three updates counts as lost, but not after a pause that any busy machine has.
MISSED_UPDATES, LEAST_LOST_SECONDS = 3, 5.0
# While DATABASE_DIRECT_URL cannot be reached, it is tried again after this time.
DIRECT_AGAIN_SECONDS = 10.0
POOLED = "the connection leads through a connection pooler; set DATABASE_DIRECT_URL to the server itself"


class ReplicaLink:
    """The row of one worker, and those of all others.

    `workers` are the rows at the last update, `newest_reload` the number of the newest reload request. `problem` says
    why they may be out of date, `polling` why no notifications arrive; each is None while there is no such reason.

    Args:
        database: The portfolio's tables.
        direct: The same, without a connection pooler; None where `database` has none or is all there is.
        worker: The name of this worker.
        replica: The name of its service.
        seconds: Between two updates of the row; at least LEAST_UPDATE_SECONDS.
        wake: Called on the link's thread when the champion may have changed.
    """

    def __init__(
        self,
        database: Database,
        direct: Database | None,
        *,
        worker: str,
        replica: str,
        seconds: float,
        wake: Callable[[], None],
    ) -> None:
        self._database, self._direct, self._wake = database, direct, wake
        self._seconds = max(LEAST_UPDATE_SECONDS, seconds)
        lost_after = max(LEAST_LOST_SECONDS, MISSED_UPDATES * self._seconds)
        self._own = ServiceWorker(
            worker=worker, replica=replica, pid=os.getpid(), lost_after_seconds=lost_after
        )
        self.workers: tuple[ServiceWorker, ...] = ()
        self.newest_reload = 0
        self.problem: str | None = "the database has not been asked yet"
        self.polling: str | None = self.problem
        self._stopping = False
        self._nudged, self._nudge = socket.socketpair()
        self._nudged.setblocking(False)
        self._nudge.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="replicas", daemon=True)

    @property
    def replica(self) -> str:
        return self._own.replica

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._thread.start()

    def report(self, report: WorkerReport) -> None:
        """Show this worker's state to the others now."""
        own = replace(
            self._own,
            desired=report.desired,
            loaded=report.loaded,
            loaded_at=datetime.fromisoformat(report.loaded_at) if report.loaded_at else None,
            error=report.error,
            handled=report.handled,
        )
        if own != self._own:
            self._own = own
            self.nudge()

    def nudge(self) -> None:
        """Update the rows now."""
        # A full buffer holds bytes enough to wake the thread.
        with suppress(BlockingIOError):
            self._nudge.send(b".")

    def request_reload(self) -> int:
        """Request that every worker reads the champion now, and return the number of the request.

        Raises:
            WarehouseError: The database cannot be reached.
        """
        with self._database.transaction() as cursor:
            number = service_workers.request_reload(cursor, self._database.schema)
        self.nudge()
        return number

    def alive(self) -> list[ServiceWorker]:
        """The workers of all replicas that are alive now.

        Raises:
            WarehouseError: The database cannot be reached.
        """
        with self._database.transaction() as cursor:
            return [worker for worker in service_workers.listed(cursor) if worker.alive]

    def stop(self, seconds: float = 2.0) -> None:
        """Remove this worker's row, and end the thread within `seconds` or with the process."""
        self._stopping = True
        self.nudge()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._connect()
            except Exception as error:  # noqa: BLE001 - without this thread, the others would count the worker as lost
                known = isinstance(error, WarehouseError)
                self._report(str(error).splitlines()[0] if known else error_location(error))
                if not self._stopping:
                    self._pause(PAUSE_SECONDS)

    def _connect(self) -> None:
        polling, again = None, None
        if self._direct is not None:
            try:
                self._converse(self._direct, None, None)
                return
            except WarehouseError as error:
                polling = f"DATABASE_DIRECT_URL: {str(error).splitlines()[0]}"
                again = time.monotonic() + DIRECT_AGAIN_SECONDS
        self._converse(self._database, polling, again)

    def _converse(self, target: Database, polling: str | None, until: float | None) -> None:
        """Update the row on one connection, until `stop` or the time `until`.

        Args:
            target: What to connect to.
            polling: Why no notifications are to be expected; None: listen.
            until: In seconds of `time.monotonic`; None: without end.
        """
        with target.connected() as database:
            if polling is None and not service_workers.listen(database):
                polling = POOLED
            changed = True
            while not self._stopping and (until is None or time.monotonic() < until):
                changed |= self._update(database)
                self._recovered(polling)
                if changed:
                    self._wake()
                if polling is None:
                    changed = service_workers.wait(database, self._nudged.fileno(), self._seconds)
                    self._drain()
                else:
                    changed = False
                    self._pause(self._seconds)
            if self._stopping:
                with database.transaction() as cursor:
                    service_workers.remove(cursor, self._own.worker)

    def _update(self, database: Database) -> bool:
        """Write the own row and read all; whether there is a new reload request."""
        with database.transaction() as cursor:
            service_workers.write(cursor, self._own)
            self.workers = service_workers.listed(cursor)
            newest = service_workers.newest_reload(cursor)
        requested, self.newest_reload = newest != self.newest_reload, newest
        return requested

    def _pause(self, seconds: float) -> None:
        self._nudged.settimeout(seconds)
        with suppress(TimeoutError):
            self._nudged.recv(1)
        self._nudged.setblocking(False)
        self._drain()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._nudged.recv(4096):
                pass

    def _report(self, problem: str) -> None:
        if self.problem != problem:
            logger.warning("the replicas of the service do not see this worker: %s", problem)
        self.problem = self.polling = problem

    def _recovered(self, polling: str | None) -> None:
        if self.polling != polling or self.problem:
            logger.info(
                "the replicas of the service see this worker; %s",
                f"no notifications: {polling}" if polling else "notifications arrive",
            )
        self.problem, self.polling = None, polling


def replica_name(settings: Settings) -> str:
    """Host or pod and HTTP port, which no two services on a host share."""
    return with_port(socket.gethostname(), settings.service_http_port)


def direct_database(settings: Settings, schema: str) -> Database | None:
    """The database of DATABASE_DIRECT_URL; None where it is not set."""
    url = settings.database_direct_url
    return linked(Database(url.get_secret_value(), schema)) if url else None


def linked(database: Database) -> Database:
    """The same database with a limit for unanswered packets, so that a lost host is noticed within seconds."""
    url = make_url(normalise(database.url))
    if "tcp_user_timeout" in url.query or url.host is None:
        return database
    return replace(database, url=url.update_query_dict({"tcp_user_timeout": "10000"}).render_as_string(False))
