"""Who may talk to whom under the chart's network policies."""

from collections.abc import Callable

import pytest

from loan_default_assets_tests.deployment.helm_chart import (
    NAMESPACE,
    all_pods,
    needs_helm,
    objects,
    workload_pods,
)
from loan_default_assets_tests.deployment.network_rules import Peer, Policy, allowed, enters, leaves

pytestmark = needs_helm

OURS = ("migrate", "code", "webserver", "daemon", "service", "run")
HTTP, GRPC, CODE, UI, POSTGRES, API = 8000, 50051, 4000, 3000, 5432, 6443

# Pods and addresses of others, by the values file that names them.
NEIGHBOUR = Peer({"app": "client"})
STRANGER = Peer({"app": "client"}, namespace="elsewhere")
DNS = Peer({"k8s-app": "kube-dns"}, namespace="kube-system")
INGRESS = Peer({"app": "controller"}, namespace="ingress-nginx")
PROMETHEUS = Peer({"app": "prometheus"}, namespace="monitoring")
INTERNET = Peer(address="203.0.113.5")
DATABASE = {
    "small": Peer({"cnpg.io/cluster": "loan-default"}),
    "production": Peer({"cnpg.io/cluster": "loan-default"}, namespace="databases"),
}
API_SERVER = {"small": Peer(address="10.43.0.1"), "production": Peer(address="10.0.0.1")}
WAREHOUSE = Peer(namespace="warehouse")


def network(values: str) -> tuple[list[Policy], dict[str, Peer]]:
    """The policies, and the release's pods by component."""
    pods = {component: Peer(pod.labels) for component, pod in all_pods(values).items()}
    return objects(values, "NetworkPolicy"), pods


@pytest.mark.parametrize("values", ["small", "production"])
def test_between_the_pods_only_webserver_and_daemon_reach_the_code_location(values: str) -> None:
    policies, pods = network(values)
    opened = {
        (source, target, port)
        for source in OURS
        for target in OURS
        for port in (HTTP, GRPC, CODE, UI, POSTGRES)
        if allowed(policies, pods[source], pods[target], port)
    }
    assert opened == {("webserver", "code", CODE), ("daemon", "code", CODE)}


@pytest.mark.parametrize("rules", [leaves, enters])
@pytest.mark.parametrize("values", ["small", "production"])
def test_both_ends_of_a_connection_to_the_code_location_refuse_the_others(
    values: str, rules: Callable[..., bool]
) -> None:
    policies, pods = network(values)
    passing = {source for source in OURS if rules(policies, pods[source], pods["code"], CODE)}
    assert passing == {"webserver", "daemon"}


@pytest.mark.parametrize("values", ["small", "production"])
def test_a_pod_of_the_release_that_no_other_policy_names_is_cut_off(values: str) -> None:
    policies, pods = network(values)
    new = Peer(pods["service"].labels | {"app.kubernetes.io/component": "new"})
    for other in (DNS, INTERNET, NEIGHBOUR, DATABASE[values], *pods.values()):
        for port in (53, 443, HTTP, CODE, UI, POSTGRES):
            assert not leaves(policies, new, other, port)
            assert not enters(policies, other, new, port)


def test_behind_a_pooler_the_service_alone_reaches_the_server_itself() -> None:
    settings = ("secrets.databaseDirect.name=direct", "networkPolicy.database.port=6432")
    policies = objects("small", "NetworkPolicy", *settings)
    _, pods = network("small")
    server = DATABASE["small"]
    assert {c for c in OURS if allowed(policies, pods[c], server, POSTGRES)} == {"service"}
    assert {c for c in OURS if allowed(policies, pods[c], server, 6432)} == set(OURS)
    service = workload_pods("small", *settings)["service"]
    assert service.references["DATABASE_DIRECT_URL"] == {"secretKeyRef": {"name": "direct", "key": "uri"}}
    assert "DATABASE_DIRECT_URL" not in workload_pods("small")["service"].references


@pytest.mark.parametrize("values", ["small", "production"])
@pytest.mark.parametrize("component", OURS)
def test_every_pod_reaches_names_and_database_and_no_other_address(values: str, component: str) -> None:
    policies, pods = network(values)
    pod = pods[component]
    assert allowed(policies, pod, DNS, 53, "UDP")
    assert allowed(policies, pod, DNS, 53)
    assert allowed(policies, pod, DATABASE[values], POSTGRES)
    assert not allowed(policies, pod, DATABASE[values], 22)
    assert not allowed(policies, pod, INTERNET, 443)
    assert not allowed(policies, pod, STRANGER, POSTGRES)
    talks = component in ("daemon", "webserver")
    assert allowed(policies, pod, API_SERVER[values], API) == talks


@pytest.mark.parametrize(
    ("values", "source", "component", "port", "expected"),
    [
        ("small", NEIGHBOUR, "service", HTTP, True),
        ("small", NEIGHBOUR, "service", GRPC, True),
        ("small", STRANGER, "service", HTTP, False),
        ("small", NEIGHBOUR, "webserver", UI, False),
        ("small", NEIGHBOUR, "code", CODE, False),
        ("small", NEIGHBOUR, "run", HTTP, False),
        ("production", INGRESS, "service", HTTP, True),
        ("production", INGRESS, "webserver", UI, True),
        ("production", INGRESS, "code", CODE, False),
        ("production", NEIGHBOUR, "service", HTTP, False),
        ("production", PROMETHEUS, "service", HTTP, True),
        ("production", PROMETHEUS, "service", GRPC, False),
        ("production", STRANGER, "webserver", UI, False),
    ],
)
def test_who_reaches_a_pod_from_outside_of_the_release(
    values: str, source: Peer, component: str, port: int, expected: bool
) -> None:
    policies, pods = network(values)
    assert allowed(policies, source, pods[component], port) == expected


@pytest.mark.parametrize(("component", "expected"), [("run", True), ("code", True), ("service", False)])
def test_sources_and_alerts_are_reached_by_code_and_runs(component: str, expected: bool) -> None:
    policies, pods = network("production")
    assert allowed(policies, pods[component], WAREHOUSE, POSTGRES) == expected
    assert allowed(policies, pods[component], Peer(address="192.0.2.10"), 443) == expected


def test_other_pods_of_the_namespace_are_left_alone() -> None:
    policies, _ = network("small")
    other = Peer({"app.kubernetes.io/name": "loan-default", "app.kubernetes.io/instance": "another"})
    assert allowed(policies, other, INTERNET, 443)
    assert allowed(policies, NEIGHBOUR, Peer({"app": "other"}), 80)


def test_policies_are_of_the_namespace_and_can_be_switched_off() -> None:
    policies, _ = network("small")
    assert {policy["metadata"]["namespace"] for policy in policies} == {NAMESPACE}
    assert not objects("no-network-policies", "NetworkPolicy")


@pytest.mark.parametrize("port", [HTTP, GRPC, CODE, UI])
def test_the_ports_are_those_of_the_containers(port: int) -> None:
    pods = all_pods("small").values()
    ports = [each["containerPort"] for pod in pods for each in pod.container.get("ports", [])]
    assert ports.count(port) == 1
