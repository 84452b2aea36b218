"""A shadow scores every prediction once, in whatever order processes and transactions end, and keeps no erased one."""

import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from loan_default_assets.warehouse import erasures
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.erasures import Erasure
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.prediction_pruning import prune_months
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets.warehouse.shadow_models import (
    LAST_REJECTED,
    DueBatch,
    ShadowLog,
    active_shadows,
    shadow_record,
)
from loan_default_assets.warehouse.shadow_pairs import matured_pairs
from loan_default_assets_tests.databases import LOCK_WAITS
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import classifier, ids, portfolio, processed, raw, scored

HASH = "p" * 64
SCORES = "SELECT request_id::text, position, model_version, probability, decision FROM shadow_predictions ORDER BY 1, 2"


@pytest.fixture
def database(database_url: str) -> Database:
    """A champion, and a candidate that was rejected and has become the shadow."""
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    registry = Registry(database)
    for version in ("champion", "shadow"):
        registry.register(classifier(version, trained_to=date(2024, 1, 31)))
    promote(one_person(database), "champion", expected=None)
    registry.reject("shadow", "a test")
    ShadowLog(database).begin("shadow")
    return database


def record(database: Database, version: str = "shadow") -> ModelRecord:
    return Registry(database).get(version)


def prediction(loan: str | None = None, **changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "loan_id": loan,
        "model_version": "champion",
        "features": {"amount": 0.5},
    }
    return scored(**(values | changes))


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def score(database: Database, most: int = 100, pd: float = 0.6) -> int:
    """Score all that is due; the number of batches."""
    log, batches = ShadowLog(database), 0
    while (batch := log.due(record(database), most)).after != batch.before:
        assert log.store("shadow", 0.4, batch, [(each, pd) for each in batch.applications])
        batches += 1
    return batches


def places(predictions: Sequence[Prediction]) -> list[tuple[str, int]]:
    return sorted((each.request_id, each.position) for each in predictions)


def test_every_prediction_since_the_start_is_scored_once(database: Database) -> None:
    log = PredictionLog(database)
    before = [prediction(model_version="champion", request_id=str(uuid.uuid4())) for _ in range(3)]
    registry = Registry(database)
    registry.register(classifier("second"))
    log.append(before)
    ShadowLog(database).begin("second")
    after = [prediction(request_id=str(uuid.uuid4()), position=each % 2) for each in range(7)]
    log.append(after[:3])
    log.append(after[3:])
    assert score(database, most=4) == 3
    assert [(name, position) for name, position, *_ in query(database, SCORES)] == places(before + after)
    ShadowLog(database).begin("shadow")
    assert score(database) == 0, "a repetition of the start changes nothing"
    second = ShadowLog(database).due(record(database, "second"), 100)
    assert places_of(second) == places(after), "of another shadow, those since its own start"
    assert {row[2:] for row in query(database, SCORES)} == {("shadow", 0.6, 1)}
    state = ShadowLog(database).state("shadow")
    assert state is not None
    assert (state.scored, state.omitted, state.waiting) == (10, 0, 0)


def places_of(batch: DueBatch) -> list[tuple[str, int]]:
    return sorted((each.request_id, each.position) for each in batch.applications)


def test_features_are_those_that_were_scored(database: Database) -> None:
    PredictionLog(database).append([prediction(features={"amount": 7.5, "note": "원화", "none": None})])
    [due] = ShadowLog(database).due(record(database), 10).applications
    assert due.features == {"amount": 7.5, "note": "원화", "none": None}


def test_two_processes_store_a_batch_once(database: Database) -> None:
    log = ShadowLog(database)
    PredictionLog(database).append([prediction() for _ in range(5)])
    both = [log.due(record(database), 3) for _ in range(2)]
    assert both[0] == both[1]
    stored = [log.store("shadow", 0.4, each, [(one, 0.5) for one in each.applications]) for each in both]
    assert stored == [True, False]
    assert score(database) == 1
    assert query(database, "SELECT count(*) FROM shadow_predictions") == [(5,)]


def test_one_process_scores_until_it_is_lost_or_ends(database: Database) -> None:
    log = ShadowLog(database)
    assert [log.claim("shadow", name) for name in ("a", "b", "a")] == [True, False, True]
    query(database, "UPDATE shadow_models SET seen_at = now() - interval '31 s' RETURNING 1")
    assert [log.claim("shadow", name) for name in ("b", "a")] == [True, False]
    log.release("b")
    assert log.claim("shadow", "a")


