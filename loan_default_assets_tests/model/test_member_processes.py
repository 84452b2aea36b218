import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from loan_default_assets.model import member_processes, task_processes
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.fine_tuning import StartingWeights
from loan_default_assets.model.labelled_rows import LabelledRows, folds_of
from loan_default_assets.model.member_processes import fit_members, processes_for
from loan_default_assets.model.member_tasks import rounds_after
from loan_default_assets.model.rows import concatenate
from loan_default_assets.model.shared_arrays import SharedArrays
from loan_default_assets.model.training import FittedModel, fit
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets_tests.model.examples import loans, pretrained, tiny

# The epoch after the evaluation of the weights to start from does not end within the test.
TRAINING = """
from loan_default_assets.model.training import fit
from loan_default_assets_tests.model.examples import fitted, loans

if __name__ == "__main__":
    start = fitted(teacher=0.0, boosting=False)
    config = start.config.from_dict(start.config.as_dict() | {"min_steps": 1_000_000})
    fit(None, loans(300), loans(200, seed=1), config, warm_start=start, processes=2,
        on_epoch=lambda epoch: print(epoch, flush=True))
"""


def course(epochs: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(epoch, seconds_left=0.0) for epoch in epochs]


def assert_equal(one: FittedModel, two: FittedModel) -> None:
    for first, second in zip(one.states, two.states, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in {*first, *second})
    assert (one.threshold, one.calibration, one.members) == (two.threshold, two.calibration, two.members)
    assert course(one.history) == course(two.history)


def test_side_by_side_gives_the_same_members_bit_for_bit() -> None:
    rows, validation, config = loans(300), loans(200, seed=1), tiny(members=3, teacher=0.0, boosting=False)
    encoder, seen = pretrained(rows, config), []
    alone = fit(encoder, rows, validation, config)
    together = fit(encoder, rows, validation, config, processes=2, on_epoch=seen.append)
    assert_equal(alone, together)
    assert {(epoch.member, epoch.number) for epoch in seen} == {
        (member, number) for member in (1, 2, 3) for number in (1, 2)
    }
    # The third member follows the first that ends; its epochs count as remaining before.
    assert all(epoch.seconds_left > 0 for epoch in seen if epoch.member < 3)


@pytest.mark.slow
def test_a_warm_start_of_the_head_is_the_same_too() -> None:
    rows, config = loans(200), tiny(teacher=0.0, boosting=False, max_epochs=1)
    start = fit(pretrained(rows, config), rows, loans(100, seed=1), config)
    new, validation = loans(150, seed=7), loans(100, seed=8)
    alone, together = (
        fit(
            pretrained(new, config),
            new,
            validation,
            config,
            head_only=True,
            warm_start=start,
            processes=count,
        )
        for count in (1, 2)
    )
    assert_equal(replace(alone, history=()), replace(together, history=()))


def rows_and_starts(**changes: Any) -> tuple[list[StartingWeights], LabelledRows, Any, ModelConfig]:
    rows, validation, config = loans(200), loans(100, seed=1), tiny(**changes).for_rows(200)
    encoder = pretrained(rows, config)
    both = concatenate([rows, validation])
    encoded = encoder.encoding.transform(both.numerical, both.categorical)
    target = torch.from_numpy(both.outcome().astype(np.float32))
    outcome, fold = validation.outcome(), folds_of(validation, config.members)
    labelled = LabelledRows(encoded, target, outcome, fold, np.ones(len(outcome), bool))
    return [StartingWeights(encoder.state)] * config.members, labelled, encoder.encoding, config


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_a_member_is_the_same_exception(processes: int) -> None:
    starts, rows, encoding, config = rows_and_starts()
    damaged = dict(starts[1].state)
    damaged.pop("tokenizer.weight")
    starts[1] = replace(starts[1], state=damaged)
    with pytest.raises(RuntimeError, match=r"Missing key.*tokenizer\.weight"):
        fit_members(starts, rows, encoding, config, None, processes)
    assert not living_children()


