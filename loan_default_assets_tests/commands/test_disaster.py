"""An installation with the embedded server is destroyed and restored by the printed commands alone."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank


def printed_commands(text: str) -> list[tuple[str, list[str]]]:
    """The home and the arguments of every command in an output."""
    lines = re.findall(r"(?<=\s)LOAN_DEFAULT_HOME=.*", text)
    return [(words[0].partition("=")[2], words[2:]) for words in map(shlex.split, lines)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_destroyed_and_restored_by_the_printed_commands(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    small_bank.bank(tmp_path)
    former, home = tmp_path / "former", tmp_path / "elsewhere" / "home"
    for each in (former, home):
        request.addfinalizer(LocalPostgres(each).remove)

    def command(home: Path, *arguments: str) -> str:
        environment = {
            k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PORTFOLIO", "LOAN_SOURCE")
        }
        environment |= {
            "LOAN_DEFAULT_HOME": str(home),
            "RETRAINING_SAMPLE_THRESHOLD": "300",
            "RETRAINING_POSITIVE_THRESHOLD": "30",
        }
        called = [sys.executable, "-m", "loan_default_assets", *arguments]
        done = subprocess.run(
            called, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state(home: Path, portfolio: str) -> tuple[str, dict[str, object], list[str]]:
        option = ("--portfolio", portfolio, "--source", str(tmp_path / "loans.csv"))
        command(home, "score", str(tmp_path / "loans.csv"), *option, "--output", str(tmp_path / "scores.csv"))
        found = json.loads(command(home, "status", "--json", *option))
        folder = found["champion"]["files"].pop("folder")
        assert folder.startswith(f"{home}/models/")
        assert found.pop("database") == f"embedded server in {home}"
        # PostgreSQL's files and logs are not what was backed up.
        assert found.pop("sizes")["tables"]["small_bank"]["raw_data"] > 0
        return (tmp_path / "scores.csv").read_text(), found, _runs(home)

    portfolio = str(tmp_path / "small_bank.yaml")
    command(former, "run", "--portfolio", portfolio, "--source", str(tmp_path / "loans.csv"))
    before = state(former, portfolio)
    said = command(former, "backup", "backups/monday", "--portfolio", portfolio, "--source", "loans.csv")
    LocalPostgres(former).remove()
    shutil.rmtree(former)
    (tmp_path / "small_bank.yaml").unlink()

    [(placeholder, restoring)] = printed_commands(said)
    assert (placeholder, restoring) == ("NEW_HOME", ["restore", str(tmp_path / "backups" / "monday")])
    assert not home.parent.exists()
    homes, (doctor, run, up) = zip(*printed_commands(command(home, *restoring)), strict=True)
    assert (doctor[0], run[0], up[0]) == ("doctor", "run", "up")
    assert set(homes) == {str(home)}
    assert state(home, doctor[2]) == before
    assert "loads and scores" in command(home, *doctor)
    assert "changed     nothing: every row was there already" in command(home, *run)
    assert state(home, doctor[2])[:2] == before[:2]


def _runs(home: Path) -> list[str]:
    """Dagster's runs, and their jobs and states."""
    from loan_default_assets_tests.warehouse.embedded.homes import query_value

    with LocalPostgres(home).use() as url:
        query = "SELECT string_agg(run_id || pipeline_name || status, ' ' ORDER BY run_id) FROM dagster.runs"
        return query_value(url, query).split()
