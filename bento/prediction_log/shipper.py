"""The thread that delivers the spool's records to PostgreSQL, each exactly once.

A delivery is repeated until it succeeds, and the table ignores a record that it already has; so nothing changes when a
process ends between the two steps, or when the server ends after its commit.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

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
    """Delivers records from a spool on a thread of its own.

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
        self.delivered = self.refused = 0
        self.database_unreachable = False
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
        pause, adopted_at = 0.0, time.monotonic()
        while True:
            records, size = self._spool.read()
            if not records:
                if self._stopping.is_set():
                    return
                if time.monotonic() - adopted_at > ADOPT_SECONDS:
                    adopted_at = time.monotonic()
                    if self._spool.adopt():
                        continue
                self._wake.wait(ADOPT_SECONDS)
                self._wake.clear()
                self._stopping.wait(LINGER_SECONDS)
                continue
            try:
                self._deliver_all(records)
            except DatabaseUnreachable:
                if not self.database_unreachable:
                    logger.warning("PostgreSQL cannot be reached: predictions go on and wait in the spool")
                self.database_unreachable = True
                pause = min(LONGEST_PAUSE_SECONDS, 2 * pause or 0.1)
                self._spool.sync()
                if self._stopping.is_set() and time.monotonic() + pause > self._stop_by:
                    return
                (time.sleep if self._stopping.is_set() else self._stopping.wait)(pause)
                continue
            if self.database_unreachable:
                logger.warning("PostgreSQL can be reached again: the spool is being delivered")
            self.database_unreachable, pause = False, 0.0
            self._spool.done(size)
            self.delivered += len(records)
            self._collect()

    def _collect(self) -> None:
        """Let records gather in the spool, while it has space for them."""
        until = time.monotonic() + COLLECT_SECONDS
        while time.monotonic() < until and not self._spool.filling:
            if self._stopping.wait(LINGER_SECONDS):
                return

    def _deliver_all(self, records: Sequence[bytes]) -> None:
        """Store the records, each that the table refuses with `keep_refused`."""
        try:
            self._deliver(records)
        except DatabaseUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - a refused record must not block the following ones
            if len(records) > 1:
                half = len(records) // 2
                self._deliver_all(records[:half])
                self._deliver_all(records[half:])
                return
            reason = outline(error)
            if self._keep_refused(records[0], reason):
                self.refused += 1
                logger.error("a record is kept in the table refused_predictions: %s", reason)
