"""moto's S3 server as a process of its own, where s3fs and moto are installed (`make test-s3`)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

INSTALLED = all(find_spec(name) for name in ("s3fs", "moto", "flask", "flask_cors"))
KEY_ID, SECRET = "AKIAEXAMPLEEXAMPLE", "secret-that-no-message-may-hold"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def serving(**environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """URL and process of a server without buckets; `environment` are variables of moto."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=os.environ | CREDENTIALS | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None, "moto's server ended"
            assert time.monotonic() < until, "moto's server does not listen"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
