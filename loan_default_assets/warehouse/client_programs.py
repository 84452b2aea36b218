"""PostgreSQL's client programs: which of them fit a server, how they connect, and what they say when they fail."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from psycopg2 import extensions

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.database_errors import WarehouseError, full_disk
from loan_default_assets.warehouse.embedded.data_location import installed_programs


class DumpError(WarehouseError):
    """The database cannot be dumped or restored; the message says why and what to do."""


def find_programs(server: int) -> tuple[Path, str]:
    """The directory of `pg_dump`, `pg_restore` and `psql` that fit a server, and their version: the wheel's, or PATH's.

    Raises:
        DumpError: All of them are older than the server.
    """
    found = []
    on_path = shutil.which("pg_dump")
    for folder in (installed_programs(), *([Path(on_path).parent] if on_path else [])):
        if match := re.search(r"(\d+)\.\d+", _output([folder / "pg_dump", "--version"])):
            if int(match[1]) >= server:
                return folder, match[0]
            found.append(match[0])
    raise DumpError(
        f"the server of DATABASE_URL is PostgreSQL {server}, and pg_dump here is {' and '.join(found) or 'missing'}: "
        f"install the client programs of PostgreSQL {server} (pg_dump, pg_restore, psql) and put them on PATH"
    )


def _output(command: Sequence[str | Path]) -> str:
    try:
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def connection_arguments(url: str, embedded: bool) -> tuple[str, dict[str, str]]:
    """The option that names the database, and the environment of the program.

    The password is in the environment: every user of the machine can read the arguments of a process.

    Args:
        url: The database.
        embedded: Whether it is the embedded server, to which the variables of libpq do not apply.
    """
    parameters = extensions.parse_dsn(dsn(url))
    password = parameters.pop("password", None)
    environment = {k: v for k, v in os.environ.items() if not (embedded and k.startswith("PG"))}
    if password:
        environment["PGPASSWORD"] = password
    return f"--dbname={extensions.make_dsn(**parameters)}", environment


def run_program(command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    """Run a program to its end.

    Raises:
        DumpError: It failed; the message is its first error, or that the disk of its file is full.
    """
    with tempfile.TemporaryFile() as errors, started(command, environment, errors) as process:
        process.communicate()
        if process.returncode:
            name = Path(command[0]).name
            file = next(
                (Path(str(part).removeprefix("--file=")) for part in command if "--file=" in str(part)), None
            )
            full = full_disk(file.parent) if file is not None else None
            raise DumpError(f"{name} failed: {full or last_line(errors)}")


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], environment: Mapping[str, str], errors: IO[bytes], *, feed: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended with the block; its files are for this user only."""
    process = subprocess.Popen(
        list(map(str, command)),
        env=dict(environment),
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
        stderr=errors,
        umask=0o077,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
        process.wait()


def last_line(errors: IO[bytes]) -> str:
    """The first error that programs wrote, or their last line; without values in quotes."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
    line = next((line for line in lines if "ERROR" in line or "error" in line), lines[-1])
    return re.sub(r'(?<!relation )(?<!schema )"[^"]*"', '"..."', line)
