"""Keys of signatures in the chart: which pods have which, and whether the documented ones are accepted."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import artifact_store, model_signer
from loan_default_assets_tests.deployment.helm_chart import (
    ROOT,
    VALUES,
    HelmRefused,
    Object,
    Pod,
    all_pods,
    needs_helm,
    rendered,
)
from loan_default_assets_tests.model.test_artifact_store import Registered, put

pytestmark = needs_helm

DOCUMENT = (ROOT / "docs/kubernetes.md").read_text("utf-8")
PRIVATE = "secret-of-the-test"
# `create secret generic NAME` and `create configmap NAME` with files and folders, as a folder per object.
KUBECTL = """#!/bin/sh -e
shift 3
kind=$1 && shift
test $kind = configmap || shift
folder=$OBJECTS/$kind/$1 && shift
rm -rf $folder && mkdir -p $folder
for argument; do
    case $argument in --from-file=*) cp -r ${argument#--from-file=} $folder;; esac
done
for each in $folder/*; do
    test ! -d $each || { mv $each/* $folder && rmdir $each; }
done
"""


def holds(pod: Pod, secret: str) -> bool:
    """Whether the pod names the Secret anywhere."""
    return secret in yaml.safe_dump(pod.spec)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize(("commands", "holders"), [("true", {"run", "code"}), ("false", {"run"})])
def test_the_private_key_is_in_the_pods_that_promote_and_in_no_other(
    values: str, commands: str, holders: set[str]
) -> None:
    chosen = (f"signing.privateKey.name={PRIVATE}", f"signing.commands={commands}")
    key = all_pods(values, *chosen)
    assert {component for component, pod in key.items() if holds(pod, PRIVATE)} == holders
    assert {component for component, pod in key.items() if "/signing" in pod.mounts} == holders
    chosen = (f"signing.password.name={PRIVATE}", f"signing.commands={commands}")
    password = all_pods(values, *chosen)
    assert {component for component, pod in password.items() if holds(pod, PRIVATE)} == holders
    for component in holders:
        assert "SIGNING_KEY_PASSWORD" in password[component].references


@pytest.mark.parametrize("values", VALUES)
def test_the_private_key_is_read_only_and_all_that_is_mounted_of_its_secret(values: str) -> None:
    chosen = (f"signing.privateKey.name={PRIVATE}", "signing.privateKey.key=bank.key")
    for component in ("run", "code"):
        pod = all_pods(values, *chosen)[component]
        assert pod.mounts["/signing"]["readOnly"] is True
        assert pod.variables["SIGNING_KEY"] == "/signing/signing.pem"
        assert pod.volumes["signing"]["secret"] == {
            "secretName": PRIVATE,
            "items": [{"key": "bank.key", "path": "signing.pem"}],
            # For the group of fsGroup, and not for others.
            "defaultMode": 0o440,
        }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ConfigMap", {"configMap": {"name": "trusted"}}), ("Secret", {"secret": {"secretName": "trusted"}})],
)
def test_public_keys_are_in_the_pods_that_load_models(kind: str, expected: Object) -> None:
    pods = all_pods("small", f"signing.publicKeys.kind={kind}", "signing.publicKeys.name=trusted")
    trusting = {component for component, pod in pods.items() if "SIGNING_PUBLIC_KEYS" in pod.variables}
    assert trusting == {"run", "code", "service"}
    for component in trusting:
        pod = pods[component]
        mount = pod.mounts[pod.variables["SIGNING_PUBLIC_KEYS"]]
        # A mount of one file would not follow changes.
        assert mount == {"name": mount["name"], "mountPath": "/public-keys", "readOnly": True}
        assert pod.volumes[mount["name"]] == {"name": mount["name"]} | expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["signing.privateKey.name="], "signing.privateKey.name: the Secret with the key that signs models"),
        (["signing.privateKey.name=null"], "signing.privateKey.name: the Secret with the key"),
        (["signing.privateKey.key="], "signing.privateKey.key: the key of that Secret"),
        (["signing.publicKeys.name="], "signing.publicKeys.name: the ConfigMap or Secret with public keys"),
        (["signing.publicKeys.kind=Folder"], "/signing/publicKeys/kind"),
        (["signing.commands=sometimes"], "/signing/commands"),
        (
            ["signing.publicKeys.kind=Secret", "signing.publicKeys.name=loan-default-signing"],
            "the service mounts the Secret loan-default-signing",
        ),
        (["service.tlsSecret=loan-default-signing"], "the service mounts the Secret loan-default-signing"),
        (["settings.SIGNING_PUBLIC_KEYS=/artifacts/keys"], "SIGNING_PUBLIC_KEYS"),
    ],
)
@pytest.mark.parametrize("commands", ["true", "false"])
def test_keys_that_are_not_named_or_would_reach_the_service_are_refused(
    settings: list[str], message: str, commands: str
) -> None:
    with pytest.raises(HelmRefused, match=re.escape(message)):
        rendered("small", f"signing.commands={commands}", *settings)


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """The objects that the documented commands make, one folder each: `secret/NAME` and `configmap/NAME`."""
    (block,) = [block for block in _code_blocks(DOCUMENT) if "openssl ecparam" in block]
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL)
    program.chmod(0o755)
    work, made = tmp_path / "work", tmp_path / "objects"
    work.mkdir()
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "OBJECTS": str(made)}
    subprocess.run(["sh", "-ec", block], cwd=work, env=environment, check=True, capture_output=True)
    # The commands leave no private key behind.
    assert {path.name for path in work.iterdir()} == {"public-keys"}
    return made


def test_a_model_that_a_pod_signs_with_the_documented_keys_is_accepted_by_the_service(
    documented: Path, tmp_path: Path
) -> None:
    model = put(tmp_path / "models")
    pods = all_pods("small")
    service = _settings(pods["service"], documented, tmp_path)
    with pytest.raises(ArtifactError, match="are unsigned"):
        artifact_store(service).check_served(model).required()
    for component in ("run", "code"):
        (tmp_path / "models" / model.version / SIGNATURE).unlink(missing_ok=True)
        _sign(_settings(pods[component], documented, tmp_path), model)
        artifact_store(service).check_served(model).required()
    # The service's pods cannot sign: what they would generate is trusted by nobody.
    (tmp_path / "models" / model.version / SIGNATURE).unlink()
    with pytest.raises(ArtifactError, match="not among SIGNING_PUBLIC_KEYS"):
        _sign(service, model)


def test_a_code_location_without_the_key_refuses_to_promote_and_generates_none(
    documented: Path, tmp_path: Path
) -> None:
    model = put(tmp_path / "models")
    settings = _settings(all_pods("small", "signing.commands=false")["code"], documented, tmp_path)
    assert settings.signing_key is not None
    # A file in the way stands for the read-only root: tests may run as root, whom no mode stops.
    settings.signing_key.parent.rmdir()
    settings.signing_key.parent.write_text("")
    with pytest.raises(
        ArtifactError, match=r"private key .*/signing/signing.pem cannot be read or generated"
    ):
        _sign(settings, model)
    assert not list(settings.home.rglob("*.pem"))


