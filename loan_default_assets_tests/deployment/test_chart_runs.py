"""The Job that Dagster's launcher makes of a run with the chart's configuration, and what it asks of the API server."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext
from dagster._serdes import ConfigurableClassData

from loan_default_assets_tests.deployment.helm_chart import (
    NAMESPACE,
    VALUES,
    Pod,
    all_pods,
    instance_files,
    needs_helm,
    objects,
    run_pod,
)

kubernetes = pytest.importorskip("kubernetes", reason="make chart")
pytest.importorskip("dagster_k8s", reason="make chart")
pytestmark = needs_helm

PASSWORD = "password-of-the-test"


@dg.job
def nothing() -> None:
    """A run of this job is launched."""


class ApiServer:
    """Records what is asked, and answers that everything was done."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.jobs: list[Any] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def answer(*arguments: Any, **named: Any) -> Any:
            verb, kind = re.fullmatch(r"(\w+?)_namespaced_(\w+)", method).groups()  # type: ignore[union-attr]
            resource = kind.replace("job", "jobs").replace("pod", "pods").replace("event", "events")
            self.asked.append((verb.replace("read", "get"), resource.replace("_", "/")))
            assert NAMESPACE in (named.get("namespace"), *arguments)
            if verb == "create":
                self.jobs.append(named["body"])
            found = SimpleNamespace(metadata=SimpleNamespace(name="pod"), spec=None, status=None)
            return SimpleNamespace(items=[found] if kind == "pod" else [], status=None, data=b"")

        return answer


@pytest.fixture
def launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, dg.DagsterRun, ApiServer]]:
    """Launches a run with the tags given: the launcher, the run, and the API server that was asked."""
    monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{PASSWORD}@database/loans")

    def launch(values: str, tags: dict[str, str] | None = None) -> tuple[Any, dg.DagsterRun, ApiServer]:
        described = instance_files(values)["dagster.yaml"]
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(described))
        entry = described["run_launcher"]
        launcher: Any = ConfigurableClassData(
            entry["module"], entry["class"], yaml.safe_dump(entry["config"])
        ).rehydrate(as_type=dg._core.launcher.RunLauncher)
        server = ApiServer()
        launcher._api_client.batch_api = launcher._api_client.core_api = server
        instance = dg.DagsterInstance.ephemeral()
        # Dagster accepts the whole file, and hands it to the run.
        monkeypatch.setattr(instance, "get_ref", lambda: InstanceRef.from_dir(str(tmp_path)))
        launcher.register_instance(instance)
        origin = dg.reconstructable(nothing).get_python_origin()
        run = instance.create_run_for_job(nothing, job_code_origin=origin, tags=tags)
        launcher.launch_run(LaunchRunContext(run, workspace=None))
        return launcher, run, server

    return launch


def job_of(server: ApiServer) -> dict[str, Any]:
    """The Job as it is sent to the API server."""
    (job,) = server.jobs
    found: dict[str, Any] = kubernetes.client.ApiClient().sanitize_for_serialization(job)
    return found


@pytest.mark.parametrize("values", VALUES)
def test_the_job_is_valid_and_its_pod_is_the_one_of_the_chart(launched: Any, values: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="make chart").validate
    job = job_of(launched(values)[2])
    validate(job, "1.37", strict=True)
    template = job["spec"]["template"]
    pod, described = Pod("run", template["metadata"]["labels"], template["spec"]), run_pod(values)
    assert described.labels.items() <= pod.labels.items()
    for field in ("securityContext", "volumes", "automountServiceAccountToken", "enableServiceLinks"):
        assert pod.spec[field] == described.spec[field]
    for field in ("securityContext", "volumeMounts", "resources", "image"):
        assert pod.container[field] == described.container[field]
    assert pod.container["args"][:3] == ["dagster", "api", "execute_run"]
    assert pod.variables["DAGSTER_HOME"] == all_pods(values)["daemon"].variables["DAGSTER_HOME"]
    assert pod.references == described.references
    # A crash is retried by Dagster, as `dagster.yaml` says, and not by Kubernetes too.
    assert job["spec"]["backoffLimit"] == 0


@pytest.mark.parametrize("values", VALUES)
def test_the_job_holds_no_secret(launched: Any, values: str) -> None:
    assert PASSWORD not in json.dumps(job_of(launched(values)[2]))


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ({"container_config": {"image": "other"}}, "container_config.image"),
        (
            {"container_config": {"securityContext": {"privileged": True}}},
            "container_config.security_context",
        ),
        ({"container_config": {"volumeMounts": []}}, "container_config.volume_mounts"),
        ({"pod_spec_config": {"serviceAccountName": "admin"}}, "pod_spec_config.service_account_name"),
        ({"pod_spec_config": {"hostNetwork": True}}, "pod_spec_config.host_network"),
        ({"pod_template_spec_metadata": {"labels": {"a": "b"}}}, "pod_template_spec_metadata.labels"),
        ({"job_spec_config": {"backoffLimit": 9}}, "job_spec_config.backoff_limit"),
    ],
)
def test_a_run_cannot_choose_its_pod_by_a_tag(launched: Any, config: dict[str, Any], refused: str) -> None:
    with pytest.raises(Exception, match=re.escape(refused)):
        launched("small", {"dagster-k8s/config": json.dumps(config)})


def test_a_run_may_ask_for_resources_and_adds_no_variable(launched: Any) -> None:
    resources = {"requests": {"cpu": "8", "memory": "32Gi"}, "limits": {"cpu": "8", "memory": "32Gi"}}
    config = {"container_config": {"resources": resources}}
    job = job_of(launched("small", {"dagster-k8s/config": json.dumps(config)})[2])
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == resources
    config["container_config"] = {"env": [{"name": "DATABASE_URL", "value": "postgresql://other"}]}
    with pytest.raises(Exception, match=re.escape("container_config.env")):
        launched("small", {"dagster-k8s/config": json.dumps(config)})


def test_the_role_permits_what_the_launcher_asks_and_nothing_else(launched: Any) -> None:
    launcher, run, server = launched("small")
    launcher.check_run_worker_health(run)
    launcher.get_run_worker_debug_info(run, include_container_logs=True)
    launcher._api_client.retrieve_pod_logs("pod", namespace=NAMESPACE)
    launcher._api_client.get_job_debug_info("job", namespace=NAMESPACE)
    launcher.terminate(run.run_id)
    (role,) = objects("small", "Role")
    permitted = {
        (verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]
    }
    assert set(server.asked) == permitted
    (binding,) = objects("small", "RoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    assert subject["name"] == all_pods("small")["daemon"].spec["serviceAccountName"]
