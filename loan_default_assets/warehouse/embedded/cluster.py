"""One PostgreSQL cluster: created, started, checked and stopped with PostgreSQL's own programs."""

import contextlib
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from loan_default_assets.warehouse.database_errors import full_disk
from loan_default_assets.warehouse.embedded.data_location import MAJOR, DataLocation, ServerError
from loan_default_assets.warehouse.embedded.libpq_variables import CONNECTION_OPTIONS, dropped_variables

# Orphans of a killed server hold its shared memory for seconds; the replay of a large log takes longer.
_START_TIMEOUT_S, _RECOVERY_TIMEOUT_S = 20.0, 600.0
# What a client is told while the server starts, recovers or stops; no other failure passes by itself.
_PASSING_FAILURES = (
    "starting up",
    "shutting down",
    "not yet accepting",
    "recovery",
    "No such file",
    "Connection refused",
    "timeout expired",
)
_IMMEDIATE_STOP = ("pg_ctl", "stop", "-w", "-m", "immediate")
# Caused by children of a killed server, or by a server that a killed process had begun to start.
_TRANSIENT_FAILURES = ("shared memory block", "already exists")


def start_cluster(programs: Path, location: DataLocation, settings: Mapping[str, str]) -> None:
    """Start the server, also after a killed one, and wait until it accepts connections.

    Raises:
        ServerError: The server does not start, or does not finish its recovery; or the data directory was copied or
            moved while its server was running.
    """
    log, pid_file = location.data_root / "server.log", location.data_directory / "postmaster.pid"
    # pg_ctl passes these options to a shell, but does not quote its own -D and -l well: PGDATA and a relative
    # path replace those.
    options = shlex.join(
        [
            *("-D", str(location.data_directory), "-k", str(location.socket_directory)),
            *(f"--{name}={value}" for name, value in settings.items()),
        ]
    )
    _refuse_copy_of_running_server(location)
    begun = time.monotonic()
    while failure := _connection_failure(location):
        waited = time.monotonic() - begun
        if postmaster_pid(location):  # starting or stopping
            passing = any(message in failure for message in _PASSING_FAILURES)
            if waited > (_RECOVERY_TIMEOUT_S if passing else _START_TIMEOUT_S):
                raise ServerError(
                    f"PostgreSQL has not accepted connections for {waited:.0f} s: {failure.strip()}\nSee {log}"
                )
            if waited > _START_TIMEOUT_S and "shutting down" in failure:
                _run_checked(programs, location, *_IMMEDIATE_STOP)
            time.sleep(0.1)
            continue
        for file in (pid_file, location.socket_directory / ".s.PGSQL.5432.lock"):
            # No live server of this cluster owns them, even if another process has that id now. While children of a
            # killed server still write, PostgreSQL itself refuses to start.
            file.unlink(missing_ok=True)
        size = log.stat().st_size if log.exists() else 0
        _, output = _run(programs, location, "pg_ctl", "start", "-w", "-l", log.name, "-o", options)
        # The exit code is unreliable: pg_ctl gives up on a long recovery, and reports an interrupted one as success.
        if accepts_connections(location) or postmaster_pid(location):
            continue
        if log.exists():
            output = log.read_bytes()[size:].decode(errors="replace").strip() or output
        transient = any(message in output for message in _TRANSIENT_FAILURES)
        if not transient or waited > _START_TIMEOUT_S:
            hint = disk_full_hint(location.data_root)
            raise ServerError(f"PostgreSQL did not start{hint}\n{output[-1500:]}\nSee {log}")
        time.sleep(0.2)


def accepts_connections(location: DataLocation) -> bool:
    """Whether a server of exactly this data directory accepts connections."""
    return _connection_failure(location) is None


def _connection_failure(location: DataLocation) -> str | None:
    try:
        connection = _connect(location)
    except psycopg2.OperationalError as error:
        return str(error)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            ((directory,),) = cursor.fetchall()
            return None if directory == str(location.data_directory) else f"serves {directory}"
    except psycopg2.Error as error:
        return str(error)
    finally:
        connection.close()


def _connect(location: DataLocation) -> psycopg2.extensions.connection:
    with dropped_variables():
        host = str(location.socket_directory)
        options = {"host": host, "port": "5432", "user": "postgres", "connect_timeout": "10"}
        return psycopg2.connect(make_dsn(dbname="postgres", **options, **CONNECTION_OPTIONS))


