"""No figure on validation rows is by a model that was fitted on them: all take the scores that it was stored with."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.reference_rows import BinnedValues, CalibrationSums
from loan_default_assets.pipeline.development_sample import (
    SCORED_ROWS,
    DevelopmentSample,
    development_sample,
    stored_sample,
)
from loan_default_assets.pipeline.evaluated_version import usable_predictor
from loan_default_assets.pipeline.model_report import report_figures
from loan_default_assets.pipeline.recomputed_grades import recomputed_grade_bounds
from loan_default_assets.pipeline.reference_storage import reference_rows, stored_reference
from loan_default_assets.pipeline.report_rows import report_rows
from loan_default_assets.pipeline.validation_workbook import validation_figures
from loan_default_assets.reports.figures.drift import stability_index
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.rating_grades import grade_bounds
from loan_default_assets.reports.figures.validation_tests import validation_tests
from loan_default_assets.reports.rendering.blocks import Table
from loan_default_assets.reports.rendering.workbook_sheets import _samples
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.reported_bank import bank, newest

__all__ = ["bank", "newest"]


@dataclass(frozen=True)
class Scorer:
    """A model as the explanation of a decision holds it."""

    predictor: Predictor


@pytest.fixture(scope="module")
def predictor(bank: BankSteps, newest: str) -> Predictor:
    found = usable_predictor(bank.report_inputs, bank.registry.get(newest))
    assert not isinstance(found, Omitted)
    return found


@pytest.fixture(scope="module")
def sample(predictor: Predictor) -> DevelopmentSample:
    found = stored_sample(predictor)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def former(predictor: Predictor) -> Predictor:
    """The model as a release stored it that kept no scores."""
    return Predictor(replace(predictor.model, validation=None), predictor.version, predictor.feature_names)


def test_the_sample_is_of_the_validation_rows_but_not_by_the_whole_model(
    bank: BankSteps, predictor: Predictor, sample: DevelopmentSample, former: Predictor
) -> None:
    snapshot = bank.snapshot()
    scored = development_sample(former, snapshot)
    assert len(sample) == len(scored) == len(snapshot.split.validation)
    assert sample.label.sum() == scored.label.sum()
    # What was fitted on a row knows its outcome.
    assert roc_auc_score(sample.label, sample.pd) < roc_auc_score(scored.label, scored.pd)
    other = replace(snapshot, split=replace(snapshot.split, validation=snapshot.split.window))
    assert development_sample(predictor, other).pd.tolist() == sample.pd.tolist(), "whatever is evaluated"
    assert sample.source.table == "validation.safetensors"
    assert scored.source.table == "processed_data"


def test_the_grades_have_its_bounds(bank: BankSteps, newest: str, sample: DevelopmentSample) -> None:
    grades = report_figures(bank.report_inputs, newest).grades
    assert not isinstance(grades, Omitted)
    bounds = grade_bounds(sample.label, sample.pd).tolist()
    assert [grade.lowest_pd for grade in grades.grades[1:]] == bounds
    assert "validation.safetensors" in grades.source.row


def test_the_workbook_compares_with_it(bank: BankSteps, newest: str, sample: DevelopmentSample) -> None:
    figures = validation_figures(bank.report_inputs, newest)
    development = figures.development
    assert not isinstance(development, Omitted)
    assert development.roc_auc.value == pytest.approx(roc_auc_score(sample.label, sample.pd))
    assert development.source == sample.source
    [table] = _samples(figures)
    assert isinstance(table, Table)
    assert table.source.row.endswith(f"; {sample.source.table}, {sample.source.row}")


def test_drift_and_expected_f1_start_from_it(
    bank: BankSteps, newest: str, predictor: Predictor, sample: DevelopmentSample
) -> None:
    stored = stored_reference(bank.registry.get(newest), bank.store)
    for found in (stored, reference_rows(bank.portfolio, bank.snapshot(), predictor.model)):
        assert found is not None
        assert found.score == BinnedValues.of_numbers("pd", sample.pd)
        for sums, part in ((found.declined, True), (found.approved, False)):
            chosen = (sample.pd >= predictor.threshold) == part
            assert sums == CalibrationSums.of(sample.pd[chosen], sample.label[chosen])


def test_the_psi_of_the_score_in_report_and_workbook_is_against_it(
    bank: BankSteps, newest: str, predictor: Predictor, sample: DevelopmentSample
) -> None:
    snapshot, evaluation = bank.snapshot(), bank.evaluations.latest(newest)
    assert evaluation is not None
    rows = report_rows(snapshot, evaluation, predictor)
    expected = stability_index(sample.pd, rows.pd[rows.window])
    figures = validation_figures(bank.report_inputs, newest)
    for drift in (report_figures(bank.report_inputs, newest).drift, figures.report.drift):
        assert not isinstance(drift, Omitted)
        assert drift.window_score == expected
        assert drift.source.row.endswith(f"{sample.source.table}, {sample.source.row}")
        for name, index, period in zip(
            rows.by_period.names, rows.by_period.index, drift.periods, strict=True
        ):
            scored = rows.pd[index][~np.isnan(rows.pd[index])]
            assert (period.name, period.score) == (name, stability_index(sample.pd, scored))
    [test] = [each for each in validation_tests(figures) if each.name == "psi"]
    assert test.value == expected.value


def test_the_psi_of_a_model_that_kept_no_scores_is_against_training_rows(
    bank: BankSteps, newest: str, former: Predictor
) -> None:
    snapshot, evaluation = bank.snapshot(), bank.evaluations.latest(newest)
    assert evaluation is not None
    whole = report_rows(snapshot, evaluation, former)
    assert whole.expected_pd.tolist() == whole.pd[whole.reference].tolist()
    assert not np.isnan(whole.expected_pd).any()
    assert whole.expected_source == f"part=training, rows={len(whole.reference)}"
    # A case-control sample represents no period.
    sampled = report_rows(replace(snapshot, sampling=object()), evaluation, former)  # type: ignore[arg-type]
    assert sampled.expected_pd.tolist() == development_sample(former, snapshot).pd.tolist()


def test_the_grade_of_a_decision_has_its_bounds(
    bank: BankSteps, newest: str, predictor: Predictor, sample: DevelopmentSample, former: Predictor
) -> None:
    found = [each for each in bank.evaluations.history() if each.evaluation.model_version == newest][-1]
    bounds = recomputed_grade_bounds(bank.loans, bank.report_inputs.split_limits)
    expected = bounds(found, Scorer(predictor))  # type: ignore[arg-type]
    assert np.asarray(expected).tolist() == grade_bounds(sample.label, sample.pd).tolist()
    other_limits = replace(bank.report_inputs.split_limits, min_rows=20, min_positives=1)
    moved = recomputed_grade_bounds(bank.loans, other_limits)
    assert np.asarray(moved(found, Scorer(predictor))).tolist() == np.asarray(expected).tolist()  # type: ignore[arg-type]
    assert moved(found, Scorer(former)) == Omitted("omitted.window_changed")  # type: ignore[arg-type]
    of_former = bounds(found, Scorer(former))  # type: ignore[arg-type]
    scored = development_sample(former, bank.snapshot())
    assert np.asarray(of_former).tolist() == grade_bounds(scored.label, scored.pd).tolist()


def test_a_model_that_kept_none_scores_some_of_many_validation_rows(
    bank: BankSteps, former: Predictor
) -> None:
    snapshot = bank.snapshot()
    often = np.repeat(snapshot.split.validation, 2 * SCORED_ROWS // len(snapshot.split.validation))
    found = development_sample(former, replace(snapshot, split=replace(snapshot.split, validation=often)))
    assert len(found) == SCORED_ROWS
