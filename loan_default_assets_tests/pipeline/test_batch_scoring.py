"""Batch scores of stored partitions: what is stored, what is recorded, and what a failure leaves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from loan_default_assets.model.predictor import Predictor
from loan_default_assets.pipeline.batch_scoring import ScoredPartitions, score_partitions
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.pipeline.pipeline_errors import NoModelError, NoRowsError
from loan_default_assets.warehouse import erasures
from loan_default_assets.warehouse import loans as loans_module
from loan_default_assets.warehouse.batch_scores import BatchScores, ScoredBatch, ScoredPartition
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.pipeline.bank_steps import LOG, BankSteps
from loan_default_assets_tests.promoting import promote
from loan_default_assets_tests.warehouse.one_partition import replace_processed

ROWS = "SELECT partition_key, loan_id, model_version, probability, decision FROM scored_loans ORDER BY 1, 2"
PROVENANCE = "SELECT * FROM scored_partitions ORDER BY partition_key, scored_at"


@pytest.fixture(scope="module")
def bank(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BankSteps]:
    """A bank with a champion."""
    with fresh_database(postgres) as url:
        steps = BankSteps.open(tmp_path_factory.mktemp("bank_with_champion"), url)
        steps.load()
        steps.features()
        steps.pretrain()
        version = steps.train().record.version
        promote(steps.promotions, version, expected=None)
        yield steps


def score(bank: BankSteps, keys: list[str], parquet: Path | None = None) -> ScoredPartitions:
    return score_partitions(
        bank.portfolio,
        bank.loans,
        bank.registry,
        bank.store,
        BatchScores(bank.database),
        keys,
        parquet=parquet,
        log=LOG,
    )


def select(bank: BankSteps, statement: str) -> list[tuple[Any, ...]]:
    with bank.database.transaction() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_every_loan_of_a_partition_is_scored_once_and_recorded(bank: BankSteps, tmp_path: Path) -> None:
    keys = bank.keys[:3]
    result = score(bank, keys, tmp_path)
    assert result.changed == (True, True, True)
    champion = bank.registry.champion()
    assert champion is not None
    rows = bank.loans.read_processed(keys=keys)
    expected = load_predictor(champion, bank.portfolio, bank.store).predict(rows.numerical, rows.categorical)
    stored = [row for row in select(bank, ROWS) if row[0] in keys]
    assert [row[:3] for row in stored] == [
        (key, loan, champion.version) for key, loan in zip(rows.partition_key, rows.loan_id, strict=True)
    ]
    np.testing.assert_allclose([row[3] for row in stored], expected.pd, rtol=0, atol=1e-9)
    assert [row[4] for row in stored] == expected.decision.tolist()
    for described in result.described:
        of_key = [row for row in stored if row[0] == described.partition_key]
        assert described.rows == len(of_key) == 60
        assert described.pd_sum == pytest.approx(sum(row[3] for row in of_key))
        file = pq.read_table(tmp_path / f"{described.partition_key}.parquet").to_pylist()
        assert [tuple(row.values()) for row in file] == [(row[1], row[3], row[4]) for row in of_key]
    recorded = [row for row in select(bank, PROVENANCE) if row[0] in keys]
    assert [row[:7] for row in recorded] == [tuple(vars(each).values()) for each in result.described]
    tables = select(bank, "SELECT DISTINCT tableoid::regclass::text FROM scored_loans")
    assert tables == [("scored_loans_2025",)]

    again = score(bank, keys, tmp_path)
    assert again.described == result.described
    assert again.changed == (False, False, False)
    assert [row for row in select(bank, PROVENANCE) if row[0] in keys] == recorded


def test_the_record_tells_other_features_and_other_scores_apart(
    bank: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bank.keys[4]
    before = score(bank, [key]).described[0]
    rows = bank.loans.read_processed(keys=[key])
    rows.numerical[0, 0] += 1
    replace_processed(bank.loans, key, rows)
    other = score(bank, [key]).described[0]
    assert other.features_sha256 != before.features_sha256
    predict = Predictor.predict

    def shifted(self: Predictor, *features: Any, **options: Any) -> Any:
        scored = predict(self, *features, **options)
        return replace(scored, pd=scored.pd / 2)

    monkeypatch.setattr(Predictor, "predict", shifted)
    halved = score(bank, [key]).described[0]
    assert (halved.features_sha256, halved.pd_sum) == (other.features_sha256, pytest.approx(other.pd_sum / 2))
    assert halved.sha256 != other.sha256


def test_small_batches_score_the_same_loans(bank: BankSteps, monkeypatch: pytest.MonkeyPatch) -> None:
    key = bank.keys[5]
    whole = score(bank, [key]).described[0]
    before = [row for row in select(bank, ROWS) if row[0] == key]
    for size in (7, 20, 60):
        monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", size)
        parts = score(bank, [key]).described[0]
        assert (parts.rows, parts.features_sha256) == (whole.rows, whole.features_sha256)
        after = [row for row in select(bank, ROWS) if row[0] == key]
        assert [row[:3] for row in after] == [row[:3] for row in before]
        np.testing.assert_allclose([row[3] for row in after], [row[3] for row in before], rtol=0, atol=1e-6)


def test_a_failure_leaves_the_former_scores_and_file(
    bank: BankSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bank.keys[6]
    score(bank, [key], tmp_path)
    before = select(bank, ROWS), (tmp_path / f"{key}.parquet").read_bytes()
    monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", 25)
    predict, calls = Predictor.predict, []

    def fails(self: Predictor, *features: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError("no memory")
        return replace(scored := predict(self, *features, **options), pd=1 - scored.pd)

    monkeypatch.setattr(Predictor, "predict", fails)
    with pytest.raises(MemoryError):
        score(bank, [key], tmp_path)
    assert (select(bank, ROWS), (tmp_path / f"{key}.parquet").read_bytes()) == before
    assert [path.name for path in tmp_path.iterdir()] == [f"{key}.parquet"]


def test_scores_and_their_record_are_stored_together(bank: BankSteps) -> None:
    key = bank.keys[9]
    rows = ScoredBatch(np.array(["a"]), np.array([0.25]), np.array([0], np.int8))

    def fails() -> ScoredPartition:
        raise MemoryError("no memory")

    before = select(bank, ROWS), select(bank, PROVENANCE)
    with pytest.raises(MemoryError):
        BatchScores(bank.database).replace(key, "c1", [rows], fails)
    assert (select(bank, ROWS), select(bank, PROVENANCE)) == before


def test_a_partition_whose_loan_is_erased_meanwhile_is_scored_again(
    bank: BankSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of its features and the storing of its scores."""
    key = bank.keys[10]
    loan = str(bank.loans.read_processed(keys=[key]).loan_id[3])
    predict, calls = Predictor.predict, []

    def erasing(self: Predictor, *features: Any, **options: Any) -> Any:
        if not calls:
            erasures.erase(bank.database, ErasedSubject.of("loan", loan))
        calls.append(1)
        return predict(self, *features, **options)

    monkeypatch.setattr(Predictor, "predict", erasing)
    described = score(bank, [key]).described[0]
    assert len(calls) == 2
    assert described.rows == 59
    assert loan not in [row[1] for row in select(bank, ROWS) if row[0] == key]
    recorded = [row for row in select(bank, PROVENANCE) if row[0] == key]
    assert [row[:7] for row in recorded] == [tuple(vars(described).values())]


