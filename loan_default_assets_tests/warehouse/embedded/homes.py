"""Homes and small servers for the tests of the embedded server."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from loan_default_assets.warehouse.database import dsn
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres

FAST = {"fsync": "off", "shared_buffers": "16MB"}


@contextlib.contextmanager
def accessible_folder() -> Iterator[Path]:
    """A folder that the server's user can reach when the tests run as root; removed afterwards."""
    shm = Path("/dev/shm")
    suitable = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="loan-default-tests-", dir=shm if suitable else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def small_server(home: Path) -> LocalPostgres:
    """A server with little memory that does not flush to disk."""
    return LocalPostgres(home, options=FAST)


_START = f"""
import sys
from pathlib import Path
from {__name__} import small_server
small_server(Path(sys.argv[1])).start()
"""


def start_apart(home: Path) -> None:
    """Start the small server of a home in a process of its own: a fork of one that uses gRPC may crash."""
    subprocess.run([sys.executable, "-c", _START, str(home)], check=True)


def copy_home(source: Path, home: Path) -> None:
    """Copy a home with its owners, as `cp -a` does."""
    home.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(home)], check=True)


def query_value(url: str, query: str) -> str:
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