def _code_blocks(text: str) -> list[str]:
    return re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def _sign(settings: Settings, model: Registered) -> None:
    model_signer(settings)(artifact_store(settings).check(model))


def _settings(pod: Pod, made: Path, folder: Path) -> Settings:
    """The settings of a process in the pod, with its root in a folder that has what the kubelet mounts of keys."""
    root = folder / pod.component
    (root / "signing").mkdir(parents=True)
    for path in pod.mounts.keys() & {"/signing", "/public-keys"}:
        _mount(pod.volumes[pod.mounts[path]["name"]], made, root / path.lstrip("/"))
    signing: dict[str, Any] = {
        name.lower(): value for name, value in pod.variables.items() if name.startswith("SIGNING_")
    }
    paths = {name: f"{root}{path}" for name, path in signing.items()}
    home = f"{root}{pod.variables['LOAN_DEFAULT_HOME']}"
    return Settings(loan_default_home=Path(home), artifact_root=str(folder / "models"), **paths)


def _mount(volume: Object, made: Path, target: Path) -> None:
    """Names are links to links, as the kubelet makes them so that all files change at once."""
    if secret := volume.get("secret"):
        source = made / "secret" / secret["secretName"]
    else:
        source = made / "configmap" / volume["configMap"]["name"]
    data = target / "..2026_11_26"
    data.mkdir(parents=True)
    (target / "..data").symlink_to(data.name)
    names = {path.name: path.name for path in source.iterdir()}
    if items := volume.get("secret", {}).get("items"):
        names = {item["key"]: item["path"] for item in items}
    for key, name in names.items():
        shutil.copyfile(source / key, data / name)
        (target / name).symlink_to(f"..data/{name}")
