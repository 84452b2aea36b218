"""Drift and F1 before outcomes: what a new partition and an evaluation find, on the small bank with a champion."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.pipeline import live_performance, partition_drift
from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation
from loan_default_assets.pipeline.live_performance import (
    LivePerformance,
    block_bounds,
    live_performance_or_warn,
)
from loan_default_assets.pipeline.partition_drift import check_features_or_warn
from loan_default_assets.pipeline.reference_storage import stored_reference
from loan_default_assets.warehouse.drift_log import DriftLog
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

LOG = logging.getLogger("loan_default_assets_tests.drift")


@pytest.fixture(scope="module")
def evaluated(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BankSteps, WindowEvaluation]]:
    """A bank with a champion, and its evaluation as a challenger; tests restore the loans."""
    folder = tmp_path_factory.mktemp("bank_with_champion")
    with fresh_database(postgres) as url:
        bank = BankSteps.open(folder, url)
        bank.load()
        bank.features()
        bank.pretrain()
        bank.train()
        found = bank.evaluate()
        bank.decide()
        yield bank, found


def check(bank: BankSteps, *keys: str) -> CheckResult:
    return check_features_or_warn(
        bank.portfolio, bank.loans, bank.registry, bank.store, log_of(bank), keys, LOG
    )


def log_of(bank: BankSteps) -> DriftLog:
    return DriftLog(bank.database)


def live(bank: BankSteps, evaluation: WindowEvaluation) -> LivePerformance:
    return live_performance_or_warn(bank.report_inputs, evaluation, log_of(bank), LOG)


def champion(bank: BankSteps) -> ModelRecord:
    found = bank.registry.champion()
    assert found is not None
    return found


def later(bank: BankSteps) -> list[str]:
    """The partitions after the champion's training."""
    return [key for key in bank.keys if key > str(champion(bank).trained_to)]


def deliver(bank: BankSteps, frame: pd.DataFrame, *keys: str) -> None:
    """Load partitions again, with these loans in the file."""
    Path(str(bank.portfolio.source.path)).write_text(frame.to_csv(index=False))
    bank.load(keys)
    bank.features(keys)


def test_without_a_champion_nothing_is_compared(steps: BankSteps) -> None:
    steps.load(steps.keys[:1])
    steps.features(steps.keys[:1])
    found = check(steps, steps.keys[0])
    assert found.passed
    assert found.description == "not compared: there is no champion of this portfolio yet"


def test_undrifted_partitions_pass_and_those_of_the_training_are_not_compared(
    evaluated: tuple[BankSteps, WindowEvaluation],
) -> None:
    bank, _ = evaluated
    found = check(bank, *bank.keys)
    assert found.passed
    assert found.figures["partitions"] == len(later(bank)) == 16
    assert found.figures["partitions_with_drift"] == 0
    assert found.figures["partitions_with_too_few_rows"] == 0
    recorded = log_of(bank).checks(champion(bank).version)
    assert [each.partition_key for each in recorded] == later(bank)
    assert {each.rows for each in recorded} == {60}
    assert {type(value) for value in found.figures.values()} <= {int, float}, "Dagster refuses other types"
    names = bank.portfolio.features
    assert [each.name for each in recorded[0].features] == [*names.numerical, *names.categorical]
    assert "not compared" in check(bank, bank.keys[0]).description


def test_drift_of_one_feature_is_named_within_one_partition(
    evaluated: tuple[BankSteps, WindowEvaluation],
) -> None:
    bank, _ = evaluated
    frame, key = small_bank.loans(), bank.keys[-1]
    drifted = frame.copy()
    drifted.loc[drifted["issued"] == key, "months_employed"] += 150
    deliver(bank, drifted, key)
    found = check(bank, key)
    assert not found.passed
    assert found.warning
    assert found.description.startswith(f"partition {key} (60 rows): drift of months_employed PSI ")
    assert "income" not in found.description
    state = log_of(bank).state(champion(bank).version)
    assert state is not None
    assert [each.name for each in state.newest.drifted] == ["months_employed"]
    assert state.light == "red"
    deliver(bank, frame, key)
    assert check(bank, key).passed