def test_what_the_callback_raises_ends_the_processes() -> None:
    starts, rows, encoding, config = rows_and_starts(max_epochs=1000, patience=1000, min_steps=200)

    def stop(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_members(starts, rows, encoding, config, stop, 2)
    assert not living_children()


def living_children() -> list[psutil.Process]:
    """Processes of this one, without the one of Python that cleans up after processes that were killed."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())
    ]


@pytest.mark.slow
def test_a_killed_process_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    starts, rows, encoding, config = rows_and_starts(max_epochs=1000, patience=1000, min_steps=200)

    def kill(epoch: Epoch) -> None:
        for child in living_children():
            child.kill()

    with pytest.raises(
        RuntimeError, match="exit code -9; it may have been killed for memory: set TRAINING_PROC"
    ):
        fit_members(starts, rows, encoding, config, kill, 2)
    assert not living_children()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_survives_the_training(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    root = str(Path(__file__).resolve().parents[2])
    training = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert training.stdout is not None
    assert all("number=0" in training.stdout.readline() for _ in range(2))
    children = psutil.Process(training.pid).children(recursive=True)
    assert len([child for child in children if "spawn_main" in " ".join(child.cmdline())]) == 2
    training.send_signal(number)
    training.wait(10)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


@pytest.mark.parametrize(
    ("number", "members", "count", "rounds"),
    [(0, 3, 3, 0), (2, 3, 3, 0), (0, 3, 2, 1), (1, 3, 2, 1), (2, 3, 2, 0), (1, 5, 2, 2), (0, 3, 1, 2)],
)
def test_members_that_run_at_the_same_time_do_not_follow_one_another(
    number: int, members: int, count: int, rounds: int
) -> None:
    assert rounds_after(number, members, count) == rounds


@pytest.mark.parametrize(
    ("cores", "seconds", "requested", "expected"),
    [
        (1, 1e4, 0, 1),
        (2, 1e4, 0, 3),
        (1.4, 1e4, 0, 1),
        (1.6, 1e4, 0, 3),
        (2, 1.0, 0, 1),
        (8, 1e4, 0, 3),
        (1, 1.0, 2, 2),
        (8, 1e4, 9, 3),
        (8, 1e4, 1, 1),
    ],
)
def test_as_many_processes_as_are_worthwhile(
    monkeypatch: pytest.MonkeyPatch, cores: float, seconds: float, requested: int, expected: int
) -> None:
    monkeypatch.setattr(member_processes, "free_cores", lambda: cores)
    assert processes_for(ModelConfig(), 3, seconds, requested) == expected
    assert processes_for(ModelConfig(threads=2), 3, seconds, 0) == 1


@pytest.mark.parametrize(
    ("load", "busy", "machine", "allowed", "free"),
    [
        (0.0, 100, 4, 4, 4.0),
        (1.0, 100, 4, 4, 4.0),
        (3.0, 90, 4, 4, 2.0),
        (9.0, 100, 4, 4, 1.0),
        (5.0, 60, 8, 2, 1.0),
        (1.5, 50, 8, 2, 1.875),
        # Another program has ended, or ends now.
        (3.0, 0, 4, 4, 4.0),
        (3.0, 25, 4, 4, 3.0),
    ],
)
def test_what_other_programs_use_is_not_free(
    monkeypatch: pytest.MonkeyPatch, load: float, busy: float, machine: int, allowed: int, free: float
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("psutil.cpu_percent", lambda interval: busy)
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    assert task_processes.free_cores() == free


def test_without_space_for_a_file_the_members_are_fitted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> SharedArrays:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(task_processes, "SharedArrays", full)
    starts, rows, encoding, config = rows_and_starts(max_epochs=1)
    fitted, history = fit_members(starts, rows, encoding, config, None, 2)
    assert len(fitted) == len(history) == 2


def test_shared_arrays_are_private_to_their_readers_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with SharedArrays({"a": np.arange(5), "b": np.eye(3, dtype=np.float32)}) as shared:
        one, two = shared.arrays(), shared.arrays()
        one["a"][0] = 9
        assert two["a"][0] == 0
        assert not list(tmp_path.iterdir())
    assert one["b"].ctypes.data % 64 == 0