def test_what_is_missing_is_said_before_anything_is_scored(steps: BankSteps) -> None:
    steps.load(steps.keys[:2])
    with pytest.raises(NoModelError, match="no champion"):
        score(steps, steps.keys[:2])


def test_loans_without_features_are_not_passed_over(bank: BankSteps) -> None:
    key = bank.keys[8]
    rows = bank.loans.read_processed(keys=[key])
    replace_processed(bank.loans, key, bank.loans.read_processed(keys=[]))
    before = select(bank, ROWS)
    try:
        with pytest.raises(NoRowsError, match=f"1 partitions have no features of their present loans: {key}"):
            score(bank, [bank.keys[7], key])
        assert select(bank, ROWS) == before
    finally:
        replace_processed(bank.loans, key, rows)


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("2019-12-31", "scored_loans_2019"),
        ("2020-01-01", "scored_loans_2020"),
        ("snapshot", "scored_loans_undated"),
    ],
)
def test_a_year_has_a_table_of_its_own(bank: BankSteps, key: str, table: str) -> None:
    rows = ScoredBatch(np.array(["a", "대출-1"]), np.array([0.25, 0.5]), np.array([0, 1], np.int8))
    scored = BatchScores(bank.database)
    with ThreadPoolExecutor(4) as pool:
        replaced = list(pool.map(lambda _: scored.replace(key, "c1", [rows]), range(4)))
    assert sum(each.changed for each in replaced) == 1
    found = select(
        bank,
        f"SELECT tableoid::regclass::text, loan_id, probability, decision FROM scored_loans "
        f"WHERE partition_key = '{key}' ORDER BY loan_id",
    )
    assert found == [(table, "a", 0.25, 0), (table, "대출-1", 0.5, 1)]
