"""A process computes with one thread unless it was told otherwise."""

import os
import subprocess
import sys

import pytest

NAME = "OMP_NUM_THREADS"


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2)])
def test_a_command_computes_with_one_thread_unless_told_otherwise(given: str | None, threads: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != NAME}
    if given:
        environment[NAME] = given
    code = (
        "from loan_default_assets.cli import loan_default; loan_default(['init', '-h'], standalone_mode=False);"
        "import torch; print('threads', torch.get_num_threads())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == f"threads {threads}"
