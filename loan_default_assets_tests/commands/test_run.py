import logging
from collections.abc import Callable

import dagster as dg
import pytest

from loan_default_assets.commands.plan_report import duration
from loan_default_assets.commands.run import run
from loan_default_assets.commands.run_progress import RunProgress
from loan_default_assets.limits import split_limits
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import OpenBank, open_bank

__all__ = ["open_bank"]


def test_the_plan_is_said_before_anything_is_stored_and_refreshed_after_each_step(
    open_bank: OpenBank,
) -> None:
    bank = open_bank()
    said: list[str] = []
    stored: list[int] = []

    def say(text: str) -> None:
        said.append(text)
        stored.append(bank.session.loans.counts()["raw_data"])

    run(bank.session, bank.instance, today=small_bank.TODAY, say=say)
    plan, *lines = said
    assert stored[0] == 0
    for expected in (
        "rows        2,400 rows of loans.csv; none is stored yet",
        "partitions  40 daily, 2025-01-01 to 2025-02-09; 0 of them stored already",
        "model       3 transformers of 1 layer of width 8, gradient boosting and an additive model ",
        "(preset default with d_model, ",
        "1 epoch of pretraining, at most 3 of fine-tuning in batches of 64",
        "time        at most about ",
    ):
        assert expected in plan
    assert any(line.startswith("default = 1 (") for line in lines)
    [training] = [line for line in lines if line.startswith("pretrain on ")]
    split = read_snapshot(bank.session.loans, split_limits(bank.session.settings)).split
    assert f"fit on {len(split.train):,} and {len(split.validation):,} validation rows, " in training
    assert f"pretrain on {len(split.train) + len(split.immature):,} rows" in training
    steps = [line.partition(" took ")[0] for line in lines if " took " in line]
    assert steps == [
        "loading",
        "features",
        "leakage check and pretraining",
        "fine-tuning",
        "evaluation",
    ]

    said.clear()
    run(bank.session, bank.instance, today=small_bank.TODAY, say=say)
    assert "2,400 are stored already" in said[0]
    assert "40 of them stored already" in said[0]
    assert any("the models are reused" in line for line in said)


def event(kind: dg.DagsterEventType, step: str) -> dict[str, object]:
    class StepEvent:
        event_type, step_key = kind, f"bank__{step}"

    return {"dagster_event": StepEvent()}


def epoch(left: float) -> dict[str, object]:
    return {"epoch": Epoch("fit", 1, 4, 0.5, 0.7, left)}


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The lines for records at given seconds, under a plan."""

    def followed(*records: tuple[float, dict[str, object]]) -> list[str]:
        said: list[str] = []
        now = [0.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        progress = RunProgress(said.append)
        progress.plan({"pretrained_encoder": 100.0, "classifier": 200.0, "evaluation": 10.0})
        logger = progress.logger().logger_fn(None)  # type: ignore[arg-type]
        for seconds, extra in records:
            now[0] = seconds
            logger.log(logging.INFO, "a line", extra=extra)
        said.append(progress.left())
        return said

    return followed


START, SUCCESS = dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS


def test_the_remaining_time_follows_steps_and_epochs(follow: Callable[..., list[str]]) -> None:
    begun = (0.0, event(START, "pretrained_encoder"))
    assert follow() == ["at most about 5.2 minutes left"]
    assert follow(begun, (20.0, {}))[-1] == "at most about 4.8 minutes left"
    # What an epoch took replaces the plan of its step, and the time since then passes.
    assert follow(begun, (20.0, epoch(30.0)), (25.0, {}))[-1] == "at most about 3.9 minutes left"
    assert follow(begun, (250.0, event(SUCCESS, "pretrained_encoder"))) == [
        "leakage check and pretraining took 250.0 s; at most about 3.5 minutes left",
        "at most about 3.5 minutes left",
    ]
    # Fine-tuning can stop early; once it has ended, the rest is no upper bound.
    assert (
        follow(
            begun,
            (1.0, event(SUCCESS, "pretrained_encoder")),
            (1.0, event(START, "classifier")),
            (2.0, event(SUCCESS, "classifier")),
        )[-1]
        == "about 10 s left"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (90, "1.5 minutes"),
        (1200, "20 minutes"),
        (5399, "90 minutes"),
        (9000, "2.5 hours"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
