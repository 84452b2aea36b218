import logging
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loan_default_assets.model import baseline, training
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.model.metrics import evaluate
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import FittedModel
from loan_default_assets.pipeline.evaluation_window import evaluation_window
from loan_default_assets.pipeline.model_evaluation import (
    compare,
    difference_to_reference,
    evaluate_model,
    evaluate_references,
)
from loan_default_assets.pipeline.model_storage import load_classifier, load_encoder
from loan_default_assets.pipeline.pipeline_errors import NoModelError, NoRowsError
from loan_default_assets.pipeline.training_settings import TrainingAttempt, model_config
from loan_default_assets.pipeline.tune_settings import TrialTraining, trial_config
from loan_default_assets.policy.verdict_words import verdict_words
from loan_default_assets_tests.pipeline.bank_steps import BankSteps


def test_every_step_needs_what_the_step_before_it_makes(steps: BankSteps) -> None:
    for step in (steps.pretrain, steps.train):
        with pytest.raises(NoRowsError, match="materialize raw_loans and processed_features first"):
            step()
    with pytest.raises(NoModelError, match="no model to evaluate; materialize classifier first"):
        steps.evaluate()
    with pytest.raises(NoModelError, match="no model may serve: no challenger is pending under PROMOTION"):
        steps.decide()
    steps.load()
    steps.features()
    with pytest.raises(
        NoModelError, match="no encoder under the current description of portfolio small_bank"
    ):
        steps.train()
    assert steps.registry.history() == []


def test_an_encoder_is_pretrained_once_on_training_and_unlabelled_rows(
    bank_with_features: BankSteps, caplog: pytest.LogCaptureFixture
) -> None:
    bank = bank_with_features
    with caplog.at_level(logging.INFO):
        made = bank.pretrain()
    snapshot = bank.snapshot()
    split = snapshot.split
    assert not made.reused
    assert made.pretraining_rows == len(split.train) + len(split.immature) + len(split.unlabelled)
    assert len(made.losses) == bank.portfolio.training["pretrain_epochs"]
    assert "pretrain: epoch 1 of 1, loss" in caplog.text
    assert made.snapshot == snapshot.describe()
    assert (made.record.kind, made.record.snapshot_hash) == ("encoder", snapshot.digest)
    assert made.record.trained_to == split.trained_to
    assert load_encoder(made.record, bank.portfolio, bank.store).losses == made.losses

    again = bank.pretrain()
    assert again.reused
    assert again.record == made.record


