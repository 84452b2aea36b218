"""The files of the chart that need no Helm to read: versions, the settings of its schema, and the image's packages."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loan_default_assets.settings import Settings
from loan_default_assets_tests.deployment.helm_chart import CHART, FOLDER, ROOT, VALUES, schema
from loan_default_assets_tests.supply_chain.pinned_requirements import ENTRY, pinned

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DOCKERFILE = (FOLDER / "image/Dockerfile").read_text("utf-8")
CONSTRAINTS = (FOLDER / "image/constraints.txt").read_text("utf-8")
# Set by the chart itself, from values of their own or because the paths and ports inside of a pod are fixed.
FIXED = {
    "ALERT_TO",
    "ARTIFACT_ROOT",
    "BENTOML_HOME",
    "DAGSTER_HOST",
    "DAGSTER_PORT",
    "DAGSTER_UI_HOSTS",
    "DAGSTER_UI_PASSWORD",
    "DATABASE_DIRECT_URL",
    "DATABASE_URL",
    "LOAN_DEFAULT_HOME",
    "LOAN_SOURCE",
    "PORTFOLIO",
    "SERVICE_ADMIN_KEYS",
    "SERVICE_API_KEYS",
    "SERVICE_APPROVE_KEYS",
    "SERVICE_EXPLAIN_KEYS",
    "SERVICE_GRPC_PORT",
    "SERVICE_HOST",
    "SERVICE_HTTP_PORT",
    "SERVICE_OVERRIDE_KEYS",
    "SERVICE_TLS_CERTIFICATE",
    "SERVICE_TLS_KEY",
    "SIGNING_KEY",
    "SIGNING_KEY_PASSWORD",
    "SIGNING_PUBLIC_KEYS",
}
# Set by BentoML for its workers; a pinned model, whose store the pods of the service do not share.
ABSENT = {"PROMETHEUS_MULTIPROC_DIR", "SERVICE_MODEL_TAG"}


def test_every_setting_can_be_given_to_the_chart() -> None:
    free = {name.upper() for name in Settings.model_fields} - FIXED - ABSENT
    properties: dict[str, Any] = schema()["properties"]
    service = set(properties["service"]["properties"]["settings"]["properties"])
    common = set(properties["settings"]["properties"])
    assert common | service == free, "deploy/kubernetes/loan-default/values.schema.json"
    assert service == {name for name in free if name.startswith("SERVICE_")} | {"TRUSTED_PROXIES"}


def test_the_schema_describes_the_default_values_and_admits_no_others() -> None:
    def compare(described: dict[str, Any], value: Any, path: str) -> None:
        if isinstance(value, dict) and described.get("additionalProperties") is False:
            assert set(described["properties"]) - {"global"} == set(value) or not value, path
            for name, inner in value.items():
                compare(described["properties"][name], inner, f"{path}.{name}")

    compare(schema(), yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), "values")


def test_there_are_three_files_of_values() -> None:
    assert VALUES == ("no-network-policies", "production", "small")


def test_chart_and_project_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == PROJECT["version"]


def test_the_chart_contains_the_instance_of_the_project() -> None:
    assert (CHART / "files/dagster.yaml").resolve() == ROOT / "dagster.yaml"


def test_the_image_adds_pinned_packages_and_no_others() -> None:
    rest = [line for line in ENTRY.sub("", CONSTRAINTS).splitlines() if line and not line.startswith("#")]
    assert not rest
    assert "://" not in CONSTRAINTS
    # The second installation replaces nothing of the first.
    image = pinned()
    assert all(image.get(name, version) == version for name, version in pinned(CONSTRAINTS).items())
    commands = re.findall(r"pip install[^\n]*", DOCKERFILE.replace("\\\n", " "))
    assert len(commands) == 1
    assert "--require-hashes --no-deps --requirement" in commands[0]


def test_the_image_has_what_the_launcher_needs_in_versions_that_it_allows() -> None:
    (extra,) = [Requirement(text) for text in PROJECT["optional-dependencies"]["kubernetes"]]
    (library,) = [
        Requirement(text) for text in PROJECT["dependencies"] if text.startswith("dagster-postgres")
    ]
    # Dagster's libraries are released together.
    assert extra.specifier == library.specifier
    versions = pinned() | pinned(CONSTRAINTS)
    assert versions["dagster-k8s"] == versions["dagster-postgres"]
    waiting: list[str] = ["dagster-k8s"]
    seen: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        assert name in versions, "make constraints"
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed: make chart")
        for requirement in map(Requirement, needed):
            if requirement.marker is None or requirement.marker.evaluate(
                default_environment() | {"extra": ""}
            ):
                assert requirement.specifier.contains(
                    versions[canonicalize_name(requirement.name)], prereleases=True
                )
                waiting.append(requirement.name)


def test_the_image_can_read_an_object_store() -> None:
    (extra,) = [Requirement(text) for text in PROJECT["optional-dependencies"]["s3"]]
    versions = pinned() | pinned(CONSTRAINTS)
    assert extra.specifier.contains(versions["s3fs"])
    # Released together.
    assert versions["s3fs"] == versions["fsspec"], "make constraints"


def test_the_image_runs_as_the_user_of_the_project_by_number() -> None:
    (user,) = re.findall(r"useradd --uid (\d+)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == user
    # Without a default, nobody builds on another image than he names.
    assert re.search(r"^ARG IMAGE$", DOCKERFILE, re.MULTILINE)
