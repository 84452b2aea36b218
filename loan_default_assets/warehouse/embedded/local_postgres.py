"""The embedded PostgreSQL server: started when none is configured, shared by all processes of one home."""

import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from loan_default_assets.warehouse.database import normalise
from loan_default_assets.warehouse.embedded import cluster
from loan_default_assets.warehouse.embedded.data_location import (
    ServerError,
    installed_programs,
    remove,
    runnable_programs,
    settle,
)

__all__ = ["LocalPostgres", "ServerError", "serve"]

# Larger buffers and rarer checkpoints for bulk loads. The server's log leaves out ERROR lines and details, because
# they quote values of rows.
OPTIONS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "max_wal_size": "2GB",
    "shared_buffers": "256MB",
}


class LocalPostgres:
    """The server of one home folder, under `home/postgres`; see `place.settle` for what may lie outside it.

    Linux and macOS. Safe against any number of processes doing the same at once, and against kill -9 of each
    of them and of the server.
    """

    def __init__(
        self,
        home: Path,
        database: str = "loan_default",
        *,
        options: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        self.folder = home.resolve() / "postgres"
        self.database = database
        self._options = OPTIONS | dict(options or {})
        self._installed = programs

    def start(self) -> str:
        """Start the server unless it runs, create the database unless it exists, and return its URL."""
        with self._locked():
            return self._start()

    def stop(self) -> None:
        """Stop the server, whoever uses it; nothing happens when it does not run."""
        if self.folder.exists():
            with self._locked():
                self._stop()

    def remove(self) -> None:
        """Stop the server and delete its database and every other file of it."""
        if self.folder.exists():
            with self._locked():
                self._stop()
                remove(self.folder, settle(self.folder))

    @contextlib.contextmanager
    def use(self) -> Iterator[str]:
        """The URL of the running server; the last of all processes that use it stops it.

        Every user holds a shared lock, which the kernel drops with the process: a killed one counts no more.
        """
        with self._locked():
            users = self._open("users.lock")
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                url = self._start()
            except BaseException:
                os.close(users)
                raise
        try:
            yield url
        finally:
            with self._locked(), contextlib.suppress(BlockingIOError):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop()
                finally:
                    os.close(users)

    def pid(self) -> int | None:
        """Process id of the live postmaster of this very data directory."""
        return cluster.postmaster(settle(self.folder))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            owner, we = self.folder.stat().st_uid, os.geteuid()
            if we not in (0, owner):
                raise ServerError(
                    f"{self.folder} belongs to user id {owner} and this process runs as {we}: run it as that user, "
                    "or set LOAN_DEFAULT_HOME to a folder of your own"
                )
            lock = self._open("start.lock")
        except OSError as error:
            raise ServerError(
                f"{self.folder}: {error.strerror}; set LOAN_DEFAULT_HOME to a writable folder"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise ServerError(
                f"{error.filename or self.folder}: {error.strerror}{cluster.room(self.folder)}"
            ) from error
        finally:
            os.close(lock)

    def _open(self, name: str) -> int:
        """A lock file's descriptor; the folder's owner keeps it usable after a run as root."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def _start(self) -> str:
        location = settle(self.folder)
        if not cluster.answers(location):
            programs = runnable_programs(self._installed or installed_programs(), location)
            cluster.create(programs, location, durable=self._options.get("fsync") != "off")
            cluster.bring_up(programs, location, self._options)
        cluster.create_database(location, self.database)
        return normalise(
            f"postgresql://postgres@/{quote(self.database)}?host={quote(str(location.sockets), safe='')}&port=5432"
        )

    def _stop(self) -> None:
        location = settle(self.folder)
        if cluster.postmaster(location):
            cluster.shut_down(runnable_programs(self._installed or installed_programs(), location), location)


@contextlib.contextmanager
def serve(home: Path, configured: str | None) -> Iterator[str]:
    """The URL of the database to work with: the configured one, or the embedded server's for as long as needed.

    The first process of a home starts the server, later ones are its guests, and the last one to leave stops it;
    children are given the URL as DATABASE_URL. SIGTERM and SIGHUP leave in order, as an exit with 128 + signal,
    where the program has not chosen otherwise. Raises ServerError; WarehouseError for a bad `configured`.
    """
    if configured:
        yield normalise(configured)
        return
    with _orderly_exit(), LocalPostgres(home).use() as url:
        yield url


@contextlib.contextmanager
def _orderly_exit() -> Iterator[None]:
    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    taken = [s for s in (signal.SIGTERM, signal.SIGHUP) if main and signal.getsignal(s) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