@pytest.mark.parametrize(
    "omitted",
    [
        {"channel": "file", "latency_ms": None},
        {"model_version": "shadow"},
        {"model_version": "foreign"},
    ],
    ids=["of a file", "of its own", "of another portfolio"],
)
def test_other_predictions_are_omitted_and_counted(database: Database, omitted: dict[str, Any]) -> None:
    Registry(database).register(classifier("foreign", portfolio_hash="q" * 64))
    PredictionLog(database).append([prediction(), prediction(**omitted), prediction()])
    assert score(database) == 1
    state = ShadowLog(database).state("shadow")
    assert state is not None
    assert (state.scored, state.omitted, state.waiting) == (2, 1, 0)


def test_erased_applications_lose_their_shadow_scores_and_get_none(database: Database) -> None:
    subject, log = ErasedSubject.of("loan", "L1"), PredictionLog(database)
    log.append([prediction("L1"), prediction("L2")])
    score(database)
    log.append([prediction("L1"), prediction("L2")])
    batch = ShadowLog(database).due(record(database), 10)
    assert erasures.find(database, subject).shadow_scores == 1
    assert erasures.erase(database, subject).shadow_scores == 1
    # Read before the erasure, and stored after it.
    assert ShadowLog(database).store("shadow", 0.4, batch, [(each, 0.5) for each in batch.applications])
    kept = "SELECT loan_id FROM shadow_predictions JOIN predictions USING (request_id, position)"
    assert query(database, kept) == [("L2",), ("L2",)]
    assert not erasures.find(database, subject).anything


def test_a_repeated_erasure_after_a_restore_takes_shadow_scores(database: Database) -> None:
    PredictionLog(database).append([prediction("L1"), prediction("L2")])
    score(database)
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE prediction_keys k SET key = NULL FROM predictions p WHERE p.loan_id = 'L1' "
            "AND (p.request_id, p.position) = (k.request_id, k.position)"
        )
    erasures.replay(database, [Erasure(ErasedSubject.of("loan", "L1").sha256, datetime.now(UTC))])
    assert query(database, "SELECT count(*) FROM shadow_predictions") == [(1,)]


@pytest.mark.parametrize("partitions", [True, False], ids=["a whole month", "rows of a month"])
def test_pruned_predictions_take_their_shadow_scores(database: Database, partitions: bool) -> None:
    old = datetime.now(UTC).replace(day=1, hour=12) - timedelta(days=40)
    month = old.date().replace(day=1)
    replace_processed(Loans(database, portfolio()), "2024-05-01", processed(ids(1), key="2024-05-01"))
    given = [prediction(created_at=old), prediction()]
    kept = [] if partitions else [prediction("L9", created_at=old)]
    PredictionLog(database).append([*given, *kept])
    score(database)
    PredictionLog(database).append([prediction(created_at=old)])
    assert prune_months(database, [month]) == 2
    assert [(name, position) for name, position, *_ in query(database, SCORES)] == places([given[1], *kept])
    assert score(database) == 1
    state = ShadowLog(database).state("shadow")
    assert state is not None
    assert state.omitted == 1


def test_nothing_is_stored_while_predictions_are_pruned(database: Database) -> None:
    PredictionLog(database).append([prediction()])
    log = ShadowLog(database)
    batch = log.due(record(database), 10)
    scores = [(each, 0.5) for each in batch.applications]
    with database.transaction() as cursor:
        cursor.execute("SELECT prune_predictions('2020-01-01')")
        assert not log.store("shadow", 0.4, batch, scores)
    assert log.store("shadow", 0.4, batch, scores)


