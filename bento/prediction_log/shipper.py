"""The thread that carries journal records from the spool to PostgreSQL, each exactly once.

Delivery is repeated until it succeeds and the table ignores a record it already has; so a process that dies
between the two steps, or a server that dies after it has committed, changes nothing.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bento.prediction_log.spool import Spool

logger = logging.getLogger("bentoml.loan_default.journal")

LINGER_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
ADOPT_SECONDS = 10.0


class DatabaseUnreachable(Exception):
    """PostgreSQL cannot be reached; the same records are tried again later."""


class Shipper:
    """`deliver(records)` stores records in one transaction; it raises Away, or another error for a record that
    the tables will never take. Such a record is kept in the file `refused`, so that it stops no other.
    """

    def __init__(self, spool: Spool, deliver: Callable[[Sequence[bytes]], None], refused: Path) -> None:
        self._spool, self._deliver, self._refused = spool, deliver, refused
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._until = 0.0
        self.delivered = self.set_aside = 0
        self.away = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to deliver."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Delivers what waits, for at most `seconds`; the rest stays in the spool."""
        self._until = time.monotonic() + seconds
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
                if not self.away:
                    logger.warning("PostgreSQL cannot be reached: answers go on and wait in the spool")
                self.away = True
                pause = min(LONGEST_PAUSE_SECONDS, 2 * pause or 0.1)
                self._spool.sync()
                if self._stopping.is_set() and time.monotonic() + pause > self._until:
                    return
                (time.sleep if self._stopping.is_set() else self._stopping.wait)(pause)
                continue
            if self.away:
                logger.warning("PostgreSQL is back: the spool is being delivered")
            self.away, pause = False, 0.0
            self._spool.done(size)
            self.delivered += len(records)

    def _deliver_all(self, records: Sequence[bytes]) -> None:
        """Stores the records; those that fail for a reason of their own are set aside one by one."""
        try:
            self._deliver(records)
        except DatabaseUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a record, the next ones go on
            if len(records) > 1:
                half = len(records) // 2
                self._deliver_all(records[:half])
                self._deliver_all(records[half:])
                return
            with open(self._refused, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(records[0] + b"\n")
            self.set_aside += 1
            logger.error(
                "a journal record was refused (%s) and kept in %s", type(error).__name__, self._refused
            )
