"""Advisory locks of tuning: one process chooses a trial at a time, and a dead process is known to be dead at once."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import extensions

from loan_default_assets.warehouse.database import OPTUNA_SCHEMA, Database

_LOCK_NAME = "loan_default.tuning.{}"


@dataclass(frozen=True)
class TrialLocks:
    """The locks of one process, on one connection; valid inside `hold_process_lock` only.

    Attributes:
        process: Name of this process, random and never used again.
    """

    database: Database
    process: str

    @contextmanager
    def exclusive(self, subject: str) -> Iterator[Callable[[str], bool]]:
        """Wait until no other process is in such a block of the same subject.

        Yields:
            Whether the process of a name is alive: holds its lock.

        Raises:
            WarehouseError: The connection is lost, and with it the lock of this process.
        """
        with self.database.transaction() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_LOCK_NAME.format(subject),)
            )
            yield lambda process: process == self.process or _is_held(cursor, process)


@contextmanager
def hold_process_lock(url: str) -> Iterator[TrialLocks]:
    """Hold a lock that PostgreSQL releases when this process ends, however it ends.

    A connection pooler must keep the session, as it must for Dagster's.

    Raises:
        WarehouseError: The server cannot be reached.
    """
    process = uuid.uuid4().hex
    with Database(url, OPTUNA_SCHEMA, _reserved=True).connected() as database:
        with database.transaction() as cursor:
            # A machine that loses its power closes no connection; the server's default notices after two hours.
            cursor.execute("SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10")
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (_LOCK_NAME.format(process),))
        yield TrialLocks(database, process)


def _is_held(cursor: extensions.cursor, process: str) -> bool:
    """Whether another session holds the process's lock; where it does not, this transaction shares it to its end."""
    cursor.execute(
        "SELECT pg_try_advisory_xact_lock_shared(hashtextextended(%s, 0))", (_LOCK_NAME.format(process),)
    )
    return cursor.fetchall() == [(False,)]