def test_scores_are_not_stored_beside_an_erasure(database: Database) -> None:
    PredictionLog(database).append([prediction("L1")])
    batch = ShadowLog(database).due(record(database), 10)
    storing = threading.Thread(
        target=ShadowLog(database).store,
        args=("shadow", 0.4, batch, [(each, 0.5) for each in batch.applications]),
    )
    with database.transaction() as cursor:
        # What an erasure does before it looks for shadow scores.
        cursor.execute("LOCK TABLE prediction_keys IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("UPDATE prediction_keys SET key = NULL")
        storing.start()
        while query(database, LOCK_WAITS) != [(1,)]:
            assert storing.is_alive()
    storing.join(20)
    assert query(database, "SELECT count(*) FROM shadow_predictions") == [(0,)]


CHANGES = {
    "a score is changed": "UPDATE shadow_predictions SET probability = 0.1",
    "scores are truncated": "TRUNCATE shadow_predictions",
    "a score is deleted": "DELETE FROM shadow_predictions",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_scores_are_append_only(database: Database, statement: str) -> None:
    PredictionLog(database).append([prediction()])
    score(database)
    with pytest.raises(WarehouseError, match="append-only"), database.transaction() as cursor:
        cursor.execute(statement)


def test_the_setting_names_a_model(database: Database) -> None:
    registry = Registry(database)
    assert shadow_record(registry, LAST_REJECTED, HASH).version == "shadow"
    registry.register(classifier("newer"))
    assert shadow_record(registry, "newer", HASH).version == "newer"
    assert shadow_record(registry, LAST_REJECTED, HASH).version == "shadow", "a candidate awaits its verdict"
    registry.reject("newer", "a test")
    assert shadow_record(registry, LAST_REJECTED, HASH).version == "newer"
    promote(one_person(database), "newer", expected="champion")
    registry.rollback("a test")
    assert shadow_record(registry, LAST_REJECTED, HASH).version == "shadow", (
        "a former champion is no candidate"
    )
    for wanted, portfolio_hash, why in (
        ("unknown", HASH, "no model unknown"),
        ("shadow", "q" * 64, "another description"),
        (LAST_REJECTED, "q" * 64, "no candidate was rejected yet"),
    ):
        with pytest.raises(WarehouseError, match=why):
            shadow_record(registry, wanted, portfolio_hash)


def test_a_shadow_keeps_its_files_for_some_days(database: Database) -> None:
    with database.transaction() as cursor:
        assert active_shadows(cursor) == {"shadow"}
        cursor.execute("UPDATE shadow_models SET started_at = now() - interval '8 days'")
        assert active_shadows(cursor) == set()
        cursor.execute("UPDATE shadow_models SET seen_at = now()")
        assert active_shadows(cursor) == {"shadow"}


def outcomes(database: Database, key: str, label: Sequence[float | None]) -> None:
    """Loans of a partition with these outcomes, known by the cutoff."""
    loans = Loans(database, portfolio())
    frame = raw(ids(len(label)), key=key).assign(
        label=[float("nan") if each is None else each for each in label],
        label_observed_at=[pd.NaT if each is None else pd.Timestamp(key) for each in label],
    )
    replace_raw(loans, key, frame)
    replace_processed(loans, "2024-05-01", processed(ids(1), key="2024-05-01"))


def test_pairs_are_the_newest_with_an_outcome_after_both_trainings(database: Database) -> None:
    outcomes(database, "2024-03-01", [1.0, 0.0, None])
    first, second, third = ids(3)
    log = PredictionLog(database)
    assert matured_pairs(database, "shadow") is None
    log.append([prediction(first, probability=0.2)])
    score(database, pd=0.3)
    log.append([prediction(each, probability=0.7) for each in (first, second, third, None)])
    score(database, pd=0.9)
    found = matured_pairs(database, "shadow")
    assert found is not None
    assert (found.champion, sorted(found.label.tolist())) == ("champion", [0, 1])
    assert (found.champion_pd.tolist(), found.shadow_pd.tolist()) == ([0.7, 0.7], [0.9, 0.9])
    assert (found.champion_threshold, found.shadow_threshold) == (0.4, 0.4)
    assert len(matured_pairs(database, "shadow", most=1).label) == 1  # type: ignore[union-attr]


def test_loans_of_the_training_are_no_pairs(database: Database) -> None:
    outcomes(database, "2024-01-31", [1.0, 0.0])
    PredictionLog(database).append([prediction(each) for each in ids(2)])
    score(database)
    assert matured_pairs(database, "shadow") is None


def test_pairs_are_of_the_present_champion_or_the_last_one(database: Database) -> None:
    outcomes(database, "2024-03-01", [1.0, 0.0])
    registry = Registry(database)
    registry.register(classifier("other", trained_to=date(2024, 1, 31)))
    now = datetime.now(UTC)
    PredictionLog(database).append(
        [
            prediction(ids(1)[0], model_version="other", created_at=now - timedelta(minutes=2)),
            prediction(ids(1)[0], created_at=now - timedelta(minutes=3)),
        ]
    )
    score(database)

    def compared() -> str:
        found = matured_pairs(database, "shadow")
        assert found is not None
        return found.champion

    assert compared() == "champion"
    promote(one_person(database), "shadow", expected="champion")
    assert compared() == "other", "the last one that answered"
