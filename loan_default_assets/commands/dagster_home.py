"""The Dagster instance of a home, and the environment that its processes need."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from loan_default_assets.orchestration import former_names, jobs
from loan_default_assets.orchestration.ray_launcher import launcher_section
from loan_default_assets.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def environment_of(settings: Settings, url: str) -> dict[str, str]:
    """The environment variables that a Dagster process of this home and database needs."""
    found = {
        "DATABASE_URL": url,
        "DAGSTER_HOME": str(settings.home / "dagster"),
        "PORTFOLIO": settings.portfolio,
        "LOAN_DEFAULT_HOME": str(settings.home),
    }
    if settings.loan_source:
        found["LOAN_SOURCE"] = settings.loan_source
    return found


@contextmanager
def instance_of(settings: Settings, url: str) -> Iterator[dg.DagsterInstance]:
    """The instance of a home and a database, also where no portfolio is open."""
    os.environ.update(environment_of(settings, url))
    home = Path(os.environ["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    described = (ROOT / "dagster.yaml").read_text() + launcher_section(settings)
    if not (home / "dagster.yaml").exists() or (home / "dagster.yaml").read_text() != described:
        (home / "dagster.yaml").write_text(described)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        jobs.limit_pools(instance)
        former_names.carry_over(instance)
        yield instance
