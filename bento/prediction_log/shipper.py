"""The thread that delivers the spool's records to PostgreSQL, each exactly once.

A delivery is repeated until it succeeds, and the table ignores a record that it already has; so nothing changes when a
process ends between the two steps, or when the server ends after its commit.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from bento.operations.error_location import error_location
from bento.prediction_log.spool import Spool
from loan_default_assets.error_outline import outline

logger = logging.getLogger("bentoml.loan_default.prediction_log")

LINGER_SECONDS = 0.2
# Between two deliveries of a busy service: each is a transaction, whose work delays the requests that run meanwhile.
COLLECT_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 2.0
ADOPT_SECONDS = 10.0


class DatabaseUnreachable(Exception):
    """PostgreSQL cannot be reached; the same records are delivered again later."""


class Shipper:
    """Delivers records from a spool on a thread of its own, which ends with `stop` and with no error.

    `fault` says why records are not delivered although PostgreSQL may be reachable; None while there is no such reason.
    `failures` counts the errors that the thread has gone on after.

    Args:
        spool: Where the records wait.
        deliver: Stores records in one transaction. It raises DatabaseUnreachable, or another error for a record that
            the table will never accept.
        keep_refused: Keeps a record that the table refuses and the reason, so that it blocks no other. It returns
            whether the record is new, and raises DatabaseUnreachable.
    """

    def __init__(
        self,
        spool: Spool,
        deliver: Callable[[Sequence[bytes]], None],
        keep_refused: Callable[[bytes, str], bool],
    ) -> None:
        self._spool, self._deliver, self._keep_refused = spool, deliver, keep_refused
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._stop_by = 0.0
        self.delivered = self.refused = self.failures = 0
        self.database_unreachable = False
        self.fault: str | None = None
        self._adopted_at = time.monotonic()
        self._pause = 0.0
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Signal that the spool holds records."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Deliver the spool for at most `seconds`; the rest stays in it."""
        self._stop_by = time.monotonic() + seconds
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                if self._deliver_next():
                    self._collect()
                elif self._stopping.is_set():
                    return
                else:
                    self._wait()
            except DatabaseUnreachable:
                self._report_unreachable()
            except Exception as error:  # noqa: BLE001 - without this thread, predictions would be refused before long
                self._report(error)
            else:
                continue
            self._pause = min(LONGEST_PAUSE_SECONDS, 2 * self._pause or 0.1)
            if self._stopping.is_set() and time.monotonic() + self._pause > self._stop_by:
                return
            (time.sleep if self._stopping.is_set() else self._stopping.wait)(self._pause)

    def _deliver_next(self) -> bool:
        """Deliver the oldest records; whether there were any.

        Raises:
            DatabaseUnreachable: They stay in the spool.
            Exception: A refused record could not be kept. It is in the spool again, behind the others.
        """
        records, size = self._spool.read()
        if records:
            postponed: list[tuple[bytes, Exception]] = []
            self._deliver_all(records, postponed)
            if postponed:
                self._spool.append([record for record, _ in postponed])
            self._spool.done(size)
            self.delivered += len(records) - len(postponed)
            if self.database_unreachable:
                logger.warning("PostgreSQL can be reached again: the spool is being delivered")
            self.database_unreachable = False
            if postponed:
                raise postponed[0][1]
        if self.fault is not None:
            logger.warning("the prediction log is being delivered again")
        self.fault, self._pause = None, 0.0
        return bool(records)

    def _wait(self) -> None:
        """Adopt the records of ended processes from time to time, or wait for new ones."""
        if time.monotonic() - self._adopted_at > ADOPT_SECONDS:
            self._adopted_at = time.monotonic()
            if self._spool.adopt():
                return
        self._wake.wait(ADOPT_SECONDS)
        self._wake.clear()
        self._stopping.wait(LINGER_SECONDS)

    def _report_unreachable(self) -> None:
        if not self.database_unreachable:
            logger.warning("PostgreSQL cannot be reached: predictions go on and wait in the spool")
        self.database_unreachable = True
        try:
            self._spool.sync()
        except Exception as error:  # noqa: BLE001 - as in `_run`
            self._report(error)

    def _report(self, error: Exception) -> None:
        """Log an error, once while it repeats itself."""
        if self.fault != (fault := error_location(error)):
            logger.error("records of the prediction log wait, and are delivered again soon: %s", fault)
        self.fault = fault
        self.failures += 1

    def _collect(self) -> None:
        """Let records gather in the spool, while it has space for them."""
        until = time.monotonic() + COLLECT_SECONDS
        while time.monotonic() < until and not self._spool.filling:
            if self._stopping.wait(LINGER_SECONDS):
                return

    def _deliver_all(self, records: Sequence[bytes], postponed: list[tuple[bytes, Exception]]) -> None:
        """Store the records; each that the table refuses is kept apart, or `postponed` where that fails."""
        try:
            self._deliver(records)
        except DatabaseUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - a refused record must not block the following ones
            if len(records) > 1:
                half = len(records) // 2
                self._deliver_all(records[:half], postponed)
                self._deliver_all(records[half:], postponed)
                return
            reason = outline(error)
            try:
                kept = self._keep_refused(records[0], reason)
            except DatabaseUnreachable:
                raise
            except Exception as failure:  # noqa: BLE001 - neither must a table that cannot be written
                postponed.append((records[0], failure))
                return
            if kept:
                self.refused += 1
                logger.error("a record is kept in the table refused_predictions: %s", reason)
