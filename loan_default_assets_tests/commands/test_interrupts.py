"""Ctrl-C at any moment of a command: exit code 130 and one line."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from loan_default_assets.assets import pretrained_encoder
from loan_default_assets.interrupts import LINE
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import OpenBank

MOMENTS = {
    # What the process has done when it is interrupted: a name in the output of `python -X importtime`, or a file.
    "while click is imported": ("status", "click"),
    "while dagster is imported": ("status", "dagster"),
    "while dagster is imported for a migration": ("migrate", "sqlalchemy"),
    "while PostgreSQL starts": ("run", "home/postgres/start.lock"),
    "while loans are loaded": ("run", "home/dagster/dagster.yaml"),
    "while a step runs": ("run", "process watch_orphans"),
}


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow if "loans" in name else ()) for name in MOMENTS
])  # fmt: skip
def test_a_command_ends_with_one_line(name: str, tmp_path: Path) -> None:
    command, awaited = MOMENTS[name]
    small_bank.bank(tmp_path)
    imports = tmp_path / "imports"
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"} | {
        "LOAN_DEFAULT_HOME": str(tmp_path / "home"),
        "PORTFOLIO": str(tmp_path / "small_bank.yaml"),
        "LOAN_SOURCE": str(tmp_path / "loans.csv"),
    }
    with imports.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "loan_default_assets", command],
            env=environment, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            # Tests that run in the background of a script ignore Ctrl-C, and so would their children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while not (
            f"{awaited}\n" in imports.read_text()
            or (tmp_path / awaited).exists()
            or runs(process.pid, awaited)
        ):
            assert process.poll() is None, imports.read_text()[-2000:]
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        LocalPostgres(tmp_path / "home").remove()
    assert process.returncode == 130
    said = [line for line in imports.read_text().splitlines() if not line.startswith("import time:")]
    assert said == [LINE]


def runs(parent: int, awaited: str) -> bool:
    """Whether a child runs that script, far enough to notice an interrupt."""
    script = awaited.removeprefix("process ")
    if script == awaited:
        return False
    with suppress(psutil.NoSuchProcess, FileNotFoundError):
        for child in psutil.Process(parent).children():
            if script in " ".join(child.cmdline()):
                handled = re.search(
                    r"^SigCgt:\s*(\w+)", Path(f"/proc/{child.pid}/status").read_text(), re.MULTILINE
                )
                return handled is not None and bool(int(handled[1], 16) & 1 << signal.SIGINT - 1)
    return False


def test_a_step_that_is_interrupted_interrupts_the_command(
    open_bank: OpenBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = open_bank()

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(pretrained_encoder, "pretrain_encoder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bank.run()
