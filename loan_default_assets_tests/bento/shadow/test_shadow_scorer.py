"""The shadow scores what is recorded as its predictor does, and a model that may not be loaded scores nothing."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bento.shadow import scorer as scoring
from bento.shadow.scorer import ShadowScorer
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets.warehouse.shadow_models import ShadowLog, ShadowState
from loan_default_assets_tests.bento.random_requests import columns_of, random_bodies
from loan_default_assets_tests.bento.tiny_models import ServedBank

DAY = "2024-06-30"
SCORES = (
    "SELECT request_id::text, probability, decision, threshold FROM shadow_predictions "
    "WHERE model_version = '{}' ORDER BY 1"
)


@pytest.fixture(autouse=True)
def _looks_for_the_shadow_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "RESOLVE_SECONDS", 0.0)


@pytest.fixture
def bank(make_bank: Callable[[], ServedBank]) -> ServedBank:
    made = make_bank()
    made.promote(made.register(0))
    return made


def shadow(bank: ServedBank, wanted: str, **settings: Any) -> ShadowScorer:
    chosen = Settings(artifact_root=str(bank.root), loan_default_home=bank.root.parent / "home", **settings)
    return ShadowScorer(bank.portfolio, artifact_store(chosen), wanted)


def applications(bank: ServedBank, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Values by column, as the service records them."""
    columns = columns_of(bank.portfolio, random_bodies(bank.portfolio, count, seed, as_of=DAY))
    return [{name: values[row] for name, values in columns.items()} | {"as_of": DAY} for row in range(count)]


def answer(bank: ServedBank, given: Sequence[dict[str, Any]]) -> list[str]:
    """Record predictions of the champion; the ids of their requests."""
    champion = bank.registry.champion()
    assert champion is not None
    made = [
        Prediction(
            request_id=str(uuid.uuid4()),
            loan_id=None,
            model_version=champion.version,
            features=features,
            probability=0.5,
            decision=1,
            threshold=0.4,
            reasons=None,
            channel="http",
            latency_ms=1.0,
            created_at=datetime.now(UTC),
        )
        for features in given
    ]
    PredictionLog(bank.database).append(made)
    return [each.request_id for each in made]


def work(bank: ServedBank, scorer: ShadowScorer) -> None:
    while scorer.poll(bank.database):
        pass


def state(bank: ServedBank, record: ModelRecord) -> ShadowState:
    found = ShadowLog(bank.database).state(record.version)
    assert found is not None
    return found


def test_scores_are_those_of_the_predictor(bank: ServedBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH_ROWS", 16)
    record = bank.register(1)
    scorer = shadow(bank, record.version)
    scorer.poll(bank.database)
    given = applications(bank, 50)
    names = answer(bank, given)
    work(bank, scorer)
    predictor = Predictor.from_artifact(bank.root / record.version)
    features = scoring.RecordedFeatures(bank.portfolio).features(given)
    pd = predictor.predict(features.numerical, features.categorical).pd
    found = {name: rest for name, *rest in bank.rows(SCORES.format(record.version))}
    assert sorted(found) == sorted(names)
    assert np.abs(np.array([found[name][0] for name in names]) - pd).max() < 1e-6
    assert {found[name][2] for name in names} == {predictor.threshold}
    assert [found[name][1] for name in names] == [int(each >= predictor.threshold) for each in pd]
    assert (state(bank, record).error, state(bank, record).waiting) == (None, 0)
    assert bank.rows("SELECT count(*) FROM predictions WHERE probability = 0.5") == [(50,)]


def test_a_record_that_is_no_application_stops_no_other(bank: ServedBank) -> None:
    record = bank.register(1)
    scorer = shadow(bank, record.version)
    scorer.poll(bank.database)
    given = applications(bank, 5)
    given[1]["income"], given[3]["as_of"] = "much", None
    names = answer(bank, given)
    work(bank, scorer)
    assert [row[0] for row in bank.rows(SCORES.format(record.version))] == sorted(names[0::2])
    assert (state(bank, record).scored, state(bank, record).omitted) == (3, 2)


def test_predictions_wait_for_a_model_that_is_refused(
    bank: ServedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bank.register(1)
    file = bank.root / record.version / "weights.safetensors"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    scorer = shadow(bank, record.version)
    work(bank, scorer)
    answer(bank, applications(bank, 3))
    work(bank, scorer)
    assert bank.rows(SCORES.format(record.version)) == []
    assert "damaged" in str(state(bank, record).error)
    file.write_bytes(good)
    work(bank, scorer)
    assert state(bank, record).waiting == 3, "it is not read at every poll"
    monkeypatch.setattr(scoring, "RETRY_SECONDS", 0)
    retried = shadow(bank, record.version)
    scorer.release(bank.database)
    work(bank, retried)
    assert (state(bank, record).scored, state(bank, record).error) == (3, None)


def test_a_required_signature_is_required_of_the_shadow(bank: ServedBank) -> None:
    record = bank.register(1)
    scorer = shadow(bank, record.version, require_signature=True)
    work(bank, scorer)
    answer(bank, applications(bank, 1))
    work(bank, scorer)
    assert f"loan-default shadow {record.version}" in str(state(bank, record).error)
    assert bank.rows(SCORES.format(record.version)) == []


def test_one_of_two_processes_scores_and_the_other_follows(bank: ServedBank) -> None:
    record = bank.register(1)
    first, second = shadow(bank, record.version), shadow(bank, record.version)
    first.poll(bank.database)
    answer(bank, applications(bank, 4))
    assert not second.poll(bank.database)
    assert bank.rows(SCORES.format(record.version)) == []
    first.release(bank.database)
    work(bank, second)
    assert not first.poll(bank.database)
    assert state(bank, record).scored == 4


def test_the_newest_rejected_candidate_follows_the_one_before(bank: ServedBank) -> None:
    scorer = shadow(bank, "last-rejected")
    with pytest.raises(WarehouseError, match="no candidate was rejected yet"):
        scorer.poll(bank.database)
    records = [bank.register(1), bank.register(2)]
    for record in records:
        bank.registry.reject(record.version, "a test")
        work(bank, scorer)
        answer(bank, applications(bank, 3))
        work(bank, scorer)
    assert [state(bank, record).scored for record in records] == [3, 3]


def test_a_promoted_shadow_does_not_score_its_own_answers(bank: ServedBank) -> None:
    record = bank.register(1)
    scorer = shadow(bank, record.version)
    work(bank, scorer)
    answer(bank, applications(bank, 2))
    work(bank, scorer)
    bank.promote(record)
    answer(bank, applications(bank, 3))
    work(bank, scorer)
    assert (state(bank, record).scored, state(bank, record).omitted) == (2, 3)
