"""What `run` says of a training once the loans are stored."""

import pytest

from loan_default_assets.commands.plan_report import training_text
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.pipeline.run_plan import RunPlan, TrainingRows


@pytest.mark.parametrize(
    ("defaults", "said", "warned"),
    [
        (None, "evaluate on 200; ", False),
        (1234, "evaluate on 200 with 1,234 defaults; ", False),
        (9, "evaluate on 200 with 9 defaults; ", False),
        (8, "evaluate on 200 with 8 defaults; ", True),
        (1, "evaluate on 200 with 1 default; ", True),
        (0, "evaluate on 200 with 0 defaults; ", True),
    ],
)
def test_too_few_defaults_to_evaluate_on_are_told_before_the_training(
    defaults: int | None, said: str, warned: bool
) -> None:
    rows = TrainingRows(1000, 640, 160, 200, window_defaults=defaults)
    plan = RunPlan(None, 1000, ("all",), 1, ModelConfig(), rows, {"classifier": 20.0})
    text = training_text(plan)
    assert said in text
    assert ("  WARN defaults to evaluate on: " in text, "  Next: Ctrl-C" in text) == (warned, warned)
