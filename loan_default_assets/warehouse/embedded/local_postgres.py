"""The embedded PostgreSQL server, used when DATABASE_URL is unset and shared by all processes of one home."""

import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import quote, urlencode

from loan_default_assets.warehouse.database import normalise
from loan_default_assets.warehouse.embedded import cluster
from loan_default_assets.warehouse.embedded.data_location import (
    DataLocation,
    ServerError,
    installed_programs,
    locate,
    remove_files,
    runnable_programs,
)
from loan_default_assets.warehouse.embedded.libpq_variables import CONNECTION_OPTIONS, dropped_variables

__all__ = ["LocalPostgres", "ServerError", "serve"]

# Larger buffers and rarer checkpoints for bulk loads. ERROR lines and details are omitted from the server's log,
# because they quote values of rows.
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
    """The server of one home, with its files under `home/postgres`; see `data_location.locate` for exceptions.

    For Linux and macOS. Safe under concurrent use by any number of processes, and under kill -9 of each of them and
    of the server.
    """

    def __init__(
        self,
        home: Path,
        database: str = "loan_default",
        *,
        options: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        """
        Args:
            home: LOAN_DEFAULT_HOME.
            database: Name of the database, created at the first start.
            options: Settings of PostgreSQL that replace or extend OPTIONS.
            programs: Directory of PostgreSQL's programs; None: the wheel's.
        """
        self.folder = home.resolve() / "postgres"
        self.database = database
        self._options = OPTIONS | dict(options or {})
        self._installed = programs

    def start(self) -> str:
        """Start the server unless it runs, create the database unless it exists, and return its URL.

        Raises:
            ServerError: The server cannot be started.
        """
        with self._locked():
            return self._start()

    def stop(self) -> None:
        """Stop the server, even while other processes use it; no effect when it does not run."""
        if self.folder.exists():
            with self._locked():
                self._stop()

    def remove(self) -> None:
        """Stop the server and delete all its files."""
        if self.folder.exists():
            with self._locked():
                self._stop()
                remove_files(self.folder, locate(self.folder))

    @contextlib.contextmanager
    def use(self) -> Iterator[str]:
        """The URL of the running server, which the last process that uses it stops.

        Each process holds a shared lock, which the kernel releases when the process ends or is killed.

        Raises:
            ServerError: The server cannot be started.
        """
        with self._locked():
            shared_lock = self._open("users.lock")
            fcntl.flock(shared_lock, fcntl.LOCK_SH)
            try:
                url = self._start()
            except BaseException:
                os.close(shared_lock)
                raise
        try:
            yield url
        finally:
            with self._locked(), contextlib.suppress(BlockingIOError):
                try:
                    fcntl.flock(shared_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop()
                finally:
                    os.close(shared_lock)

    def pid(self) -> int | None:
        """Process id of the live postmaster of exactly this data directory."""
        return cluster.postmaster_pid(locate(self.folder))

    def log(self) -> Path:
        """The server's log."""
        return locate(self.folder).data_root / "server.log"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            owner, user = self.folder.stat().st_uid, os.geteuid()
            if user not in (0, owner):
                raise ServerError(
                    f"{self.folder} belongs to user id {owner} and this process runs as {user}: run it as that user, "
                    "or set LOAN_DEFAULT_HOME to a directory that you own"
                )
            lock = self._open("start.lock")
        except OSError as error:
            user, closed_to = os.geteuid(), self._owner_of_a_closed_home()
            if closed_to is not None:
                raise ServerError(
                    f"{self.folder.parent} belongs to user id {closed_to} and this process runs as {user}: run it as "
                    "that user, or set LOAN_DEFAULT_HOME to a directory that you own"
                ) from None
            copied = isinstance(error, PermissionError) and self.folder.exists()
            hint = (
                f"after a copy by another user: as root, chown -R {user} {self.folder}; otherwise "
                if copied
                else ""
            )
            raise ServerError(
                f"{self.folder}: {error.strerror}; {hint}set LOAN_DEFAULT_HOME to a writable directory"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise ServerError(
                f"{error.filename or self.folder}: {error.strerror}{cluster.disk_full_hint(self.folder)}"
            ) from error
        finally:
            os.close(lock)

    def _owner_of_a_closed_home(self) -> int | None:
        """The user that owns the home, where this one may not even enter it."""
        try:
            home = self.folder.parent.stat()
        except OSError:
            return None
        entered = os.access(self.folder.parent, os.X_OK)
        return None if entered or home.st_uid == os.geteuid() else home.st_uid

    def _open(self, name: str) -> int:
        """A lock file's descriptor; as root, the file is given to the folder's owner, who needs it later."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def _start(self) -> str:
        location = locate(self.folder)
        if not cluster.accepts_connections(location):
            programs = self._programs(location)
            cluster.create_cluster(programs, location, durable=self._options.get("fsync") != "off")
            cluster.start_cluster(programs, location, self._options)
        cluster.create_database(location, self.database)
        options = {"host": str(location.socket_directory), "port": "5432", **CONNECTION_OPTIONS}
        return normalise(
            f"postgresql://postgres@/{quote(self.database)}?{urlencode(options, quote_via=quote)}"
        )

    def _stop(self) -> None:
        location = locate(self.folder)
        if cluster.postmaster_pid(location):
            cluster.stop_cluster(self._programs(location), location)

    def _programs(self, location: DataLocation) -> Path:
        return runnable_programs(self._installed or installed_programs(), location)


@contextlib.contextmanager
def serve(home: Path, configured: str | None) -> Iterator[str]:
    """The URL of the configured database, or of the embedded server for the duration of the block.

    The first process of a home starts the server, later ones attach to it, and the last one stops it; child
    processes receive the URL as DATABASE_URL. Variables of libpq do not change connections to it. SIGTERM and SIGHUP
    end the block in order, with exit code 128 + signal, unless the program handles them itself.

    Args:
        home: LOAN_DEFAULT_HOME.
        configured: DATABASE_URL; None or empty: the embedded server.

    Raises:
        ServerError: The embedded server cannot be started or stopped.
        WarehouseError: `configured` is not a PostgreSQL URL.
    """
    if configured:
        yield normalise(configured)
        return
    with _exit_on_signals(), dropped_variables(), LocalPostgres(home).use() as url:
        yield url


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    def exit_with(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    handled = [s for s in (signal.SIGTERM, signal.SIGHUP) if main and signal.getsignal(s) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, exit_with)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