@pytest.mark.parametrize("step", ["pretrain_encoder", "tune"])
def test_only_labels_of_training_rows_are_pretrained_on(
    bank_with_features: BankSteps, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bank, given = bank_with_features, list[Rows]()

    def recorded(rows: Rows, *others: Any, **options: Any) -> training.Encoder:
        given.append(rows)
        return pretrain(rows, *others, **options)

    pretrain = training.pretrain
    monkeypatch.setattr(training, "pretrain", recorded)
    snapshot = bank.snapshot()
    split, labels = snapshot.split, snapshot.rows.label
    config = replace(model_config(bank.portfolio, bank.settings), target_weight=1.0)
    if step == "tune":
        resolved = trial_config(config.for_rows(len(split.train)))
        TrialTraining(bank.portfolio, snapshot, resolved)({}, lambda epoch: None)
    else:
        bank.pretrain(config)
    [rows] = given
    assert rows.label is not None
    known = rows.label >= 0
    assert (labels[split.immature] >= 0).any()
    assert known.sum() == len(split.train)
    np.testing.assert_array_equal(rows.label[known], labels[split.train])
    np.testing.assert_array_equal(rows.numerical[known], snapshot.rows.numerical[split.train])
    without = np.concatenate([split.immature, split.unlabelled])
    np.testing.assert_array_equal(rows.numerical[~known], snapshot.rows.numerical[without])


def test_from_challenger_to_champion_and_to_the_next_challenger(
    bank_with_features: BankSteps, caplog: pytest.LogCaptureFixture
) -> None:
    bank = bank_with_features
    encoder = bank.pretrain().record
    with caplog.at_level(logging.INFO):
        first = bank.train()
    assert "fit: transformer 1, epoch 1 of 3, loss" in caplog.text
    assert [check.name for check in first.checks] == ["both_classes", "label_maturity", "no_leakage"]
    assert all(check.passed for check in first.checks)
    record = first.record
    assert (record.kind, record.status, record.attempt, record.parent) == ("classifier", "candidate", 1, None)
    assert record.hyper_parameters["encoder"] == encoder.version
    assert first.model is not None
    assert (
        record.threshold
        == first.model.threshold
        == load_classifier(record, bank.portfolio, bank.store).threshold
    )
    again = bank.train()
    assert again.model is None
    assert again.record == record

    alone = bank.evaluate()
    assert alone.model.version == record.version
    assert alone.champion is None
    assert [(e.model_version, e.role) for e in alone.recorded] == [(record.version, "candidate")]
    assert alone.recorded[0].verdict == alone.verdict.decision
    assert {check.name: check.passed for check in alone.checks}["finite_outputs"]
    assert alone.window.first > encoder.trained_to
    compared = (alone.references.best, *alone.references.others)
    assert {reference.name for reference in compared} == {"HistGradientBoosting", "LogisticRegression"}
    aucs = [reference.metrics.values["roc_auc"] for reference in compared]
    assert aucs[0] == max(aucs)
    low, high = alone.recorded[0].baseline["roc_auc_difference"]
    assert low <= alone.model.metrics.values["roc_auc"] - aucs[0] <= high
    assert alone.references.best.name in alone.verdict.reasons[-1]
    assert {check.name: check.passed for check in alone.checks}["not_worse_than_reference"] == (low >= -0.005)
    bank.evaluate()
    assert bank.evaluations_recorded() == [(record.version, "candidate")]

    decision = bank.decide()
    assert decision.outcome == f"promoted: {verdict_words(alone.verdict.decision)}"
    assert decision.champion.version == record.version
    assert decision.evaluation is not None
    assert decision.evaluation.metrics == pytest.approx(alone.recorded[0].metrics, nan_ok=True)
    assert bank.decide().outcome == "kept: no challenger is pending"
    assert bank.evaluate().recorded == (), "the champion was evaluated on these rows before its promotion"

    second = bank.train(TrainingAttempt(number=2, mode="head", seed_offset=1)).record
    assert (second.attempt, second.parent) == (2, record.version)
    assert second.hyper_parameters["mode"] == "head"
    both = bank.evaluate()
    assert both.champion is not None
    assert [(e.model_version, e.role) for e in both.recorded] == [
        (second.version, "candidate"),
        (record.version, "champion"),
    ]
    assert both.recorded[0].compared_with == record.version
    assert len({(e.rows, e.positives, e.window_from, e.window_to) for e in both.recorded}) == 1
    champion = bank.decide().champion
    assert champion.version == (second if both.verdict.promote else record).version


@pytest.mark.parametrize("step", ["train_classifier", "tune"])
def test_fitting_stopping_calibration_and_threshold_do_not_see_the_window(
    bank_with_features: BankSteps, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bank, given = bank_with_features, list[tuple[Rows, Rows]]()

    def recorded(encoder: Any, rows: Rows, validation: Rows, *others: Any, **options: Any) -> FittedModel:
        given.append((rows, validation))
        return fit(encoder, rows, validation, *others, **options)

    fit = training.fit
    monkeypatch.setattr(training, "fit", recorded)
    snapshot = bank.snapshot()
    split, rows = snapshot.split, snapshot.rows
    if step == "tune":
        config = trial_config(model_config(bank.portfolio, bank.settings).for_rows(len(split.train)))
        TrialTraining(bank.portfolio, snapshot, config)({}, lambda epoch: None)
    else:
        bank.pretrain()
        bank.train(TrainingAttempt(number=17, seed_offset=17))
    [(fitted, validation)] = given
    for seen, expected in ((fitted, split.train), (validation, split.validation)):
        np.testing.assert_array_equal(seen.numerical, rows.numerical[expected])
        np.testing.assert_array_equal(seen.categorical, rows.categorical[expected])
        np.testing.assert_array_equal(seen.label, rows.label[expected])


def test_references_do_not_see_the_window(
    bank_with_features: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, given = bank_with_features, list[tuple[Rows, Rows]]()

    def recorded(train: Rows, validation: Rows, *others: Any, **options: Any) -> Any:
        given.append((train, validation))
        return baselines(train, validation, *others, **options)

    baselines = baseline.baselines
    monkeypatch.setattr(baseline, "baselines", recorded)
    bank.pretrain()
    bank.train(TrainingAttempt(number=18, seed_offset=18))
    bank.evaluate()
    snapshot = bank.snapshot()
    [(train, validation)] = given
    for seen, expected in ((train, snapshot.split.train), (validation, snapshot.split.validation)):
        np.testing.assert_array_equal(seen.numerical, snapshot.rows.numerical[expected])
        np.testing.assert_array_equal(seen.label, snapshot.rows.label[expected])


@pytest.mark.usefixtures("smoke_in_fresh_process")
def test_a_model_is_evaluated_as_it_scores(
    bank_with_features: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = bank_with_features
    bank.pretrain()
    record = bank.train(TrainingAttempt(number=7)).record
    snapshot = bank.snapshot()
    window = evaluation_window(snapshot, [record])
    rows = snapshot.split.window
    predictor = Predictor.from_artifact(Path(record.artifact_uri))
    expected = predictor.predict(snapshot.rows.numerical[rows], snapshot.rows.categorical[rows]).pd
    evaluation = evaluate_model(record, bank.portfolio, window, bank.store)
    np.testing.assert_array_equal(evaluation.probability, expected)
    assert evaluation.failure == ""
    assert evaluation.policy_input.smoke_passed
    assert evaluation.policy_input.positives == window.positives == int((window.label == 1).sum())
    measured = evaluate(window.label, expected, predictor.threshold)
    bounds = (evaluation.policy_input.roc_auc_low, evaluation.policy_input.resampled_auc_low)
    assert bounds == (measured.intervals["roc_auc"][0], measured.resampled_auc_low)
    references = evaluate_references(bank.portfolio, snapshot, window, seed=0)
    beside = difference_to_reference(evaluation, references, window)
    assert beside is not None
    # The window has few defaults, so that both bounds differ.
    assert bounds[0] != bounds[1]
    assert beside.roc_auc_low == references.best.metrics.resampled_auc_low
    assert beside.roc_auc_low != references.best.metrics.intervals["roc_auc"][0]
    difference = compare(evaluation, evaluation, window)
    assert difference is not None
    assert (difference.df1_low, difference.df1_high, difference.dauc_low, difference.dauc_high) == (
        0,
        0,
        0,
        0,
    )

    newest_day = replace(record, trained_to=snapshot.split.window_to)
    with pytest.raises(NoRowsError, match="newer than what the models were fitted on"):
        evaluation_window(snapshot, [record, newest_day])

    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    unfit = evaluate_model(record, bank.portfolio, window, bank.store)
    assert unfit.failure == "exit code 1"
    assert not unfit.policy_input.smoke_passed


@pytest.mark.parametrize("fault", ["damaged artifact", "other portfolio"])
def test_a_model_that_cannot_score_has_no_metrics_and_a_reason(
    bank_with_features: BankSteps, tmp_path: Path, fault: str
) -> None:
    bank = bank_with_features
    bank.pretrain()
    record = bank.train(TrainingAttempt(number=8)).record
    store = bank.store
    if fault == "damaged artifact":
        copy = tmp_path / record.version
        shutil.copytree(record.artifact_uri, copy)
        (copy / "weights.safetensors").write_bytes(b"damaged")
        record, store = replace(record, artifact_uri=str(copy)), ArtifactStore(tmp_path, tmp_path)
    else:
        record = replace(record, portfolio_hash="0" * 64)
    window = evaluation_window(bank.snapshot(), [record])
    evaluation = evaluate_model(record, bank.portfolio, window, store)
    assert evaluation.probability is None
    assert all(math.isnan(value) for value in evaluation.metrics.values.values())
    assert not evaluation.policy_input.smoke_passed
    assert evaluation.policy_input.artifact_matches == (fault == "other portfolio")
    assert evaluation.policy_input.schema_matches == (fault == "damaged artifact")
    assert bool(evaluation.failure) == (fault == "damaged artifact")
    assert compare(evaluation, evaluation, window) is None


def test_the_environment_overrides_the_preset_and_the_portfolio_overrides_both(steps: BankSteps) -> None:
    changed = steps.settings.model_copy(update={"d_model": 64, "seed": 3})
    settings = changed.model_validate(changed.model_dump(include={"d_model", "seed"}))
    plain = steps.portfolio.model_copy(update={"training": {"preset": "fast"}})
    config = model_config(plain, settings, seed_offset=2)
    assert (config.d_model, config.seed, config.num_layers) == (64, 5, 3)
    assert model_config(steps.portfolio, settings).d_model == 8


def test_the_processes_of_a_training_reach_the_fit(
    bank_with_features: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, given = bank_with_features, []

    def recorded(*_: object, processes: int, **__: object) -> None:
        given.append(processes)
        raise InterruptedError

    monkeypatch.setattr(training, "fit", recorded)
    bank.pretrain()
    with pytest.raises(InterruptedError):
        bank.train(TrainingAttempt(number=9), processes=3)
    assert given == [3]
