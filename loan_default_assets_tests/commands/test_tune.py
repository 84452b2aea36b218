import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.tune import tune
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.tune_settings import tune_settings
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

# The present settings learn nothing: any other trial is better.
POOR = small_bank.DESCRIPTION["training"] | {"learning_rate": 1e-6}  # type: ignore[operator]


@pytest.fixture
def poor_bank(open_bank: OpenBank) -> Bank:
    """A bank with features whose settings can be improved."""
    bank = open_bank(training=POOR)
    steps = BankSteps(bank.session.portfolio, bank.session.settings, bank.session.database, bank.folder)
    steps.load()
    steps.features()
    return bank


def test_the_best_settings_are_shown_and_written_on_request(poor_bank: Bank) -> None:
    path = Path(poor_bank.session.settings.portfolio)
    path.write_text(path.read_text() + "# keep this line\n")
    before, lines = path.read_text(), []
    shown = tune(poor_bank.session, 3, say=lines.append)
    assert len(lines) == 3
    assert path.read_text() == before
    assert "\n-  learning_rate: 1.0e-06\n" in shown
    assert "--write" in shown

    written = tune(poor_bank.session, 3, write=True, say=lines.append)
    assert len(lines) == 3
    assert f"written     {path}" in written
    text = path.read_text()
    assert text.endswith("# keep this line\n")
    changed = yaml.safe_load(text)
    assert changed["training"]["learning_rate"] > 1e-6
    assert changed | {"training": POOR} == yaml.safe_load(before)
    assert load(str(path), source="x.csv").hash == poor_bank.session.portfolio.hash
    assert list(path.parent.glob(".small_bank*")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--trials", "0"], 2, "--trials"),
        (["--trials", "many"], 2, "--trials"),
        ([], 1, "loan-default run"),
        (["--write"], 1, "small_bank.yaml or its folder cannot be written"),
        (["--write", "--portfolio", "demo"], 1, "cp "),
        (["--portfolio", "missing.yaml"], 1, "missing.yaml"),
    ],
)
def test_a_mistake_is_named_before_the_first_trial(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    named: str,
) -> None:
    small_bank.bank(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTFOLIO", str(tmp_path / "small_bank.yaml"))
    monkeypatch.setenv("LOAN_SOURCE", str(tmp_path / "loans.csv"))
    # Root may write everywhere.
    monkeypatch.setattr("loan_default_assets.commands.tune.os.access", lambda *_: False)
    result: Result = CliRunner().invoke(loan_default, ["tune", *arguments])
    assert result.exit_code == code, result.output
    assert named in result.output
    assert "Traceback" not in result.output


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_half_way_and_started_twice_at_once_no_trial_is_lost(poor_bank: Bank) -> None:
    environment = os.environ | {
        "DATABASE_URL": poor_bank.session.url,
        "LOAN_DEFAULT_HOME": str(poor_bank.session.settings.home),
        "PORTFOLIO": poor_bank.session.settings.portfolio,
        "LOAN_SOURCE": str(poor_bank.session.settings.loan_source),
        "RETRAINING_SAMPLE_THRESHOLD": "300",
        "RETRAINING_POSITIVE_THRESHOLD": "30",
    }

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "loan_default_assets", "tune", "--trials", "12"]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    killed = start()
    assert killed.stderr is not None
    assert any("5 of 12 trials" in line for line in killed.stderr)
    while not trials(poor_bank, "RUNNING"):
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    lost, left = trials(poor_bank, "RUNNING"), 12 - trials(poor_bank, "COMPLETE", "PRUNED")
    both = [start(), start()]
    lines = [line for process in both for line in process.communicate()[1].splitlines()]
    assert [process.returncode for process in both] == [0, 0], lines
    session = poor_bank.session
    result = tune_settings(
        session.portfolio,
        session.loans,
        url=session.url,
        config=model_config(session.portfolio, session.settings),
        limits=split_limits(session.settings),
        leakage_limit=session.settings.leakage_auc_limit,
        trials=12,
        say=lambda line: pytest.fail(f"a trial was left: {line}"),
    )
    assert len(result.trials) == 12
    assert result.interrupted == lost
    assert len([line for line in lines if line.startswith("tune: ")]) == left


def trials(bank: Bank, *states: str) -> int:
    """The number of trials in any of Optuna's states."""
    with bank.session.database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM optuna.trials WHERE state::text = ANY(%s)", (list(states),))
        [(count,)] = cursor.fetchall()
    return int(count)
