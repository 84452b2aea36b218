"""What the compose file and the Dockerfile declare, read without an engine."""

import json
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from loan_default_assets.cli import loan_default
from loan_default_assets.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
# Of other projects, like postgres: started by the profile of that name, and tested in test_monitoring_files.py.
MONITORING = {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]}
APPLICATION = set(SERVICES) - {"postgres"} - MONITORING
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")

# Fixed inside the containers: their volumes, of which there are no copies, and ports that are published under another
# number.
FIXED = {
    "LOAN_DEFAULT_HOME",
    "ARTIFACT_CACHE_BYTES",
    "ARTIFACT_ROOT",
    "BENTOML_HOME",
    "SERVICE_HTTP_PORT",
    "SERVICE_GRPC_PORT",
}
# Set by BentoML for its workers.
INTERNAL = {"PROMETHEUS_MULTIPROC_DIR"}


def words(service: dict[str, Any]) -> Iterator[str]:
    """The arguments of the service's command and health check; a shell command is split into its own words."""
    for argument in [*service.get("command", []), *service.get("healthcheck", {}).get("test", [])]:
        yield from shlex.split(argument.replace("(", " ").replace(")", " "))


def paths_in_commands() -> set[str]:
    """Every relative file path in the commands and health checks of the compose file and the Dockerfile."""
    declared = [word for name in APPLICATION for word in words(SERVICES[name])]
    for arguments in re.findall(r"^(?:HEALTHCHECK .*)?CMD (\[.*\])$", DOCKERFILE, re.MULTILINE):
        declared += json.loads(arguments)
    return {word for word in declared if re.search(r"\.(py|ya?ml|sql|sh)$", word)}


def test_every_setting_reaches_the_containers_that_read_it() -> None:
    passed_on = {name for role in ("code", "service", "webserver") for name in SERVICES[role]["environment"]}
    missing = {name.upper() for name in Settings.model_fields} - passed_on - FIXED - INTERNAL
    assert not missing, f"docker-compose.yml does not pass on {sorted(missing)}"


def test_the_required_variables_are_exactly_those_that_the_example_leaves_empty() -> None:
    required = set(re.findall(r"\$\{([A-Z_]+):\?", TEXT))
    example = (ROOT / ".env.example").read_text("utf-8")
    assert required == set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))
    assert required == {
        "POSTGRES_PASSWORD",
        "SERVICE_API_KEYS",
        "SERVICE_ADMIN_KEYS",
        "DAGSTER_UI_PASSWORD",
    }


def test_every_variable_of_the_file_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    assert used <= set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_port_is_published_beyond_this_machine_by_default(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith(("127.0.0.1:", "${SERVICE_ADDRESS:-127.0.0.1}:")), port
    assert name != "postgres" or "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", sorted(APPLICATION))
def test_containers_reach_each_other_past_a_proxy(name: str) -> None:
    for spelling in ("no_proxy", "NO_PROXY"):
        exempt = SERVICES[name]["environment"][spelling].split(",")
        assert {"localhost", "127.0.0.1", "::1", "postgres", "code"} <= set(exempt)


@pytest.mark.parametrize("name", sorted(APPLICATION))
def test_application_containers_are_read_only_and_without_capabilities(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_private_key_of_signatures_is_in_one_container() -> None:
    holding = [
        name
        for name, service in SERVICES.items()
        if "SIGNING_KEY" in service["environment"]
        or any("signing" in volume.casefold() for volume in service.get("volumes", []))
    ]
    assert holding == ["code"]
    assert not SERVICES["code"]["environment"]["SIGNING_KEY"].startswith("/var/lib/loan-default")
    assert "SIGNING_PUBLIC_KEYS" in SERVICES["service"]["environment"]
    assert "--mode 0700 /signing" in DOCKERFILE


def test_all_containers_with_the_application_are_found() -> None:
    assert {"migrate", "code", "webserver", "daemon", "service"} == APPLICATION
    assert {"prometheus", "grafana"} == MONITORING


def test_paths_are_found_in_the_commands() -> None:
    assert {
        "deploy/docker/report_cut_off_runs.py",
        "deploy/docker/health.py",
        "deploy/docker/workspace.yaml",
    } <= paths_in_commands()


@pytest.mark.parametrize("path", sorted(paths_in_commands()))
def test_every_path_in_a_command_exists_and_is_copied_into_the_image(path: str) -> None:
    assert (ROOT / path).is_file()
    included = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert Path(path).parts[0] in included


def test_every_path_that_the_dockerfile_copies_or_compiles_exists() -> None:
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    [compiled] = re.findall(r"compileall -q (.*)$", DOCKERFILE, re.MULTILINE)
    for path in [*copied, *compiled.split()]:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", sorted(APPLICATION))
def test_every_module_and_subcommand_in_a_command_exists(name: str) -> None:
    declared = list(words(SERVICES[name]))
    for word, following in pairwise(declared):
        if word == "-m":
            assert find_spec(following) is not None, following
        if word == "loan-default":
            assert following in loan_default.commands
    # The database is migrated before every other container starts.
    if name == "migrate":
        assert declared == ["loan-default", "migrate"]
    else:
        assert {"migrate", "code"} & set(SERVICES[name]["depends_on"])
