import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.pipeline import make_features
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.portfolio.features import Features, transform
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.portfolio.partition_rows import small_chunks


def test_partitions_are_loaded_once(steps: BankSteps) -> None:
    stored = steps.load()
    assert [partition.key for partition in stored.partitions] == steps.keys
    assert {partition.rows for partition in stored.partitions} == {60}
    assert all(partition.changed for partition in stored.partitions)
    frame = small_bank.loans()
    first_day = frame[frame["issued"] == small_bank.START.isoformat()]
    assert stored.partitions[0].default_rate == pytest.approx(first_day["defaulted"].mean())
    assert stored.check.passed
    assert stored.check.figures == {"rows": 2400}
    assert str(stored) == (
        "2,400 rows read, 2,400 rows stored in 40 partitions, 40 of them changed; 0 of other partitions, 0 refused"
    )

    again = steps.load(steps.keys[:10])
    assert str(again) == (
        "2,400 rows read, 600 rows stored in 10 partitions, 0 of them changed; 1,800 of other partitions, 0 refused"
    )


def test_a_partition_without_labels_has_no_default_rate(database_url: str, tmp_path: Path) -> None:
    frame = small_bank.loans(days=2)
    frame["defaulted"] = frame["defaulted"].where(frame["issued"] != small_bank.START.isoformat())
    stored = BankSteps.open(tmp_path, database_url, frame).load(["2025-01-01", "2025-01-02"])
    assert [partition.default_rate is None for partition in stored.partitions] == [True, False]


def test_one_bad_row_fails_the_check_and_nothing_is_stored(database_url: str, tmp_path: Path) -> None:
    frame = small_bank.loans()
    frame.loc[65, "amount"] = -5150.25
    steps = BankSteps.open(tmp_path, database_url, frame)
    with pytest.raises(
        ChecksFailedError, match="do not match portfolio small_bank; nothing was stored of 2,400 rows"
    ) as error:
        steps.load()
    [check] = error.value.checks
    assert not check.passed
    [(key, violation)] = check.violations
    assert (key, violation.column, violation.rows) == ("2025-01-02", "amount", (66,))
    assert check.description in str(error.value)
    assert "5150" not in str(error.value)
    assert steps.loans.counts()["raw_data"] == 0


def test_a_label_of_one_class_is_refused(database_url: str, tmp_path: Path) -> None:
    steps = BankSteps.open(tmp_path, database_url, small_bank.loans().assign(defaulted=0))
    with pytest.raises(ChecksFailedError, match="defaulted: must be of two values"):
        steps.load()
    few = steps.load(steps.keys[:3])
    assert few.check.passed, "one class over the few rows of three days may be chance"


def test_features_are_those_of_the_raw_rows_and_made_once(steps: BankSteps) -> None:
    keys = steps.keys[:3]
    steps.load(keys)
    stored = steps.features(keys)
    assert str(stored) == "180 rows stored in 3 partitions, 3 of them changed"
    assert [partition.key for partition in stored.partitions] == keys
    raw = pd.concat([steps.loans.read_raw(key) for key in keys])
    expected = transform(steps.portfolio, raw, raw["as_of"].to_numpy())
    rows = steps.loans.read_processed()
    assert list(rows.loan_id) == list(raw["loan_id"])
    np.testing.assert_array_equal(rows.numerical, expected.numerical)
    np.testing.assert_array_equal(rows.categorical, expected.categorical)
    np.testing.assert_array_equal(rows.label, raw["label"])

    assert str(steps.features(keys)) == "180 rows stored in 3 partitions, 0 of them changed"


def test_features_that_break_their_schema_are_not_stored(
    steps: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = steps.keys[:2]
    steps.load(keys)

    def infinite(*arguments: object) -> Features:
        features = transform(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(features, numerical=np.full_like(features.numerical, np.inf))

    monkeypatch.setattr(make_features, "transform", infinite)
    with pytest.raises(ChecksFailedError, match="break their schema; nothing was stored") as error:
        steps.features(keys)
    [check] = error.value.checks
    assert {violation.column for _, violation in check.violations} == set(steps.portfolio.features.numerical)
    assert {key for key, _ in check.violations} == {"2025-01-01 to 2025-01-02"}
    assert steps.loans.counts()["processed_data"] == 0


def test_the_rows_do_not_depend_on_the_chunks_of_the_source(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = small_bank.loans(days=5).sample(frac=1, random_state=0)
    steps = BankSteps.open(tmp_path, database_url, frame)
    whole = steps.load(steps.keys[:5])
    hashed = steps.loans.table_hash("raw_data")
    small_chunks(monkeypatch, 7)
    again = steps.load(steps.keys[:5])
    assert steps.loans.table_hash("raw_data") == hashed
    assert [part.default_rate for part in again.partitions] == [
        part.default_rate for part in whole.partitions
    ]
    assert not any(partition.changed for partition in again.partitions)


def test_violations_are_counted_over_all_chunks(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = small_bank.loans()
    frame.loc[range(60, 100, 2), "amount"] = -1
    frame.loc[2000, "purpose"] = "boat"
    steps = BankSteps.open(tmp_path, database_url, frame)
    small_chunks(monkeypatch, 17)
    with pytest.raises(ChecksFailedError, match="nothing was stored") as error:
        steps.load()
    first, second = (violation for _, violation in error.value.checks[0].violations)
    assert (first.column, first.count, first.rows) == ("amount", 20, tuple(range(61, 101, 2)))
    assert (second.column, second.count, second.rows) == ("purpose", 1, (2001,))
    assert error.value.checks[0].figures == {"rows": 2400}
    assert steps.loans.counts()["raw_data"] == 0


def test_a_loan_that_is_delivered_twice_is_named_wherever_it_lies_in_the_file(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = small_bank.loans(days=3)
    frame = pd.concat([frame, frame.iloc[[4, 70]]], ignore_index=True)
    steps = BankSteps.open(tmp_path, database_url, frame)
    small_chunks(monkeypatch, 25)
    with pytest.raises(ChecksFailedError, match="column loan_id: must be unique") as error:
        steps.load(steps.keys[:3])
    assert [(key, violation.rows) for key, violation in error.value.checks[0].violations] == [
        ("2025-01-01", (5, 181)),
        ("2025-01-02", (71, 182)),
    ]
    assert steps.loans.counts()["raw_data"] == 0
