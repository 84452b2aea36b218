"""A separate compose project per test run: its own names, ports and secrets."""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVICES = ("postgres", "code", "webserver", "daemon", "service")
IMAGE = os.environ.get("LOAN_DEFAULT_IMAGE", "loan-default")
POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE", "postgres:18")
_KILL = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGKILL)"


def compose_command() -> list[str] | None:
    """The command that runs Compose on this machine; None without one."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and _succeeds([*command, "version"]):
            return command
    return None


def missing() -> str | None:
    """Why containers cannot be started on this machine; None where they can."""
    if compose_command() is None:
        return "docker compose is not installed"
    if not _succeeds(["docker", "info"]):
        return "no docker engine is reachable"
    for image in (IMAGE, POSTGRES_IMAGE):
        if not _succeeds(["docker", "image", "inspect", image]):
            return f"image {image} is missing: docker compose build, docker pull {POSTGRES_IMAGE}"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ComposeProject:
    """One project of `docker compose`; `up` starts it, `down` removes its containers and volumes."""

    project: str = field(default_factory=lambda: f"loan-default-test-{os.getpid()}")
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    admin_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    ui_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    # Contains the special characters of URLs, shells and connection strings.
    password: str = field(default_factory=lambda: f"a:b@c/d?e#f%41 'g\"h&={secrets.token_hex(8)}")
    http: int = field(default_factory=_free_port)
    grpc: int = field(default_factory=_free_port)
    ui: int = field(default_factory=_free_port)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "POSTGRES_PASSWORD": self.password,
            "SERVICE_API_KEYS": self.key,
            "SERVICE_ADMIN_KEYS": self.admin_key,
            "DAGSTER_UI_PASSWORD": self.ui_password,
            "LOAN_DEFAULT_IMAGE": IMAGE,
            "POSTGRES_IMAGE": POSTGRES_IMAGE,
            "SERVICE_HTTP_PORT": str(self.http),
            "SERVICE_GRPC_PORT": str(self.grpc),
            "DAGSTER_PORT": str(self.ui),
            "PORTFOLIO": "demo",
            "OMP_NUM_THREADS": "1",
        }

    def compose(self, *arguments: str) -> str:
        """Standard output of a `docker compose` command; AssertionError with its output when it fails."""
        completed = self.attempt(self.environment, *arguments)
        assert completed.returncode == 0, (
            f"docker compose {' '.join(arguments)}\n{completed.stdout[-3000:]}{completed.stderr[-3000:]}"
        )
        return completed.stdout

    def attempt(self, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `docker compose` command with these variables; all others have the values of the example, or are empty."""
        command = [
            *(compose_command() or []),
            "--project-name",
            self.project,
            "--env-file",
            str(ROOT / ".env.example"),
        ]
        return subprocess.run(
            [*command, "--file", str(ROOT / "docker-compose.yml"), *arguments],
            env={k: v for k, v in os.environ.items() if k not in self.environment} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self) -> None:
        self.compose("up", "--detach", "--no-build")
        for service in SERVICES:
            self.wait_healthy(service)

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "30")

    def state(self, service: str) -> dict[str, Any]:
        """The container as `docker inspect` describes it: `State`, `RestartCount` and others."""
        container = self.compose("ps", "--all", "--quiet", service).split()[0]
        inspected = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        description: dict[str, Any] = json.loads(inspected.stdout)[0]
        return description

    def wait_healthy(self, service: str, seconds: float = 300) -> None:
        until = time.monotonic() + seconds
        while (state := self.state(service)["State"])["Status"] != "running" or state["Health"][
            "Status"
        ] != "healthy":
            assert time.monotonic() < until, (
                f"{service}: {state}\n{self.compose('logs', '--tail', '50', service)}"
            )
            time.sleep(2)

    def crash(self, service: str) -> None:
        """`kill -9` of the container's first process from outside, as the kernel does when memory is exhausted.

        `docker kill` would not do: after it the engine restarts nothing.
        """
        pid = str(self.state(service)["State"]["Pid"])
        helper = ["docker", "run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "python", IMAGE]
        subprocess.run([*helper, "-c", _KILL, pid], capture_output=True, check=True)

    def run_python(self, program: str) -> str:
        """Output of a Python program in the code container."""
        return self.compose("exec", "-T", "code", "python", "-c", program)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """`data` of a response of Dagster's webserver."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ui}/graphql")
        request.data = json.dumps({"query": query, "variables": variables}).encode()
        request.add_header("Content-Type", "application/json")
        token = base64.b64encode(f"operator:{self.ui_password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=60) as response:
            data: dict[str, Any] = json.load(response)["data"]
        return data

    def request(self, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Status and decoded JSON of one request to the service; status 0 without a response."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except OSError:
            return 0, None


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
