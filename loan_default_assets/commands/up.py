"""`up`: database, Dagster's webserver and daemon, and the prediction service, in the foreground until a signal."""

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

from loan_default_assets.commands import child_processes, run_alerts
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.dagster_home import ROOT
from loan_default_assets.commands.home_lock import home_lock
from loan_default_assets.commands.log_rotation import rotate
from loan_default_assets.commands.server_watch import ServerWatch
from loan_default_assets.commands.session import Session, dagster_instance, environment, open_session
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.dagster_internals import DAEMON_MODULE
from loan_default_assets.orchestration.ui.access_rules import UiAccessError, access_rules
from loan_default_assets.orchestration.ui.webserver import MODULE as WEBSERVER_MODULE
from loan_default_assets.ports import in_use, local_address
from loan_default_assets.private_files import prepare_home
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres

_POLL_SECONDS = 0.5
_READY_SECONDS = 180

Say = Callable[[str], None]
Children = dict[str, subprocess.Popen[bytes]]


def up(settings: Settings, *, service: bool, say: Say) -> None:
    """Returns after SIGTERM or SIGHUP, with no process left behind.

    Raises: CommandError a setting cannot be used, a port is in use, it runs already, or one of its processes ends by
        itself; KeyboardInterrupt after Ctrl-C, with no process left behind either.
    """
    service = service and find_spec("bento") is not None
    mark = str(settings.home)
    _require_usable_settings(settings)
    with _signals(), _exclusive(settings):
        try:
            child_processes.end(mark)
            _require_free_ports(settings, service)
            with open_session(settings) as session, dagster_instance(session) as instance:
                run_alerts.fail_dead(session, instance)
                run_tracking.fail_unreachable(instance)
                _serve(session, mark, service, say)
        except _Terminated:
            say("stopped")


def _serve(session: Session, mark: str, service: bool, say: Say) -> None:
    logs = session.settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # A backfill waits for code that is being reloaded; without it the backfill fails at once.
    given = environment(session) | {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1"}
    children: Children = {}
    try:
        for name, command in _commands(session.settings, service).items():
            # The password is the webserver's alone; an empty variable counts as unset.
            variables = given if name == "webserver" else given | {"DAGSTER_UI_PASSWORD": ""}
            children[name] = child_processes.start(command, mark, logs / f"{name}.log", variables)
        _await_webserver(session.settings, children, logs)
        say(_greeting(session, service, logs))
        _supervise(session, children, logs, say)
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        child_processes.stop(list(children.values()), mark, session.settings.service_drain_seconds + 10)


def _supervise(session: Session, children: Children, logs: Path, say: Say) -> None:
    embedded = None if session.settings.database_url else LocalPostgres(session.settings.home)
    watch = ServerWatch(embedded, say) if embedded else None
    written = [logs / f"{name}.log" for name in children] + ([embedded.log()] if embedded else [])
    while True:
        if watch:
            watch.check()
        _check(children, logs)
        for log in written:
            rotate(log)
        time.sleep(_POLL_SECONDS)


def _commands(settings: Settings, service: bool) -> dict[str, list[str]]:
    workspace = ["-w", str(ROOT / "workspace.yaml")]
    python = [sys.executable, "-m"]
    commands = {
        "webserver": [*python, WEBSERVER_MODULE, *workspace],
        "daemon": [*python, DAEMON_MODULE, "run", *workspace],
    }
    if service:
        commands["service"] = [*python, "bento", "--with-parent"]
    return commands


def _greeting(session: Session, service: bool, logs: Path) -> str:
    settings = session.settings
    login = "; any user name and DAGSTER_UI_PASSWORD" if settings.dagster_ui_password else ""
    lines = [
        f"{session.portfolio.name}: rows in {session.database_label}",
        f"Dagster     {_ui_address(settings)}  (sensors and freshness are on{login})",
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
    return lines[-1] if lines else "its log is empty"


def _await_webserver(settings: Settings, children: Children, logs: Path) -> None:
    address = f"{_ui_address(settings)}/server_info"
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        _check(children, logs)
        try:
            if httpx.get(address, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(_POLL_SECONDS)
    raise CommandError(
        f"Dagster's webserver did not respond within {_READY_SECONDS} s\nNext: read {logs / 'webserver.log'}"
    )


def _ui_address(settings: Settings) -> str:
    return f"http://{local_address(settings.dagster_host)}:{settings.dagster_port}"


def _require_usable_settings(settings: Settings) -> None:
    try:
        access_rules(settings)
    except UiAccessError as error:
        raise CommandError(str(error)) from None


def _require_free_ports(settings: Settings, service: bool) -> None:
    wanted = [("DAGSTER_PORT", settings.dagster_host, settings.dagster_port)]
    if service:
        wanted += [
            ("SERVICE_HTTP_PORT", settings.service_host, settings.service_http_port),
            ("SERVICE_GRPC_PORT", settings.service_host, settings.service_grpc_port),
        ]
    for setting, host, port in wanted:
        if in_use(port, host):
            raise CommandError(
                f"{setting}={port} cannot be used on {host}: another process listens there\n"
                f"Next: stop it, or set {setting} to another port"
            )


@contextmanager
def _exclusive(settings: Settings) -> Iterator[None]:
    """One `up` per home."""
    prepare_home(settings.home)
    refusal = (
        f"loan-default up runs already in {settings.home}\n"
        "Next: stop it, or set LOAN_DEFAULT_HOME to another folder"
    )
    with home_lock(settings.home / "up.lock", lambda: refusal):
        yield


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, the ordinary way to stop `up`; like Ctrl-C no handler of errors takes it."""


@contextmanager
def _signals() -> Iterator[None]:
    """All three signals end `up`, also where a shell started it with them ignored."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt if number == signal.SIGINT else _Terminated

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
