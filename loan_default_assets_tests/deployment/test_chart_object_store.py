"""Models in an object store: no volume that pods share, credentials by reference, and a way through the policies."""

import pytest

from loan_default_assets.settings import Settings
from loan_default_assets_tests.deployment.helm_chart import (
    VALUES,
    HelmRefused,
    all_pods,
    needs_helm,
    objects,
    rendered,
)

pytestmark = needs_helm

READERS = {"code", "run", "service"}
STORE = (
    "artifacts.root=s3://bank/models",
    "artifacts.endpoint=https://minio.storage:9000",
    "artifacts.region=eu-central-1",
    "networkPolicy.objectStore.peers[0].ipBlock.cidr=192.0.2.0/24",
    "networkPolicy.objectStore.port=9000",
)
KEYS = ("secrets.objectStoreId.name=store-keys", "secrets.objectStoreKey.name=store-keys")


@pytest.mark.parametrize("values", VALUES)
def test_pods_share_no_volume(values: str) -> None:
    pods = all_pods(values, *STORE)
    for component, pod in pods.items():
        assert "artifacts" not in pod.volumes
        assert "/artifacts" not in pod.mounts
        assert "BENTOML_HOME" not in pod.variables
        if component in READERS:
            assert pod.variables["ARTIFACT_ROOT"] == "s3://bank/models"
            settings = Settings(artifact_root=pod.variables["ARTIFACT_ROOT"])
            assert settings.artifact_url == "s3://bank/models"
    claims = objects(values, "PersistentVolumeClaim", *STORE)
    assert not [claim for claim in claims if "ReadWriteMany" in claim["spec"]["accessModes"]]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("keys", [(), KEYS])
def test_the_store_is_given_to_the_pods_that_load_models(values: str, keys: tuple[str, ...]) -> None:
    for component, pod in all_pods(values, *STORE, *keys).items():
        variables = {name for name in (*pod.variables, *pod.references) if name.startswith("AWS_")}
        expected = {"AWS_ENDPOINT_URL_S3", "AWS_REGION"}
        expected |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} if keys else set()
        assert variables == (expected if component in READERS else set())
        assert not [name for name in pod.variables if "KEY_ID" in name or "SECRET" in name]
        if keys and component in READERS:
            assert pod.references["AWS_SECRET_ACCESS_KEY"]["secretKeyRef"] == {
                "name": "store-keys",
                "key": "secret-access-key",
            }


@pytest.mark.parametrize("values", VALUES)
def test_a_folder_has_none_of_it(values: str) -> None:
    for pod in all_pods(values, *KEYS).values():
        assert not [name for name in (*pod.variables, *pod.references) if name.startswith("AWS_")]
    names = [policy["metadata"]["name"] for policy in objects(values, "NetworkPolicy")]
    assert not [name for name in names if "object-store" in name]


def test_policies_let_these_pods_reach_the_store_and_no_others() -> None:
    [policy] = [
        found
        for found in objects("small", "NetworkPolicy", *STORE)
        if found["metadata"]["name"].endswith("object-store")
    ]
    [expression] = policy["spec"]["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == READERS
    assert policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 9000}]}
    ]


def test_without_its_addresses_the_chart_is_refused_where_policies_are_on() -> None:
    with pytest.raises(HelmRefused, match=r"networkPolicy\.objectStore\.peers"):
        rendered("small", STORE[0])
    assert rendered("no-network-policies", STORE[0])
