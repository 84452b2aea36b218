import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from loan_default_assets.commands import child_processes
from loan_default_assets.commands.dagster_home import ROOT
from loan_default_assets.orchestration.dagster_internals import DAEMON_MODULE
from loan_default_assets.orchestration.ui.webserver import MODULE as WEBSERVER_MODULE
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.orchestration.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    small_bank.bank(tmp_path)
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    return Platform(
        tmp_path / "home",
        str(tmp_path / "small_bank.yaml"),
        LOAN_SOURCE=str(tmp_path / "loans.csv"),
        no_proxy="intranet",
        **proxies,
    )


def get(address: str, **options: Any) -> httpx.Response:
    return httpx.get(address, timeout=10, trust_env=False, **options)


def test_up_serves_refuses_a_second_one_and_leaves_no_process(platform: Platform) -> None:
    with platform.up("--no-service") as process:
        ui = f"http://127.0.0.1:{platform.port}"
        assert get(f"{ui}/server_info").is_success
        mutation = {"query": "mutation { setAutoMaterializePaused(paused: false) }"}
        assert get(f"{ui}/graphql", params=mutation).status_code == 405
        assert get(f"{ui}/server_info", headers={"host": "evil.example"}).status_code == 400
        assert platform.graphql("{ instance { autoMaterializePaused } }", {}) == {
            "instance": {"autoMaterializePaused": True}
        }
        assert len(platform.processes()) >= 2
        second = platform.command("up", "--no-service")
        assert second.returncode == 1
        assert "runs already" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert platform.processes() == []
    noise = platform.logs()
    assert not [word for word in ("BetaWarning", "Supersession", "Traceback", "Deprecat") if word in noise]


def test_a_port_in_use_is_named_before_anything_starts(platform: Platform) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", platform.port))
        other.listen()
        refused = platform.command("up", "--no-service")
    assert refused.returncode == 1
    assert f"DAGSTER_PORT={platform.port}" in refused.stderr
    assert not (platform.home / "postgres").exists()


@pytest.mark.slow
def test_up_starts_its_killed_database_again_and_ctrl_c_ends_it_with_130(platform: Platform) -> None:
    server = LocalPostgres(platform.home)
    with platform.up("--no-service") as process:
        assert process.stdout
        for _ in range(2):
            killed = server.pid()
            assert killed
            os.kill(killed, signal.SIGKILL)
            assert "ended and was started again" in process.stdout.readline()
            assert server.pid() not in (None, killed)
        assert platform.graphql("{ version }", {})
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    assert output == "stopped; the same command goes on from here\n"
    assert platform.processes() == []
    assert server.pid() is None


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "name"), [(WEBSERVER_MODULE, "webserver"), (DAEMON_MODULE, "daemon")])
def test_a_dead_child_ends_up_with_its_name_and_log(platform: Platform, victim: str, name: str) -> None:
    with platform.up("--no-service") as process:
        [child] = [
            p
            for p in child_processes.members(str(platform.home))
            if victim in p.cmdline() and p.ppid() == process.pid
        ]
        child.kill()
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 1
    assert f"the {name} ended by itself" in output
    assert platform.processes() == []


@pytest.mark.slow
def test_up_again_after_kill_minus_9_of_up_itself(platform: Platform) -> None:
    with platform.up("--no-service") as process:
        process.kill()
        process.wait()
    with platform.up("--no-service"):
        pass
    assert platform.processes() == []


def dagster_dev(platform: Platform, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "-p", str(platform.port)],
        cwd=ROOT,
        env=platform.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_plain_dagster_dev_names_the_command_to_run_without_a_database(platform: Platform) -> None:
    output, _ = dagster_dev(platform).communicate(timeout=120)
    assert "run `loan-default up`" in output.splitlines()[-1]
    assert "Traceback" not in output


@pytest.mark.slow
def test_plain_dagster_dev_works_with_a_database(platform: Platform, database_url: str) -> None:
    process = dagster_dev(platform, DATABASE_URL=database_url)
    try:
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                assert httpx.get(f"http://127.0.0.1:{platform.port}/server_info", timeout=5).is_success
                break
            except httpx.HTTPError:
                time.sleep(1)
        found = platform.graphql("{ assetNodes { assetKey { path } } }", {})
        assert ["small_bank", "champion"] in [node["assetKey"]["path"] for node in found["assetNodes"]]
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
    assert "Traceback" not in output
