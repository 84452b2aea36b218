"""Everything under a home is for its owner alone; what a user asks for elsewhere has the modes of the user's umask."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loan_default_assets.private_files import PASSABLE
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.orchestration.platform import Platform
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

UMASK = 0o022
APPLICATION = {
    "numerical_features": {"income": 30000, "amount": 9000, "months_employed": 12},
    "categorical_features": {"purpose": "car", "branch": "north"},
}


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A home that the user can reach as which root runs PostgreSQL, under the umask of most systems."""
    before = os.umask(UMASK)
    try:
        with accessible_folder() as folder:
            small_bank.bank(folder)
            home = folder / "above" / "home"
            loans = str(folder / "loans.csv")
            yield Platform(home, str(folder / "small_bank.yaml"), LOAN_SOURCE=loans)
            LocalPostgres(home).remove()
    finally:
        os.umask(before)


def open_to_others(home: Path) -> dict[str, str]:
    """What others may do under a home, by path; the exceptions of PASSABLE aside."""
    found = {}
    for path in (home, *home.rglob("*")):
        mode = path.lstat().st_mode
        name = str(path.relative_to(home))
        allowed = 0o011 if name in PASSABLE and stat.S_ISDIR(mode) else 0
        if not stat.S_ISLNK(mode) and mode & 0o077 & ~allowed:
            found[name] = stat.filemode(mode)
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_chain_writes_for_its_owner_alone(platform: Platform) -> None:
    home, elsewhere = platform.home, platform.home.parents[1]
    loans = platform.environment["LOAN_SOURCE"]
    columns = ("--label", "defaulted", "--date", "issued", "--horizon-days", "10")
    draft = ("init", loans, *columns, "--output")
    for line in (
        ("run",),
        ("score", loans, "--output", str(elsewhere / "scores.csv")),
        ("sbom", "--output", str(elsewhere / "bill.json")),
        (*draft, str(elsewhere / "draft.yaml")),
        (*draft, str(home / "draft.yaml")),
    ):
        platform.done(*line)
    with platform.up():
        service = f"http://127.0.0.1:{platform.environment['SERVICE_HTTP_PORT']}"
        wait_until_ready(service)
        response = httpx.post(f"{service}/predict", json=APPLICATION, timeout=30)
        assert response.is_success, response.text
        platform.launch("evaluate")
        platform.until(lambda status: not platform_runs(platform), 120)
        while_running = open_to_others(home)
    assert while_running == {}
    assert open_to_others(home) == {}
    written = {path.relative_to(home).parts[0] for path in home.rglob("*") if path.is_file()}
    assert written >= {"bentoml", "dagster", "logs", "models", "postgres", "service", "draft.yaml"}
    for name in ("scores.csv", "bill.json", "draft.yaml"):
        assert mode(elsewhere / name) == 0o666 & ~UMASK
    assert mode(home.parent) == 0o777 & ~UMASK

    for path in (home, *home.rglob("*")):
        if not path.is_symlink() and "pgdata" not in path.parts:
            path.chmod(0o755 if path.is_dir() else 0o644)
    (elsewhere / "linked").mkdir()
    (home / "link").symlink_to(elsewhere / "linked")
    platform.done("status")
    assert open_to_others(home) == {}
    assert mode(elsewhere / "linked") == 0o777 & ~UMASK


def platform_runs(platform: Platform) -> list[str]:
    """Dagster's runs that have not ended."""
    active = "{statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}"
    query = f"{{ runsOrError(filter: {active}) {{ ... on Runs {{ results {{ runId }} }} }} }}"
    return [run["runId"] for run in platform.graphql(query, {})["runsOrError"]["results"]]


def wait_until_ready(service: str) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            if httpx.get(f"{service}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.5)
