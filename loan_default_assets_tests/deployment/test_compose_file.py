"""What the compose file says, read without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from loan_default_assets.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]

# The containers' own business: their volumes, and ports that are published under another number instead.
FIXED = {
    "LOAN_DEFAULT_HOME",
    "ARTIFACT_ROOT",
    "BENTOML_HOME",
    "SERVICE_HTTP_PORT",
    "SERVICE_GRPC_PORT",
}
# Set by BentoML for its workers.
INTERNAL = {"PROMETHEUS_MULTIPROC_DIR"}


def test_every_setting_reaches_the_containers_that_read_it() -> None:
    handed = {*SERVICES["code"]["environment"], *SERVICES["service"]["environment"]}
    missing = {name.upper() for name in Settings.model_fields} - handed - FIXED - INTERNAL
    assert not missing, f"docker-compose.yml does not hand on {sorted(missing)}"


def test_what_is_required_is_exactly_what_the_example_leaves_empty() -> None:
    required = set(re.findall(r"\$\{([A-Z_]+):\?", TEXT))
    example = (ROOT / ".env.example").read_text("utf-8")
    assert required == set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))
    assert required == {"POSTGRES_PASSWORD", "SERVICE_API_KEYS", "SERVICE_ADMIN_KEYS"}


def test_every_variable_of_the_file_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    assert used <= set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_is_published_beyond_this_machine_by_default(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith(("127.0.0.1:", "${SERVICE_ADDRESS:-127.0.0.1}:")), port
    assert name != "postgres" or "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"postgres"}))
def test_containers_of_ours_have_no_rights_to_lose(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
