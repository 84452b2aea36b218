import shlex
from importlib.util import find_spec
from typing import Any

import dagster as dg
import pytest
import yaml

from loan_default_assets.commands.dagster_home import ROOT
from loan_default_assets.orchestration.ray_launcher import launcher_section
from loan_default_assets.settings import Settings

SECRETS = {
    name: f"secret-of-{name}"
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation)
}


@dg.job
def nothing() -> None:
    """A run of this job is launched."""


def test_local_runs_keep_dagsters_own_launcher() -> None:
    assert launcher_section(Settings(engine="local")) == ""


@pytest.mark.parametrize(("engine", "address"), [("ray", "auto"), ("ray://head:10001", "ray://head:10001")])
def test_runs_become_jobs_of_the_cluster(engine: str, address: str) -> None:
    described = (ROOT / "dagster.yaml").read_text() + launcher_section(Settings(engine=engine, seed=3))
    launcher = yaml.safe_load(described)["run_launcher"]
    assert find_spec(launcher["module"]) is not None
    assert launcher["class"] == "PlatformRayLauncher"
    ray = launcher["config"]["ray"]
    assert ray["address"] == address
    assert ray["memory"] == 2 << 30
    assert "num_cpus" not in ray
    assert {"SEED", "PORTFOLIO", "LOAN_DEFAULT_HOME", "ENGINE=ray"} <= set(ray["env_vars"])


def test_no_secret_is_sent_with_a_job() -> None:
    section = launcher_section(Settings(engine="ray", loan_source="postgresql://u:secret@h/d", **SECRETS))
    assert "secret" not in section
    sent = yaml.safe_load(section)["run_launcher"]["config"]["ray"]["env_vars"]
    assert not {name.upper() for name in SECRETS} & set(sent)
    assert "LOAN_SOURCE" not in sent


def test_arguments_with_quotes_reach_the_job_and_tags_choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_ray")
    from loan_default_assets.orchestration.ray_run_launcher import PlatformRayLauncher

    submitted: dict[str, Any] = {}
    launcher = PlatformRayLauncher("auto", memory=1 << 30)
    monkeypatch.setattr(
        PlatformRayLauncher,
        "client",
        type("Client", (), {"submit_job": lambda _, **job: submitted.update(job)})(),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        launcher.register_instance(instance)
        tags = {"dagster-ray/config": '{"runtime_env": {"env_vars": {"PATH": "/tmp"}}, "num_cpus": 8}'}
        run = dg.DagsterRun(
            "nothing", tags=tags, job_code_origin=dg.reconstructable(nothing).get_python_origin()
        )
        arguments = '{"config_yaml": "config: \'{}\'"}'
        launcher._launch_ray_job("dagster-run-1", f"dagster api execute_run '{arguments}'", run)
    assert shlex.split(submitted["entrypoint"]) == ["dagster", "api", "execute_run", arguments]
    assert (submitted["entrypoint_num_cpus"], submitted["entrypoint_memory"]) == (None, 1 << 30)
    assert "PATH" not in submitted["runtime_env"]["env_vars"]
