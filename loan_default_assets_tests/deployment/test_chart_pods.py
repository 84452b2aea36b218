"""What the chart's pods run, as whom, with which settings and files, and how Kubernetes asks them for their health."""

import asyncio
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import dagster
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bento.access.permissions import PUBLIC, ROUTES
from bento.access.startup_checks import check
from loan_default_assets.cli import loan_default
from loan_default_assets.orchestration.ui.access_rules import access_rules
from loan_default_assets.settings import Settings
from loan_default_assets_tests.deployment.helm_chart import ROOT, VALUES, Pod, all_pods, needs_helm, objects

pytestmark = needs_helm

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPONENTS = ("migrate", "code", "webserver", "daemon", "service", "run")
EVERY = [(values, component) for values in VALUES for component in COMPONENTS]
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
# Read by the libraries of numerics; Dagster's are looked up in its code.
LIBRARIES = {"OMP_NUM_THREADS"}
SECRET_VALUES = {
    "DATABASE_URL": "postgresql://user:password@database/loans",
    "SERVICE_API_KEYS": "user-key-of-the-test",
    "SERVICE_ADMIN_KEYS": "admin-key-of-the-test",
    "DAGSTER_UI_PASSWORD": "password-of-the-test",
    "LOAN_SOURCE": "postgresql://user:password@warehouse/loans",
    "ALERT_TO": "https://alerts.example.com",
    "SIGNING_KEY_PASSWORD": "password-of-the-key",
}


