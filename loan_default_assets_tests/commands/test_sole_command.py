"""The second of two commands on one home is refused at its start; a killed one holds nothing up."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets_tests import small_bank

# Holds the lock of `run` as the command does, until it is killed.
HOLDER = """
import sys, time
from loan_default_assets.commands.session import open_session
from loan_default_assets.commands.sole_command import sole_command
from loan_default_assets.settings import Settings
with open_session(Settings()) as session, sole_command(session, "run"):
    print("held", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    small_bank.bank(tmp_path)
    return os.environ | small_bank.environment(tmp_path, database_url)


@pytest.fixture
def holder(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that works on the portfolio."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def command(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(loan_default, list(arguments), env=environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("retrain",),
        ("backfill", "--from", "2024-01-01", "--to", "2024-01-02"),
    ],
)
def test_a_second_command_is_refused_before_it_starts_anything(
    environment: dict[str, str], holder: subprocess.Popen[str], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    refused = command(environment, *arguments)
    assert refused.exit_code == 1
    assert f"loan-default run (process {holder.pid}, since" in refused.stderr
    assert "Nothing was started" in refused.stderr
    assert not (tmp_path / "home" / "dagster").exists()
    # What only reads is not held up.
    assert command(environment, "status").exit_code == 0


def test_a_killed_command_and_another_portfolio_hold_nothing_up(
    environment: dict[str, str], holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    other = (tmp_path / "small_bank.yaml").read_text().replace("name: small_bank", "name: other_bank")
    (tmp_path / "other_bank.yaml").write_text(other)
    first_day_later = ("--from", "2030-01-01", "--to", "2030-01-02")
    reached = command(environment | {"PORTFOLIO": str(tmp_path / "other_bank.yaml")}, "run", *first_day_later)
    assert "give --from and --to inside that range" in reached.stderr
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert "give --from and --to inside that range" in command(environment, "run", *first_day_later).stderr
