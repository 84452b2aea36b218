"""The profile with Prometheus and Grafana: secrets, ports, provisioning, alerts and runbook, without an engine."""

import json
import os
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads(
    (FOLDER / "grafana" / "dashboards" / "loan-default.json").read_text("utf-8")
)
SECRETS = {"prometheus": "PROMETHEUS_API_KEY", "grafana": "GF_SECURITY_ADMIN_PASSWORD"}
PROMTOOL = shutil.which("promtool")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_its_containers_are_confined_and_pinned(name: str) -> None:
    service = SERVICES[name]
    assert service["profiles"] == ["monitoring"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w/]+:v?\d+\.\d+\.\d+\}", service["image"])
    # Everything but its data is mounted read-only.
    assert [volume for volume in service["volumes"] if not volume.endswith(":ro")] == [
        {"prometheus": "prometheus:/prometheus", "grafana": "grafana:/var/lib/grafana"}[name]
    ]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_its_secret_has_no_default(name: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z_]+:-\}", SERVICES[name]["environment"][SECRETS[name]])
    for path in FOLDER.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert re.search(r"(?i)(password|credentials|bearer_token|api_?key)\"?:(?!_)", text) is None, path


@pytest.mark.parametrize(
    ("name", "secret", "starts"),
    [
        ("prometheus", "", False),
        ("prometheus", "a key of 'mine' \"$x", True),
        ("grafana", "", False),
        ("grafana", "admin", False),
        ("grafana", "a password", False),
        ("grafana", "a longer password", True),
    ],
)
def test_it_starts_with_its_secret_only(tmp_path: Path, name: str, secret: str, starts: bool) -> None:
    [script] = SERVICES[name]["command"]
    assert SERVICES[name]["entrypoint"] == ["sh", "-c"]
    program = tmp_path / "prometheus"
    program.write_text('#!/bin/sh\necho "started $*"; env\n')
    program.chmod(0o755)
    script = script.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("/run.sh", str(program))
    result = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", SECRETS[name]: secret},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("started" in result.stdout) is starts
    if not starts:
        assert result.returncode == 1
        assert (
            f"set {'GRAFANA_ADMIN_PASSWORD' if name == 'grafana' else SECRETS[name]} in .env" in result.stderr
        )
    elif name == "prometheus":
        key = tmp_path / "api-key"
        assert key.read_text() == secret
        assert key.stat().st_mode & 0o777 == 0o600
        assert "PROMETHEUS_API_KEY" not in result.stdout


def mounted(name: str, path: str) -> Path:
    """The file of the repository that a container sees under a path."""
    for volume in SERVICES[name]["volumes"]:
        source, target = volume.split(":")[:2]
        if path == target or path.startswith(f"{target}/"):
            return ROOT / source / path[len(target) :].lstrip("/")
    raise AssertionError(f"{name} has nothing under {path}")


def test_every_named_file_is_mounted() -> None:
    script = SERVICES["prometheus"]["command"][0]
    config = mounted("prometheus", re.findall(r"--config\.file=(\S+)", script)[0])
    read = yaml.safe_load(config.read_text("utf-8"))
    assert [mounted("prometheus", path).name for path in read["rule_files"]] == ["alerts.yml"]
    assert mounted("prometheus", read["rule_files"][0]).is_file()
    [scraped] = read["scrape_configs"]
    assert scraped["job_name"] == "loan-default"
    assert scraped["authorization"] == {"credentials_file": "/tmp/api-key"}
    assert scraped["dns_sd_configs"][0]["names"] == ["service"]
    provisioning = mounted("grafana", "/etc/grafana/provisioning")
    [provider] = yaml.safe_load((provisioning / "dashboards" / "loan-default.yml").read_text("utf-8"))[
        "providers"
    ]
    folder = mounted("grafana", provider["options"]["path"])
    assert [path.name for path in folder.iterdir()] == ["loan-default.json"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert mounted("grafana", home).is_file()
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    targets = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    assert {target["datasource"]["uid"] for target in targets} == {source["uid"]}


def test_the_panels_are_titled_described_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert all(panel["title"] and panel["description"] and panel["targets"] for panel in shown)
    cells = [
        {
            (column, line)
            for column in range(grid["x"], grid["x"] + grid["w"])
            for line in range(grid["y"], grid["y"] + grid["h"])
        }
        for grid in (panel["gridPos"] for panel in panels)
    ]
    assert all(not one & other for one, other in combinations(cells, 2))
    assert max(column for cell in cells for column, _ in cell) < 24


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    document = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    runbook = document.split("\n## Alerts\n")[1]
    sections = re.split(r"^### ", runbook, flags=re.MULTILINE)[1:]
    headings = [section.splitlines()[0] for section in sections]
    assert headings == [rule["alert"] for rule in RULES]
    assert all(len(section.split()) > 15 for section in sections)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not installed")
@pytest.mark.parametrize(
    "arguments",
    [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]],
    ids=["the rules are valid", "the alerts fire when they should"],
)
def test_the_rules_by_promtool(arguments: list[str]) -> None:
    result = subprocess.run(
        [str(PROMTOOL), *arguments], cwd=FOLDER / "prometheus", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