def settings_of(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a process in the pod."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in pod.variables.items():
        monkeypatch.setenv(name, value)
    for name, source in pod.references.items():
        monkeypatch.setenv(name, SECRET_VALUES[name] if "secretKeyRef" in source else "4")
    return Settings()


@cache
def dagster_reads(name: str) -> bool:
    """Whether Dagster's code names the variable."""
    folder = Path(dagster.__file__).parent
    return any(f'"{name}"' in path.read_text("utf-8") for path in folder.rglob("*.py"))


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_a_pod_is_confined(values: str, component: str) -> None:
    pod = all_pods(values)[component]
    (user,) = re.findall(r"useradd --uid (\d+) --user-group", DOCKERFILE)
    own, shared = pod.container["securityContext"], pod.spec["securityContext"]
    for context in (own, shared):
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == int(user)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert shared["fsGroup"] == int(user)
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
    # Only daemon and webserver talk to the API server.
    if component in ("daemon", "webserver"):
        assert pod.spec["serviceAccountName"].endswith("-dagster")
    else:
        assert pod.spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_variables_of_service_links_do_not_become_settings(values: str, component: str) -> None:
    # A Service named `service-http` would set SERVICE_HTTP_PORT=tcp://...
    assert all_pods(values)[component].spec["enableServiceLinks"] is False


@pytest.mark.parametrize("values", VALUES)
def test_all_pods_have_one_image_with_a_version(values: str) -> None:
    images = {pod.container["image"] for pod in all_pods(values).values()}
    assert len(images) == 1
    assert re.fullmatch(r"[\w./-]+(:\d[\w.-]*|@sha256:[0-9a-f]{64})", images.pop())
    code = all_pods(values)["code"]
    assert code.variables["DAGSTER_CURRENT_IMAGE"] == code.container["image"]


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_resources_are_limited(values: str, component: str) -> None:
    resources = all_pods(values)[component].container["resources"]
    for kind in ("requests", "limits"):
        assert {"cpu", "memory"} <= set(resources[kind])


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_every_variable_is_read_by_the_project_or_its_libraries(values: str, component: str) -> None:
    pod = all_pods(values)[component]
    names = [each["name"] for each in pod.container["env"]]
    assert len(names) == len(set(names))
    known = {name.upper() for name in Settings.model_fields} | LIBRARIES
    for name in set(names) - known:
        assert dagster_reads(name), name


def test_a_variable_that_nothing_reads_is_found() -> None:
    assert not dagster_reads("DAGSTER_CURRENT_IMAGES")


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_processes_accept_their_settings(
    values: str, component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = all_pods(values)[component]
    settings = settings_of(pod, monkeypatch)
    assert settings.database_url is not None
    if component == "service":
        # The certificate is in a Secret, and not here.
        assert check(settings.model_copy(update={"service_tls_certificate": None, "service_tls_key": None}))
        stop = settings.service_drain_seconds * 2 + float(
            pod.container["lifecycle"]["preStop"]["exec"]["command"][1]
        )
        assert stop < pod.spec["terminationGracePeriodSeconds"]
    if component == "webserver":
        assert access_rules(settings).password is not None
    if component in ("migrate", "code", "service", "run"):
        assert settings.artifact_root == "/artifacts/models"
        if values == "production":
            # Numbers of a values file are floats for Helm, which would write 5e+06.
            assert (settings.training_max_rows, settings.retention_dagster_days) == (5_000_000, 180)
            assert settings.scored_loans_parquet is True


@pytest.mark.parametrize(("values", "component"), EVERY)
def test_every_mount_has_a_volume_and_a_use(values: str, component: str) -> None:
    pod = all_pods(values)[component]
    claimed = {"home"} if component == "service" else set()
    assert {mount["name"] for mount in pod.mounts.values()} == set(pod.volumes) | claimed
    arguments = [argument for argument in pod.container.get("command", []) if argument.startswith("/")]
    used = [value for value in pod.variables.values() if value.startswith("/")] + arguments
    for path in set(pod.mounts) - {"/tmp", "/loans"}:
        assert any(PurePosixPath(value).is_relative_to(path) for value in used), path
    # The launcher mounts `dagster.yaml` of a run itself.
    for value in used:
        mounted = any(PurePosixPath(value).is_relative_to(path) for path in pod.mounts)
        assert mounted or (component, value) == ("migrate", "/artifacts/models"), value
    for volume in pod.volumes.values():
        assert "hostPath" not in volume
        if "emptyDir" in volume:
            assert volume["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize("values", VALUES)
def test_only_these_folders_can_be_written(values: str) -> None:
    writable = {
        component: {path for path, mount in pod.mounts.items() if not mount.get("readOnly")}
        for component, pod in all_pods(values).items()
    }
    home, tmp, artifacts = "/var/lib/loan-default", "/tmp", "/artifacts"
    assert writable == {
        "migrate": {tmp, home},
        "code": {tmp, home, artifacts},
        "webserver": {tmp},
        "daemon": {tmp},
        "service": {tmp, home},
        "run": {tmp, home, artifacts},
    }


@pytest.mark.parametrize("values", VALUES)
def test_commands_exist(values: str) -> None:
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    for component, pod in all_pods(values).items():
        command = pod.container.get("command", [])
        if "-m" in command:
            assert find_spec(command[command.index("-m") + 1]) is not None
        if command[:1] == ["loan-default"]:
            assert command[1] in loan_default.commands
        if component == "webserver":
            assert command[2] == "loan_default_assets.orchestration.ui.webserver"
        if component in ("code", "daemon"):
            # The same subcommand as in containers.
            assert (
                " ".join(command[:3]).replace("dagster-daemon run -w", "dagster-daemon, run, -w") in compose
            )


@pytest.mark.parametrize("values", VALUES)
def test_probes_of_the_service_need_no_key_and_ask_what_they_mean(values: str) -> None:
    pod = all_pods(values)["service"]
    paths = [pod.container[probe]["httpGet"]["path"] for probe in PROBES]
    assert paths == ["/livez", "/readyz", "/livez"]
    assert all(ROUTES[path] == PUBLIC for path in paths)
    tls = "SERVICE_TLS_CERTIFICATE" in pod.variables
    for probe in PROBES:
        assert pod.container[probe]["httpGet"]["scheme"] == ("HTTPS" if tls else "HTTP")


@pytest.mark.parametrize("values", VALUES)
def test_probes_of_the_webserver_pass_its_access_rules(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = all_pods(values)["webserver"]
    paths = {"/server_info"}
    app = Starlette(routes=[Route(path, lambda request: Response()) for path in paths])
    protected = access_rules(settings_of(pod, monkeypatch)).protect(app)

    async def status(path: str, headers: dict[str, str]) -> int:
        transport = httpx.ASGITransport(protected)
        async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:3000") as kubelet:
            return (await kubelet.get(path, headers=headers)).status_code

    for probe in PROBES:
        asked: dict[str, Any] = pod.container[probe]["httpGet"]
        headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
        assert asyncio.run(status(asked["path"], headers)) == 200
    # As the kubelet asks by itself: by the address of the pod.
    assert asyncio.run(status("/server_info", {})) == 400


@pytest.mark.parametrize("values", VALUES)
def test_probes_and_variables_name_the_ports_of_the_container(values: str) -> None:
    pods = all_pods(values)
    expected = {
        "code": {"grpc": 4000},
        "webserver": {"http": int(pods["webserver"].variables["DAGSTER_PORT"])},
        "service": {
            "http": int(pods["service"].variables["SERVICE_HTTP_PORT"]),
            "grpc": int(pods["service"].variables["SERVICE_GRPC_PORT"]),
        },
    }
    for component, ports in expected.items():
        container = pods[component].container
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == ports
        for probe in PROBES:
            asked = container[probe].get("httpGet") or container[probe]["grpc"]
            assert asked["port"] in [*ports, *ports.values()]
    command = pods["code"].container["command"]
    assert command[command.index("-p") + 1] == "4000"
    health = (ROOT / "deploy/docker/health.py").read_text("utf-8")
    for probe in PROBES:
        assert f'service="{pods["code"].container[probe]["grpc"]["service"]}"' in health
        assert pods["daemon"].container[probe]["exec"]["command"] == ["dagster-daemon", "liveness-check"]


@pytest.mark.parametrize("values", VALUES)
def test_one_daemon_and_one_code_server_at_a_time(values: str) -> None:
    for deployment in objects(values, "Deployment"):
        assert deployment["spec"]["replicas"] == 1
        if not deployment["metadata"]["name"].endswith("-webserver"):
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    # Commands record the host that executes them.
    assert all_pods(values)["code"].spec["hostname"] == "code"


@pytest.mark.parametrize("values", VALUES)
def test_the_spool_is_on_a_volume_that_stays_with_the_pod(values: str) -> None:
    (stateful,) = objects(values, "StatefulSet")
    (claim,) = stateful["spec"]["volumeClaimTemplates"]
    pod = all_pods(values)["service"]
    assert pod.mounts[pod.variables["LOAN_DEFAULT_HOME"]]["name"] == claim["metadata"]["name"]
    kept = stateful["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    # A pod without a champion is never ready, and would hold up the next one.
    assert stateful["spec"]["podManagementPolicy"] == "Parallel"
