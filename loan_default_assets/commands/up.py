"""`up`: database, Dagster's webserver and daemon, the prediction service; in front of the terminal, until a signal."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import httpx

from loan_default_assets.commands import family
from loan_default_assets.commands.session import (
    ROOT,
    CommandError,
    Session,
    dagster_instance,
    environment,
    open_session,
)
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.ports import taken
from loan_default_assets.settings import Settings

_POLL_SECONDS = 0.5
_READY_SECONDS = 180

Say = Callable[[str], None]
Children = dict[str, subprocess.Popen[bytes]]


def up(settings: Settings, *, service: bool, say: Say) -> None:
    """Returns after Ctrl-C, SIGTERM or SIGHUP, with no process left behind.

    Raises: CommandError where a port is taken, where it runs already, and when one of its processes ends by itself.
    """
    service = service and find_spec("bento") is not None
    mark = str(settings.home)
    with _signals(), _alone(settings):
        try:
            family.end(mark)
            _refuse_taken_ports(settings, service)
            with open_session(settings) as session, dagster_instance(session) as instance:
                run_tracking.fail_abandoned(instance)
                run_tracking.fail_unreachable(instance)
                _serve(session, mark, service, say)
        except KeyboardInterrupt:
            say("stopped")


def _serve(session: Session, mark: str, service: bool, say: Say) -> None:
    logs = session.settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # A backfill waits for code that is being loaded again; otherwise it fails the moment it misses it.
    given = environment(session) | {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1"}
    children: Children = {}
    try:
        for name, command in _commands(session.settings, service).items():
            children[name] = family.start(command, mark, logs / f"{name}.log", given)
        _await_interface(session.settings, children, logs)
        say(_greeting(session, service, logs))
        while True:
            _check(children, logs)
            time.sleep(_POLL_SECONDS)
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        family.stop(list(children.values()), mark, session.settings.service_drain_seconds + 10)


def _commands(settings: Settings, service: bool) -> dict[str, list[str]]:
    workspace = ["-w", str(ROOT / "workspace.yaml")]
    python = [sys.executable, "-m"]
    place = ["-h", "127.0.0.1", "-p", str(settings.dagster_port)]
    commands = {
        "webserver": [*python, "dagster_webserver", *place, *workspace, "--suppress-warnings"],
        "daemon": [*python, "dagster._daemon", "run", *workspace],
    }
    if service:
        commands["service"] = [*python, "bento", "--with-parent"]
    return commands


def _greeting(session: Session, service: bool, logs: Path) -> str:
    settings = session.settings
    lines = [
        f"{session.portfolio.name}: rows in {session.place}",
        f"Dagster     http://127.0.0.1:{settings.dagster_port}  (sensors and freshness are on)",
    ]
    if service:
        lines += [
            f"service     http://{settings.service_host}:{settings.service_http_port}",
            f"gRPC        {settings.service_host}:{settings.service_grpc_port}",
        ]
    if session.loans.cutoff() is None and not session.loans.partitions():
        lines.append("There are no loans yet: loan-default run, in another terminal")
    return "\n".join([*lines, f"logs        {logs}", "Ctrl-C stops everything."])


def _check(children: Children, logs: Path) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise CommandError(
                f"the {name} ended by itself with exit code {child.returncode}: {_last_line(logs / f'{name}.log')}\n"
                f"Next: read {logs / f'{name}.log'}, then loan-default up"
            )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace")[-4000:].strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"


def _await_interface(settings: Settings, children: Children, logs: Path) -> None:
    address = f"http://127.0.0.1:{settings.dagster_port}/server_info"
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        _check(children, logs)
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(_POLL_SECONDS)
    raise CommandError(
        f"Dagster's webserver did not answer within {_READY_SECONDS} s\nNext: read {logs / 'webserver.log'}"
    )


def _refuse_taken_ports(settings: Settings, service: bool) -> None:
    wanted = [("DAGSTER_PORT", "127.0.0.1", settings.dagster_port)]
    if service:
        wanted += [
            ("SERVICE_HTTP_PORT", settings.service_host, settings.service_http_port),
            ("SERVICE_GRPC_PORT", settings.service_host, settings.service_grpc_port),
        ]
    for setting, host, port in wanted:
        if taken(port, host):
            raise CommandError(
                f"{setting}={port} cannot be used on {host}: another process listens there\n"
                f"Next: stop it, or set {setting} to another port"
            )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One `up` a home; the kernel drops the lock of a killed one. The lock is not handed to children."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = os.open(settings.home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"loan-default up runs already in {settings.home}\n"
                "Next: stop it, or set LOAN_DEFAULT_HOME to another folder"
            ) from None
        yield
    finally:
        os.close(lock)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _signals() -> Iterator[None]:
    """All three end `up` alike, also where a shell started it with them ignored."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
