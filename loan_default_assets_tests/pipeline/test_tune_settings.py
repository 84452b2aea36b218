import math
from dataclasses import replace

import numpy as np
import pytest

from loan_default_assets.limits import split_limits
from loan_default_assets.model.search_space import searched
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError, NoRowsError
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.pipeline.trial_queue import FinishedTrial
from loan_default_assets.pipeline.tune_settings import (
    TrialTraining,
    TuningResult,
    trial_config,
    tune_settings,
)
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps


def tune(bank: BankSteps, trials: int) -> tuple[TuningResult, list[str]]:
    lines: list[str] = []
    result = tune_settings(
        bank.portfolio,
        bank.loans,
        url=bank.database.url,
        config=model_config(bank.portfolio, bank.settings),
        limits=split_limits(bank.settings),
        leakage_limit=bank.settings.leakage_auc_limit,
        trials=trials,
        say=lines.append,
    )
    return result, lines


def test_the_best_of_the_trials_is_found_and_a_second_start_repeats_none(
    bank_with_features: BankSteps,
) -> None:
    result, lines = tune(bank_with_features, 2)
    assert len(result.trials) == len(lines) == 2
    assert "1 of 2 trials, present settings" in lines[0]
    whole = [trial for trial in result.trials if not trial.stopped_early]
    assert result.best.value == max(trial.value for trial in whole) >= result.present.value > 0.5
    assert result.present.settings["learning_rate"] == small_bank.DESCRIPTION["training"]["learning_rate"]  # type: ignore[index]
    changed = model_config(bank_with_features.portfolio, bank_with_features.settings)
    changed = replace(changed, **result.changes).for_rows(1000)
    assert searched(changed) == result.best.settings
    again, lines = tune(bank_with_features, 2)
    assert (again, lines) == (result, [])


def test_no_row_of_the_window_changes_a_trial(bank_with_features: BankSteps) -> None:
    snapshot = bank_with_features.snapshot()
    window = snapshot.split.window
    labels, numerical = snapshot.rows.label.copy(), snapshot.rows.numerical.copy()
    labels[window], numerical[window] = 1 - labels[window], 7.0
    altered = replace(snapshot, rows=replace(snapshot.rows, label=labels, numerical=numerical))
    unchanged = _value(bank_with_features, snapshot)
    assert _value(bank_with_features, altered) == unchanged
    labels = labels.copy()
    labels[snapshot.split.validation[0]] ^= 1
    altered = replace(altered, rows=replace(altered.rows, label=labels))
    assert _value(bank_with_features, altered) != unchanged


def _value(bank: BankSteps, snapshot: TrainingSnapshot) -> float:
    config = trial_config(model_config(bank.portfolio, bank.settings).for_rows(len(snapshot.split.train)))
    value = TrialTraining(bank.portfolio, snapshot, replace(config, teacher=0.0))(
        {"bins": 0, "token_width": 4, "target_weight": 1.0}, lambda epoch: None
    )
    assert not math.isnan(value)
    return value


def test_nothing_is_tried_without_rows(steps: BankSteps) -> None:
    with pytest.raises(NoRowsError, match="loan-default run"):
        tune(steps, 2)


def test_nothing_is_tried_without_defaults_to_validate_on(steps: BankSteps) -> None:
    loans = small_bank.loans()
    small_bank.bank(steps.artifacts.parent, loans.assign(defaulted=(loans.index < 10).astype(int)))
    steps.load()
    steps.features()
    with pytest.raises(ChecksFailedError, match="no validation defaults"):
        tune(steps, 2)


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(0)
    defaults, others = rng.normal(1.0, 1, (2000, 42)), rng.normal(0.0, 1, (2000, 114))
    areas = (defaults[:, :, None] > others[:, None, :]).mean(axis=(1, 2))
    trial = FinishedTrial(0, {}, float(areas.mean()), stopped_early=False)
    result = TuningResult((trial,), 0, trial, trial, {}, validation_rows=156, validation_defaults=42)
    assert result.standard_error == pytest.approx(areas.std(), rel=0.1)
