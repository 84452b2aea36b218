"""PgBouncer in transaction mode in front of the test server: a client gets another session in every transaction."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy.engine import make_url

from loan_default_assets.warehouse.database import dsn

_SETTINGS = """
[databases]
{database} = host={host} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


def program() -> str | None:
    """Path of PgBouncer; None where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(url: str, *, sessions: int) -> Iterator[str]:
    """The URL of a database through PgBouncer, which shares this number of sessions between all clients."""
    direct, executable = make_url(url), program()
    assert executable
    host = direct.query["host"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "pgbouncer.ini")
        text = _SETTINGS.format(
            database=direct.database,
            host=host,
            port=direct.query.get("port", 5432),
            listen=port,
            sessions=sessions,
        )
        settings.write_text(text)
        # It refuses to run as root.
        Path(folder).chmod(0o755)
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen([executable, "-q", *as_user, settings], stderr=subprocess.DEVNULL)
        try:
            pooler = f"postgresql://postgres@127.0.0.1:{port}/{direct.database}"
            _wait_until_ready(pooler, process)
            yield pooler
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            psycopg2.connect(dsn(url)).close()
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
