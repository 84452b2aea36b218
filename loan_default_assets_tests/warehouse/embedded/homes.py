"""Homes for servers of the tests' own, made from one cluster so that none waits for `initdb`."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres

HASTY = {"fsync": "off", "shared_buffers": "16MB"}


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the server's account can reach when the tests run as root; removed afterwards."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="loan-default-tests-", dir=memory if roomy else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def local(home: Path) -> LocalPostgres:
    """A small and hasty server."""
    return LocalPostgres(home, options=HASTY)


def copied(source: Path, home: Path) -> None:
    """Copy a home with its owners, as `cp -a` does."""
    home.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(home)], check=True)


def ask(url: str, query: str) -> str:
    """The first value of the first row."""
    connection = psycopg2.connect(dsn(url), connect_timeout=5)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            return str(cursor.fetchall()[0][0]) if cursor.description else ""
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").is_dir() else True
