"""`kill -9` of everything, at random moments, then the same command again."""

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from loan_default_assets.commands.run import fingerprint
from loan_default_assets.commands.session import open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank


def _start(folder: Path, home: Path) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"} | {
        "LOAN_DEFAULT_HOME": str(home),
        "RETRAINING_SAMPLE_THRESHOLD": "300",
        "RETRAINING_POSITIVE_THRESHOLD": "30",
        "PORTFOLIO": str(folder / "small_bank.yaml"),
        "LOAN_SOURCE": str(folder / "loans.csv"),
    }
    command = [sys.executable, "-m", "loan_default_assets", "run"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _kill_everything(process: subprocess.Popen[bytes], home: Path) -> None:
    """The command, its children, and the server that it started."""
    roots = [process.pid, LocalPostgres(home).pid() if home.exists() else None]
    victims = []
    for pid in roots:
        if pid is not None and psutil.pid_exists(pid):
            victims += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    process.wait()


def _end_state(folder: Path, home: Path) -> dict[str, object]:
    """Every table's content without the paths of the artifacts."""
    settings = small_bank.settings(folder, "").model_copy(
        update={"database_url": None, "loan_default_home": home}
    )
    with open_session(settings) as session:
        state: dict[str, object] = dict(fingerprint(session))
        state["model_metadata"] = [
            (m.version, m.status, m.parent, m.snapshot_hash, m.attempt, m.threshold, m.artifact_sha256)
            for m in session.registry.history()
        ]
    return state


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [10])
def test_killed_at_random_moments_and_run_again_it_ends_as_an_unbroken_run_does(
    tmp_path: Path, request: pytest.FixtureRequest, kills: int
) -> None:
    small_bank.bank(tmp_path)
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    for home in (unbroken, broken):
        request.addfinalizer(LocalPostgres(home).remove)
    start = time.monotonic()
    process = _start(tmp_path, unbroken)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    whole = time.monotonic() - start
    expected = _end_state(tmp_path, unbroken)

    rng = random.Random(0)
    killed = 0
    for _ in range(kills):
        process = _start(tmp_path, broken)
        try:
            process.wait(timeout=rng.uniform(0.3, whole))
        except subprocess.TimeoutExpired:
            _kill_everything(process, broken)
            killed += 1
    assert killed >= kills // 2
    process = _start(tmp_path, broken)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    assert _end_state(tmp_path, broken) == expected
