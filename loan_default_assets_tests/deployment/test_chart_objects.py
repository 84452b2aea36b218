"""The chart's objects for three files of values: valid by Kubernetes' schemas, without secrets, and tied together."""

import re

import pytest
import yaml

from loan_default_assets.settings import Settings
from loan_default_assets_tests.deployment.helm_chart import (
    NAMESPACE,
    PREFIX,
    ROOT,
    VALUES,
    HelmRefused,
    all_pods,
    instance_files,
    needs_helm,
    objects,
    rendered,
    workload_pods,
)

pytestmark = needs_helm

# The oldest release that Chart.yaml admits, and a newer one.
KUBERNETES = ("1.29", "1.37")
# By an operator of its own, whose schema Kubernetes does not have.
FOREIGN = {"ServiceMonitor"}
KINDS = {
    "small": {"NetworkPolicy", "PersistentVolumeClaim"},
    "production": {
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "HorizontalPodAutoscaler",
        "Ingress",
        "ServiceMonitor",
    },
    "no-network-policies": {"HorizontalPodAutoscaler"},
}
ALWAYS = {
    "ConfigMap",
    "Deployment",
    "Job",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "StatefulSet",
}


@pytest.mark.parametrize("release", KUBERNETES)
@pytest.mark.parametrize("values", VALUES)
def test_every_object_is_valid_in_the_api_of_kubernetes(values: str, release: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="make chart").validate
    for found in rendered(values):
        if found["kind"] not in FOREIGN:
            validate(found, release, strict=True)


@pytest.mark.parametrize("values", VALUES)
def test_a_values_file_gives_these_kinds_of_objects(values: str) -> None:
    assert {found["kind"] for found in rendered(values)} == ALWAYS | KINDS[values]


@pytest.mark.parametrize("values", VALUES)
def test_names_are_unique_and_in_the_namespace_of_the_release(values: str) -> None:
    named = [(found["kind"], found["metadata"]["name"]) for found in rendered(values)]
    assert len(named) == len(set(named))
    assert {found["metadata"]["namespace"] for found in rendered(values)} == {NAMESPACE}


@pytest.mark.parametrize("values", VALUES)
def test_no_manifest_holds_a_secret(values: str) -> None:
    assert not objects(values, "Secret")
    secret = {
        name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
    }
    assert "DATABASE_URL" in secret
    for pod in all_pods(values).values():
        assert not secret & set(pod.variables), pod.component
        assert "envFrom" not in pod.container
    # A URL with a password.
    assert not re.search(r"://[^/\s]*:[^/\s]*@", yaml.safe_dump_all(rendered(values)))


@pytest.mark.parametrize("values", VALUES)
def test_every_named_account_claim_and_map_is_made_here_or_named_in_the_values(values: str) -> None:
    given = {"loan-default-portfolio", "loan-default-public-keys", "loans", "loan-default-models"}
    made = {
        kind: {found["metadata"]["name"] for found in objects(values, kind)}
        for kind in ("ServiceAccount", "PersistentVolumeClaim", "ConfigMap")
    }
    for pod in all_pods(values).values():
        if account := pod.spec.get("serviceAccountName"):
            assert account in made["ServiceAccount"]
        for volume in pod.spec["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in made["PersistentVolumeClaim"] | given
            if source := volume.get("configMap"):
                assert source["name"] in made["ConfigMap"] | given


@pytest.mark.parametrize("values", VALUES)
def test_every_service_leads_to_ports_of_the_pods_that_it_selects(values: str) -> None:
    pods = workload_pods(values)
    for service in objects(values, "Service"):
        selector = service["spec"]["selector"]
        (pod,) = [pod for pod in pods.values() if selector.items() <= pod.labels.items()]
        ports = {port["name"]: port["containerPort"] for port in pod.container["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


@pytest.mark.parametrize("values", VALUES)
def test_budget_autoscaler_ingress_and_monitor_name_existing_objects(values: str) -> None:
    (stateful,) = objects(values, "StatefulSet")
    services = {found["metadata"]["name"]: found for found in objects(values, "Service")}
    assert services[stateful["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
    labels = stateful["spec"]["template"]["metadata"]["labels"]
    (budget,) = objects(values, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert budget["spec"]["maxUnavailable"] == 1
    scalers = objects(values, "HorizontalPodAutoscaler")
    for scaler in scalers:
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("StatefulSet", stateful["metadata"]["name"])
    # An upgrade must not undo what the autoscaler has decided.
    assert ("replicas" in stateful["spec"]) != bool(scalers)
    for ingress in objects(values, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = [port["port"] for port in services[backend["name"]]["spec"]["ports"]]
                assert backend["port"]["number"] in ports
    for monitor in objects(values, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [each for each in services.values() if wanted <= each["metadata"]["labels"].items()]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
        assert endpoint["path"] == "/metrics"
        assert set(endpoint["authorization"]["credentials"]) == {"name", "key"}


def test_the_instance_is_the_one_of_the_project_with_runs_in_jobs() -> None:
    described = instance_files("small")["dagster.yaml"]
    project = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    added = {"run_launcher", "compute_logs", "local_artifact_storage"}
    assert {name: value for name, value in described.items() if name not in added} == project
    assert described["run_launcher"]["class"] == "K8sRunLauncher"
    changed = instance_files("production")["dagster.yaml"]
    assert changed["concurrency"]["runs"] == {"max_concurrent_runs": 4}
    assert changed["concurrency"]["pools"] == project["concurrency"]["pools"]


@pytest.mark.parametrize("values", VALUES)
def test_the_workspace_is_the_code_location(values: str) -> None:
    (location,) = instance_files(values)["workspace.yaml"]["load_from"]
    compose = yaml.safe_load((ROOT / "deploy/docker/workspace.yaml").read_text("utf-8"))
    # A location under another name would lose its sensors' cursors and its runs' history.
    assert location["grpc_server"] == compose["load_from"][0]["grpc_server"] | {"host": f"{PREFIX}-code"}
    assert f"{PREFIX}-code" in [found["metadata"]["name"] for found in objects(values, "Service")]


@pytest.mark.parametrize("values", VALUES)
def test_migrations_run_before_everything_else(values: str) -> None:
    (job,) = objects(values, "Job")
    hooks = job["metadata"]["annotations"]
    assert set(hooks["helm.sh/hook"].split(",")) == {"pre-install", "pre-upgrade"}
    # A Job cannot be changed: the one of the last release is deleted first.
    assert hooks["helm.sh/hook-delete-policy"] == "before-hook-creation"
    pod = workload_pods(values)["migrate"]
    assert pod.container["command"] == ["loan-default", "migrate"]
    # Objects of the release do not exist yet.
    assert "serviceAccountName" not in pod.spec
    assert not [name for name in pod.volumes if name in ("artifacts", "dagster")]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("settings.F1_SCORE_TRESHOLD=0.8", "F1_SCORE_TRESHOLD"),
        ("service.setings.SERVICE_WORKERS=2", "setings"),
        ("settings.DATABASE_URL=postgresql://a:b@c/d", "DATABASE_URL"),
        ("settings.SIGNING_KEY=/artifacts/signing.pem", "SIGNING_KEY"),
        ("loans.source=postgresql://a:b@c/d", "/loans/source"),
        ("image.tag=latest", "/image/tag"),
        ("image.digest=sha256:12", "/image/digest"),
        ("service.replicas=two", "/service/replicas"),
    ],
)
def test_a_value_that_nothing_reads_or_that_cannot_be_used_is_refused(setting: str, named: str) -> None:
    with pytest.raises(HelmRefused, match=re.escape(named)):
        rendered("small", setting)
