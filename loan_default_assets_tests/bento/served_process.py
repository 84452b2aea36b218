"""A real service process on free ports, started by `python -m bento` and stopped by its process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    """The addresses of the service, and its supervisor process."""

    http: str
    grpc: str
    process: subprocess.Popen[bytes]
    log: Path
    home: Path

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return psutil.Process(self.process.pid).children()

    def output(self) -> str:
        """The content of standard output and error so far."""
        return self.log.read_text(errors="replace")


def free_ports(count: int) -> list[int]:
    """Ports that are not in use."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def environment(home: Path, **settings: Any) -> dict[str, str]:
    """The environment of this process without the project's settings, and with `settings`."""
    prefixes = (
        "SERVICE_",
        "SIGNING_",
        "REQUIRE_SIGNATURE",
        "DATABASE_URL",
        "PORTFOLIO",
        "LOAN_",
        "BENTOML",
        "PROMETHEUS",
        "DAGSTER",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    changed = {name.upper(): str(value) for name, value in settings.items() if value is not None}
    return kept | {"LOAN_DEFAULT_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | changed


@contextmanager
def service(
    home: Path, *, ready: str = "/livez", seconds: float = 240.0, tls: bool = False, **settings: Any
) -> Iterator[Served]:
    """The service with these settings, once `ready` returns status 200; stopped by SIGTERM at the end."""
    http, grpc = free_ports(2)
    ports = {"service_http_port": http, "service_grpc_port": grpc}
    log = home / f"service-{http}.log"
    home.mkdir(parents=True, exist_ok=True)
    variables = environment(home, **(ports | settings))
    # The service sets it.
    del variables["OMP_NUM_THREADS"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bento", "--with-parent"],
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    scheme = "https" if tls else "http"
    served = Served(f"{scheme}://127.0.0.1:{http}", f"127.0.0.1:{grpc}", process, log, home)
    try:
        wait_until(served, ready, seconds)
        yield served
    finally:
        stop(served)


def spooled_bytes(folder: Path) -> int:
    """The size of a spool, whose service may remove files meanwhile."""
    size = 0
    for path in folder.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def wait_until(served: Served, path: str, seconds: float = 240.0) -> None:
    """Wait until the path returns status 200."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if served.process.poll() is not None:
            raise AssertionError(f"the service ended with {served.process.returncode}:\n{served.output()}")
        try:
            if httpx.get(served.http + path, verify=False, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{path} did not return 200 within {seconds} s:\n{served.output()}")


def stop(served: Served, seconds: float = 30.0) -> int:
    """The exit code after SIGTERM; every process of the service must have ended."""
    if served.process.poll() is not None:
        return int(served.process.returncode)
    family = [
        psutil.Process(served.process.pid),
        *psutil.Process(served.process.pid).children(recursive=True),
    ]
    served.process.send_signal(signal.SIGTERM)
    try:
        code = served.process.wait(seconds)
    except subprocess.TimeoutExpired:
        for each in family:
            each.kill()
        raise AssertionError(f"the service did not stop within {seconds} s:\n{served.output()}") from None
    left = [each for each in family[1:] if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"left behind: {left}"
    return code
