"""What a Ray cluster adds to `dagster.yaml`: Dagster's runs become Ray jobs, by the launcher of dagster-ray."""

from typing import get_args

import yaml
from pydantic import SecretStr

from loan_default_assets.settings import Settings

# Named here only, since it needs the extra `[ray]`.
_MODULE = "loan_default_assets.orchestration.ray_run_launcher"
# With a demand, Ray places jobs on any node instead of the head node; one of CPUs would take them from the tasks that
# the runs wait for.
_MEMORY = 2 << 30
# Of every run, beside the settings that are set.
_ALWAYS = {"loan_default_home", "portfolio"}
# Ray logs the variables of a job, so the nodes have secrets from elsewhere. A source may be a URL with a password.
_SECRET = {"loan_source"} | {
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
}
# Settings that no run reads.
_NOT_OF_RUNS = ("service_", "dagster_", "engine", "prometheus_")


def launcher_section(settings: Settings) -> str:
    """The section `run_launcher` of `dagster.yaml`; empty where runs are processes of this machine.

    It names variables without their values, which are those of the process that launches a run.
    """
    if settings.engine == "local":
        return ""
    fields = (settings.model_fields_set | _ALWAYS) - _SECRET
    names = sorted(name.upper() for name in fields if not name.startswith(_NOT_OF_RUNS))
    config = {
        "address": "auto" if settings.engine == "ray" else settings.engine,
        "memory": _MEMORY,
        # A run is inside the cluster, wherever it was launched from.
        "env_vars": [*names, "ENGINE=ray"],
    }
    section = {"module": _MODULE, "class": "PlatformRayLauncher", "config": {"ray": config}}
    launcher = yaml.safe_dump({"run_launcher": section}, sort_keys=False)
    return f"\n# Runs are jobs of the Ray cluster of ENGINE.\n{launcher}"
