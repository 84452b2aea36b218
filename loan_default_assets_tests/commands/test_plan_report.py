"""What `run` says of a training once the loans are stored."""

import pytest

from loan_default_assets.commands.plan_report import training_text
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.pipeline.run_plan import RunPlan, TrainingRows


@pytest.mark.parametrize(
    ("defaults", "said", "warned"),
    # With 9 of 200, the lower bound of a ROC-AUC of 0.7 is 0.507; with 8, 0.495.
    [
        (None, "evaluate on 200; ", ""),
        (100, "evaluate on 200 with 100 defaults; ", ""),
        (9, "evaluate on 200 with 9 defaults; ", ""),
        (8, "evaluate on 200 with 8 defaults; ", "8 defaults"),
        (1, "evaluate on 200 with 1 default; ", "1 default"),
        (0, "evaluate on 200 with 0 defaults; ", "0 defaults"),
        (191, "evaluate on 200 with 191 defaults; ", ""),
        (192, "evaluate on 200 with 192 defaults; ", "8 loans without default"),
        (200, "evaluate on 200 with 200 defaults; ", "0 loans without default"),
    ],
)
def test_too_few_defaults_to_evaluate_on_are_told_before_the_training(
    defaults: int | None, said: str, warned: str
) -> None:
    rows = TrainingRows(1000, 640, 160, 200, window_defaults=defaults)
    plan = RunPlan(None, 1000, ("all",), 1, ModelConfig(), rows, {"classifier": 20.0})
    text = training_text(plan)
    assert said in text
    assert ("  Next: Ctrl-C" in text) == bool(warned)
    assert (f"  WARN {warned} to evaluate on: too few to show" in text) == bool(warned)
