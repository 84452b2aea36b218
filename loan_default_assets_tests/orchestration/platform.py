"""`loan-default` as a user runs it, with its own LOAN_DEFAULT_HOME: commands, `up` in the background, and records."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from loan_default_assets.commands import child_processes
from loan_default_assets.commands.session import Session, dagster_instance, open_session
from loan_default_assets.settings import Settings

QUICK = {
    "RETRAIN_SENSOR_SECONDS": "5",
    "AUTOMATION_SECONDS": "5",
    "FRESHNESS_DAEMON_INTERVAL_SECONDS": "5",
    "RETRAIN_COOLDOWN": "0",
    "RETRAINING_SAMPLE_THRESHOLD": "300",
    "RETRAINING_POSITIVE_THRESHOLD": "30",
    "OMP_NUM_THREADS": "1",
}


def free_port() -> int:
    """A port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Platform:
    """One home with one portfolio."""

    def __init__(self, home: Path, portfolio: str, **environment: str) -> None:
        self.home = home
        self.portfolio = portfolio
        self.name = Path(portfolio).stem
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.environment = (
            inherited
            | QUICK
            | {
                "LOAN_DEFAULT_HOME": str(home),
                "PORTFOLIO": portfolio,
                "DAGSTER_PORT": str(self.port),
                "SERVICE_HTTP_PORT": str(free_port()),
                "SERVICE_GRPC_PORT": str(free_port()),
            }
            | environment
        )

    def command(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._line(*arguments),
            env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def done(self, *arguments: str) -> str:
        """Run a command that must succeed; its output."""
        result = self.command(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.done("status", "--json"))
        return status

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`up` from its greeting on; stopped at the end in any case."""
        process = subprocess.Popen(
            self._line("up", *arguments),
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert process.stdout
            printed = ""
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, f"up ended:\n{printed}\n{self.logs()}"
                printed += line
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=120)

    def backfill(self, assets: Sequence[str], partitions: Sequence[str]) -> str:
        """Launch a backfill as the UI does; its id."""
        selection = [{"path": [self.name, asset]} for asset in assets]
        data = self.graphql(
            "mutation M($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) "
            "{ ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
            {"p": {"assetSelection": selection, "partitionNames": list(partitions), "fromFailure": False}},
        )
        identifier: str = data["launchPartitionBackfill"]["backfillId"]
        return identifier

    def launch(self, job: str) -> str:
        """Launch a run of a job as the UI does; its id."""
        [node] = self.graphql(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }", {}
        )["repositoriesOrError"]["nodes"]
        repository = {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
        response = self.graphql(
            "mutation M($p: ExecutionParams!) { launchRun(executionParams: $p) "
            "{ __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
            {"p": {"selector": repository | {"jobName": job}, "runConfigData": {}}},
        )
        identifier: str = response["launchRun"]["run"]["runId"]
        return identifier

    def graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        response = httpx.post(
            f"http://127.0.0.1:{self.port}/graphql",
            json={"query": query, "variables": variables},
            timeout=60,
        ).json()
        assert "errors" not in response, response
        data: dict[str, Any] = response["data"]
        return data

    def processes(self) -> list[str]:
        """Command lines of the processes of `up` that still exist."""
        return [" ".join(process.cmdline()) for process in child_processes.members(str(self.home))]

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted((self.home / "logs").glob("*.log")))

    @contextmanager
    def session(self) -> Iterator[tuple[Session, dg.DagsterInstance]]:
        """The tables and Dagster's records, while other processes may run."""
        with (
            _environment(self.environment),
            open_session(Settings()) as session,
            dagster_instance(session) as instance,
        ):
            yield session, instance

    def until(self, holds: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        """The status once it holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status()
            if holds(status):
                return status
            time.sleep(5)
        raise AssertionError(f"not within {seconds} s: {json.dumps(status, indent=1)}\n{self.logs()}")

    def _line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "loan_default_assets", *arguments]


@contextmanager
def _environment(environment: dict[str, str]) -> Iterator[None]:
    """These variables and no others, for the time of a block."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
