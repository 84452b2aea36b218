"""One PostgreSQL cluster: made, started, asked and shut down with PostgreSQL's own programs."""

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

from loan_default_assets.warehouse.embedded.data_location import MAJOR, DataLocation, ServerError

# How long a start may take: orphans of a killed server hold its memory for seconds, and replaying a large log
# takes longer.
_PATIENCE, _RECOVERY = 20.0, 600.0
_ALMOST_FULL = 64 << 20
_AT_ONCE = ("pg_ctl", "stop", "-w", "-m", "immediate")
# Children of a killed server, or a server that a killed process had just begun to start.
_OTHERS_AT_WORK = ("shared memory block", "already exists")


def bring_up(programs: Path, location: DataLocation, settings: Mapping[str, str]) -> None:
    """Start the server, whatever state a killed one left behind, and wait until it takes connections."""
    log, pid_file = location.state / "server.log", location.data / "postmaster.pid"
    # pg_ctl hands this to a shell, and -D and -l without quoting them well: those come in other ways.
    options = shlex.join(
        ["-D", str(location.data), "-k", str(location.sockets), *(f"--{k}={v}" for k, v in settings.items())]
    )
    begun = time.monotonic()
    while refusal := _refusal(location):
        waited = time.monotonic() - begun
        if postmaster(location):  # on its way up or down
            if waited > _RECOVERY:
                raise ServerError(f"PostgreSQL does not answer since {waited:.0f} s: see {log}")
            if waited > _PATIENCE and "shutting down" in refusal:
                _demand(programs, location, *_AT_ONCE)
            time.sleep(0.1)
            continue
        for file in (pid_file, location.sockets / ".s.PGSQL.5432.lock"):
            # Not of a living server of ours, whatever process has the number now. Should children of a
            # killed server still write, PostgreSQL itself refuses to start.
            file.unlink(missing_ok=True)
        size = log.stat().st_size if log.exists() else 0
        _, said = _run(programs, location, "pg_ctl", "start", "-w", "-l", log.name, "-o", options)
        # Its exit code is no answer: it gives up on long recoveries, and is content with an interrupted one.
        if answers(location) or postmaster(location):
            continue
        if log.exists():
            said = log.read_bytes()[size:].decode(errors="replace").strip() or said
        if not any(sign in said for sign in _OTHERS_AT_WORK) or waited > _PATIENCE:
            raise ServerError(f"PostgreSQL did not start{room(location.state)}\n{said[-1500:]}\nSee {log}")
        time.sleep(0.2)


def answers(location: DataLocation) -> bool:
    """Whether the server of this very data directory, and no other, takes connections."""
    return _refusal(location) is None


def _refusal(location: DataLocation) -> str | None:
    try:
        connection = _connect(location)
    except psycopg2.OperationalError as error:
        return str(error)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            ((directory,),) = cursor.fetchall()
            return None if directory == str(location.data) else f"serves {directory}"
    except psycopg2.Error as error:
        return str(error)
    finally:
        connection.close()


def _connect(location: DataLocation) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=str(location.sockets), port=5432, user="postgres", dbname="postgres", connect_timeout=10
    )


def postmaster(location: DataLocation) -> int | None:
    """The process that the pid file names, if it lives and serves this data; a reused number is not mistaken."""
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((location.data / "postmaster.pid").read_text().split()[0])
        if str(location.data) in psutil.Process(pid).cmdline():
            return pid
    return None


def create(programs: Path, location: DataLocation, *, durable: bool) -> None:
    """A new cluster appears whole or not at all: what a killed `initdb` left is thrown away."""
    version = location.data / "PG_VERSION"
    if location.data.exists():
        found = version.read_text().strip() if version.exists() else "no version"
        if found != str(MAJOR):
            raise ServerError(
                f"{location.data} is of PostgreSQL {found}, this release brings {MAJOR}: dump it with the old release "
                "and load it here, or move the folder away"
            )
        return
    for left in location.state.glob("new-*"):
        shutil.rmtree(left, ignore_errors=True)
    # A name of its own: the `initdb` of a killed process may still be at work in another one.
    new = location.state / f"new-{secrets.token_hex(4)}"
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
    sync = () if durable else ("--no-sync",)
    _demand(programs, location, "initdb", "-D", new, "--username=postgres", "--auth=trust", *locale, *sync)
    new.rename(location.data)


def create_database(location: DataLocation, name: str) -> None:
    connection = _connect(location)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            if not cursor.rowcount:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    finally:
        connection.close()


def shut_down(programs: Path, location: DataLocation) -> None:
    """End the server; open transactions are rolled back.

    PostgreSQL 18 may wait for ever when it is asked to go while it restarts after the crash of one of its
    processes; it is then ended at once, and replays its log at the next start.
    """
    code, _ = _run(programs, location, "pg_ctl", "stop", "-w", "-t", "20", "-m", "fast")
    if code and postmaster(location):
        _demand(programs, location, *_AT_ONCE)


def _demand(programs: Path, location: DataLocation, program: str, *arguments: str | Path) -> None:
    code, said = _run(programs, location, program, *arguments)
    if code:
        raise ServerError(f"{program} failed with exit code {code}{room(location.state)}\n{said[-1500:]}")


def _run(programs: Path, location: DataLocation, program: str, *arguments: str | Path) -> tuple[int, str]:
    """Run one of PostgreSQL's programs as the server's user; its exit code and what it said."""
    # PGPORT and its kin would change what the server does.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {
        "PGDATA": str(location.data)
    }
    with tempfile.TemporaryFile() as said:  # a pipe would stay open in the server, and be waited for
        done = subprocess.run(
            [str(programs / program), *map(str, arguments)],
            cwd=location.state,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            **location.account,
        )
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    return done.returncode, text


def room(folder: Path) -> str:
    """What to say about a disk that is as good as full."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(folder).free
        if free < _ALMOST_FULL:
            return f": the disk of {folder} is full ({free >> 20} MB free); free some space and run the command again"
    return ""