def postmaster_pid(location: DataLocation) -> int | None:
    """The process that the pid file names, if it is alive and serves this data directory.

    The command line is compared, so that a process id in use by another program does not count.
    """
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((location.data_directory / "postmaster.pid").read_text().split()[0])
        if str(location.data_directory) in psutil.Process(pid).cmdline():
            return pid
    return None


def _refuse_copy_of_running_server(location: DataLocation) -> None:
    """The files of a running server are not consistent in a copy, and a moved one still writes to them.

    The pid file names the process and the directory that it was started with.
    """
    try:
        pid, directory, *_ = (location.data_directory / "postmaster.pid").read_text().splitlines()
        original = Path(directory)
    except (OSError, ValueError):
        return
    if original == location.data_directory:
        return
    with contextlib.suppress(OSError):
        if (original / "PG_VERSION").exists() and not original.samefile(location.data_directory):
            raise ServerError(
                f"{location.data_directory} was copied from {original} while the server there was running, or after "
                "it was killed: its files may not fit together\n"
                "Next: loan-default backup DIR in the original, then loan-default restore DIR here with an empty "
                "LOAN_DEFAULT_HOME; or end the original's `up`, run loan-default status there, and copy again"
            )
    with contextlib.suppress(ValueError, OSError, psutil.Error):
        if Path(psutil.Process(int(pid)).cwd()) == location.data_directory:
            raise ServerError(
                f"{original} was moved to {location.data_directory} while its server (process {pid}) was running\n"
                f"Next: stop what still runs in the former folder, then kill -INT {pid}; then the same command"
            )


def create_cluster(programs: Path, location: DataLocation, *, durable: bool) -> None:
    """Create the data directory unless it exists, atomically: what a killed `initdb` left is deleted.

    Args:
        programs: Directory of PostgreSQL's programs.
        location: Where to create it.
        durable: Whether the files are flushed to disk before this returns.

    Raises:
        ServerError: The data directory is of another major version of PostgreSQL, or `initdb` fails.
    """
    version_file = location.data_directory / "PG_VERSION"
    if location.data_directory.exists():
        version = version_file.read_text().strip() if version_file.exists() else "an unknown version"
        if version != str(MAJOR):
            raise ServerError(
                f"{location.data_directory} is of PostgreSQL {version}, this release contains {MAJOR}: dump it with "
                "the old release and load it here, or move the directory away"
            )
        return
    for unfinished in location.data_root.glob("new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    # A unique name, because the `initdb` of a killed process may still write to another one.
    new = location.data_root / f"new-{secrets.token_hex(4)}"
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
    sync = () if durable else ("--no-sync",)
    _run_checked(
        programs, location, "initdb", "-D", new, "--username=postgres", "--auth=trust", *locale, *sync
    )
    new.rename(location.data_directory)


def create_database(location: DataLocation, name: str) -> None:
    """Create a database unless it exists."""
    connection = _connect(location)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            if not cursor.rowcount:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    finally:
        connection.close()


def stop_cluster(programs: Path, location: DataLocation) -> None:
    """Stop the server; open transactions are rolled back.

    PostgreSQL 18 can wait forever when it is stopped while it restarts after the crash of one of its processes. It
    is then stopped immediately, and replays its log at the next start.

    Raises:
        ServerError: The immediate stop fails too.
    """
    code, _ = _run(programs, location, "pg_ctl", "stop", "-w", "-t", "20", "-m", "fast")
    if code and postmaster_pid(location):
        _run_checked(programs, location, *_IMMEDIATE_STOP)


def disk_full_hint(path: Path) -> str:
    """The end of an error message: advice where the disk of `path` is full, nothing otherwise."""
    problem = full_disk(path)
    return f": {problem}; free some space and run the command again" if problem else ""


def _run_checked(programs: Path, location: DataLocation, program: str, *arguments: str | Path) -> None:
    code, output = _run(programs, location, program, *arguments)
    if code:
        hint = disk_full_hint(location.data_root)
        raise ServerError(f"{program} failed with exit code {code}{hint}\n{output[-1500:]}")


def _run(programs: Path, location: DataLocation, program: str, *arguments: str | Path) -> tuple[int, str]:
    """Run one of PostgreSQL's programs as the server's user; its exit code and its output."""
    # PGPORT and similar variables would change the server's behaviour.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with (
        tempfile.TemporaryFile() as output
    ):  # the server would keep a pipe open, and reading it would not end
        done = subprocess.run(
            [str(programs / program), *map(str, arguments)],
            cwd=location.data_root,
            env=environment | {"PGDATA": str(location.data_directory)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            **location.run_as,
        )
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    return done.returncode, text