def test_small_partitions_are_pooled_with_those_before_them(
    evaluated: tuple[BankSteps, WindowEvaluation],
) -> None:
    bank, _ = evaluated
    frame, (first, second, third) = small_bank.loans(), bank.keys[-3:]
    numbered = frame.groupby("issued").cumcount()
    few = frame[(frame["issued"] < first) | (numbered < 20)]
    deliver(bank, few, first, second, third)
    found = check(bank, third)
    assert found.description.startswith(f"partition {third}, pooled from {first} on (60 rows): no feature")
    only = later(bank)[0]
    deliver(bank, frame[(frame["issued"] != only) | (numbered < 49)], only)
    assert check(bank, only).description == f"partition {only} (49 rows): too few rows to compare"
    deliver(bank, frame, only, first, second, third)


def test_what_cannot_be_compared_warns_and_raises_no_error(
    evaluated: tuple[BankSteps, WindowEvaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, evaluation = evaluated

    def unreadable(*_: object) -> None:
        raise ArtifactError("the files do not exist")

    for module in (live_performance, partition_drift):
        monkeypatch.setattr(module, "stored_reference", unreadable)
    found = check(bank, bank.keys[-1])
    assert not found.passed
    assert found.warning
    assert found.description.startswith("not compared: ")
    assert "do not exist" in found.description
    assert [(each.passed, each.warning) for each in live(bank, evaluation).checks] == [(False, True)] * 2


def test_f1_is_estimated_before_outcomes_are_known_and_measured_afterwards(
    evaluated: tuple[BankSteps, WindowEvaluation],
) -> None:
    bank, evaluation = evaluated
    found = live(bank, evaluation)
    assert found.state is not None
    days = later(bank)
    blocks = found.state.blocks
    assert [(each.first_partition, each.last_partition, each.rows) for each in blocks] == [
        (days[0], days[4], 300),
        (days[5], days[9], 300),
        (days[10], days[14], 300),
        (days[15], days[15], 60),
    ]
    first, second, *_ = blocks
    assert (first.outcomes, second.outcomes, blocks[2].outcomes) == (300, 120, 0)
    rows = evaluation.snapshot.rows
    block = np.isin(rows.partition_key, days[:5])
    predictor = Predictor.from_artifact(bank.store.folder(champion(bank)))
    decided = predictor.predict(rows.numerical[block], rows.categorical[block]).decision == 1
    default = rows.label[block] == 1
    assert first.measured == pytest.approx(2 * (decided & default).sum() / (decided.sum() + default.sum()))
    assert [each.measured is None for each in blocks] == [False, True, True, True]
    for each in blocks:
        assert each.low is not None
        assert each.estimate is not None
        assert each.high is not None
        assert 0 < each.low < each.estimate < each.high <= 1
    scored = log_of(bank).checks(champion(bank).version)
    assert {each.partition_key for each in scored if each.score} == set(days)
    assert all(each.passed for each in found.checks if each.name == "no_score_drift")

    again = live(bank, evaluation)
    assert again == found


def test_outcomes_change_no_estimate_and_concept_drift_fails_the_check(
    evaluated: tuple[BankSteps, WindowEvaluation],
) -> None:
    bank, evaluation = evaluated
    rows = evaluation.snapshot.rows
    before = live(bank, evaluation)
    reversed_ = replace(rows, label=np.where(rows.label >= 0, 1 - rows.label, rows.label))
    after = live(bank, replace(evaluation, snapshot=replace(evaluation.snapshot, rows=reversed_)))
    assert before.state is not None
    assert after.state is not None
    assert [each.estimate for each in after.state.blocks] == [each.estimate for each in before.state.blocks]
    [failed] = [each for each in after.checks if not each.passed]
    assert (failed.name, failed.warning) == ("f1_as_estimated", True)
    assert "concept drift" in failed.description
    live(bank, evaluation)


def test_a_model_that_kept_no_reference_rows_is_not_compared(
    evaluated: tuple[BankSteps, WindowEvaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, evaluation = evaluated
    assert stored_reference(champion(bank), bank.store) is not None
    for module in (live_performance, partition_drift):
        monkeypatch.setattr(module, "stored_reference", lambda *_: None)
    assert "kept no reference rows" in check(bank, bank.keys[-1]).description
    assert {each.description for each in live(bank, evaluation).checks} == {
        f"model {champion(bank).version} is of a release that kept no reference rows"
    }


@pytest.mark.parametrize(
    ("counts", "bounds"),
    [
        ([], []),
        ([60] * 5, [(0, 1), (2, 3), (4, 4)]),
        ([100, 100], [(0, 0), (1, 1)]),
        ([20, 200, 5], [(0, 1), (2, 2)]),
    ],
)
def test_blocks_hold_consecutive_partitions(counts: list[int], bounds: list[tuple[int, int]]) -> None:
    assert block_bounds(counts, 100) == bounds
