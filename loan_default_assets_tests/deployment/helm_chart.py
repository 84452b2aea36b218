"""The chart of deploy/kubernetes as Helm renders it, and the pods in it."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from loan_default_assets_tests.deployment.helm_program import helm

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
CHART = FOLDER / "loan-default"
VALUES = tuple(sorted(path.stem for path in (FOLDER / "values").glob("*.yaml")))
RELEASE, NAMESPACE = "bank", "loans"
PREFIX = f"{RELEASE}-loan-default"

needs_helm = pytest.mark.skipif(helm() is None, reason="helm is not installed: make chart")

Object = dict[str, Any]


class HelmRefused(Exception):
    """Helm cannot render the chart with these values."""


@cache
def rendered(values: str, *settings: str) -> tuple[Object, ...]:
    """The objects of the chart.

    Args:
        values: Name of a file in deploy/kubernetes/values.
        settings: Further values as `name=value`.

    Raises:
        HelmRefused: With Helm's message.
    """
    command = [str(helm()), "template", RELEASE, str(CHART), "--namespace", NAMESPACE]
    command += ["--values", str(FOLDER / "values" / f"{values}.yaml")]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmRefused(done.stderr)
    return tuple(found for found in yaml.safe_load_all(done.stdout) if found)


def objects(values: str, kind: str, *settings: str) -> list[Object]:
    """The objects of one kind."""
    return [found for found in rendered(values, *settings) if found["kind"] == kind]


def instance_files(values: str, *settings: str) -> dict[str, Any]:
    """`dagster.yaml` and `workspace.yaml` of the ConfigMap, parsed."""
    (config,) = objects(values, "ConfigMap", *settings)
    return {name: yaml.safe_load(text) for name, text in config["data"].items()}


@dataclass(frozen=True)
class Pod:
    """What a workload, or a run, starts: one pod with one container."""

    component: str
    labels: dict[str, str]
    spec: Object

    @property
    def container(self) -> Object:
        (container,) = self.spec["containers"]
        return dict(container)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with a value in the manifest."""
        return {each["name"]: each["value"] for each in self.container["env"] if "value" in each}

    @property
    def references(self) -> dict[str, Object]:
        """Environment variables whose value is elsewhere."""
        return {each["name"]: each["valueFrom"] for each in self.container["env"] if "value" not in each}

    @property
    def mounts(self) -> dict[str, Object]:
        """Mounts by path."""
        return {each["mountPath"]: each for each in self.container["volumeMounts"]}

    @property
    def volumes(self) -> dict[str, Object]:
        """Volumes by name, without those that a StatefulSet claims."""
        return {each["name"]: each for each in self.spec["volumes"]}


def workload_pods(values: str, *settings: str) -> dict[str, Pod]:
    """The pods of Deployments, the StatefulSet and the migration, by component."""
    found = {}
    for workload in rendered(values, *settings):
        template = workload.get("spec", {}).get("template")
        if template is not None:
            labels = template["metadata"]["labels"]
            component = labels["app.kubernetes.io/component"]
            found[component] = Pod(component, labels, template["spec"])
    return found


def run_pod(values: str, *settings: str) -> Pod:
    """The pod of a run, as far as the configuration of the launcher describes it."""
    launcher = instance_files(values, *settings)["dagster.yaml"]["run_launcher"]["config"]
    config = launcher["run_k8s_config"]
    container = config["container_config"] | {"name": "dagster", "image": launcher["job_image"]}
    spec = config["pod_spec_config"] | {"containers": [container]}
    return Pod("run", launcher["labels"], spec)


def all_pods(values: str, *settings: str) -> dict[str, Pod]:
    """The pods of the workloads and of runs, by component."""
    return workload_pods(values, *settings) | {"run": run_pod(values, *settings)}


def schema() -> Object:
    """The schema of the chart's values."""
    found: Object = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found
