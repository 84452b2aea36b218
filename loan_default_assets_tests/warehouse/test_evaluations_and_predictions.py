"""Evaluations and predictions, and what the views derive from them."""

import json
import math
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import (
    classifier,
    ids,
    performance,
    portfolio,
    processed,
    raw,
    scored,
)

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(sample_database: Database) -> Database:
    registry = Registry(sample_database)
    for version in ("c1", "c2"):
        registry.register(classifier(version))
    promote(one_person(sample_database), "c1", expected=None)
    return sample_database


@pytest.fixture
def evaluations(database: Database) -> EvaluationLog:
    return EvaluationLog(database)


@pytest.fixture
def predictions(database: Database) -> PredictionLog:
    return PredictionLog(database)


def prediction(**changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "loan_id": "L000001",
        "features": {"amount": 12.5, "purpose": "car", "note": None},
        "probability": 0.25,
        "latency_ms": 1.5,
        "created_at": NOON,
    }
    return scored(**(values | changes))


def test_an_evaluation_is_recorded_once(evaluations: EvaluationLog) -> None:
    first = performance("c1", 0.82)
    assert evaluations.record(first)
    assert not evaluations.record(replace(first, verdict="other"))
    read = evaluations.latest()
    assert read
    assert math.isnan(read.metrics["ks"])
    assert replace(read, metrics={**read.metrics, "ks": 0}) == replace(
        first, metrics={**first.metrics, "ks": 0}
    )


def test_the_latest_evaluation(evaluations: EvaluationLog) -> None:
    assert evaluations.latest() is None
    for hour, (version, role) in enumerate([("c1", "candidate"), ("c1", "champion"), ("c2", "candidate")]):
        when = NOON + timedelta(hours=hour)
        evaluations.record(performance(version, 0.8, role=role, evaluated_at=when, snapshot_hash="s"))
    for arguments, hours in [
        ({}, 2),
        ({"version": "c1"}, 1),
        ({"role": "champion"}, 1),
        ({"version": "x"}, None),
    ]:
        latest = evaluations.latest(**arguments)
        assert (latest and latest.evaluated_at) == (None if hours is None else NOON + timedelta(hours=hours))


def test_predictions_are_appended_once(predictions: PredictionLog, database: Database) -> None:
    batch = [prediction(position=i, request_id=str(uuid.UUID(int=i // 600))) for i in range(1_200)]
    assert predictions.append(batch[:700]) == 700
    assert predictions.append(batch) == 500
    assert predictions.append(batch[::-1]) == 0
    assert predictions.append([]) == 0
    reasons = [{"feature": "amount", "text": "금액"}]
    assert predictions.append([prediction(reasons=reasons, loan_id=None, channel="grpc")] * 2) == 1
    with database.transaction() as cursor:
        cursor.execute("SELECT reasons, loan_id FROM predictions WHERE channel = 'grpc'")
        assert cursor.fetchall() == [(reasons, None)]
    assert [*opened(database, "channel = 'grpc'").values()] == [prediction().features]


def test_a_request_that_is_delivered_twice_is_stored_once(
    predictions: PredictionLog, database: Database
) -> None:
    loan = {"loan_id": "a", "features": {"amount": 1.5}, "probability": 0.25, "decision": 0, "reasons": None}
    request = {
        "model_version": "c1",
        "threshold": 0.4,
        "channel": "http",
        "latency_ms": 1.5,
        "created_at": NOON.isoformat(),
        "loans": [loan, loan | {"loan_id": "b"}],
    }
    lines = [json.dumps(request | {"request_id": str(uuid.UUID(int=n))}).encode() for n in range(3)]
    predictions.append_lines(lines[:2])
    predictions.append_lines(lines)
    predictions.append_lines([lines[2], lines[0]])
    with database.transaction() as cursor:
        cursor.execute("SELECT request_id, position, loan_id FROM predictions ORDER BY 1, 2")
        expected = [(str(uuid.UUID(int=n)), place, loan) for n in range(3) for place, loan in enumerate("ab")]
        assert [(str(row[0]), *row[1:]) for row in cursor.fetchall()] == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": 1.0001}, "probability"),
        ({"probability": -0.1}, "probability"),
        ({"probability": float("nan")}, "probability"),
        ({"decision": 2}, "decision"),
        ({"threshold": 2}, "threshold"),
        ({"channel": "fax"}, "channel"),
        ({"latency_ms": -1}, "latency"),
        ({"model_version": "unknown"}, "foreign key"),
        ({"request_id": "not a uuid"}, r"refused a value: invalid input syntax for type uuid: \"...\""),
    ],
)
def test_invalid_predictions_are_refused(
    change: dict[str, Any], message: str, predictions: PredictionLog, database: Database
) -> None:
    with pytest.raises(WarehouseError, match=message):
        predictions.append([prediction(), prediction(**change)])
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM predictions")
        assert cursor.fetchall() == [(0,)]


@pytest.mark.parametrize("table", ["predictions", "model_performance"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET model_version = 'c2'", "DELETE FROM {}", "TRUNCATE {}"])
def test_append_only(
    table: str, statement: str, evaluations: EvaluationLog, predictions: PredictionLog, database: Database
) -> None:
    predictions.append([prediction()])
    evaluations.record(performance("c1", 0.8))
    with pytest.raises(WarehouseError, match=f"{table} is append-only"), database.transaction() as cursor:
        cursor.execute(statement.format(table))


def test_live_performance_equals_a_direct_computation(predictions: PredictionLog, database: Database) -> None:
    """400 loans with ties among the PDs, a third of them without outcome."""
    loans = Loans(database, portfolio())
    names = ids(400)
    frame = raw(names)
    replace_raw(loans, "2024-01-01", frame)
    # The second partition moves the cutoff to the date from which the labels of the first count.
    for key in ("2024-01-01", "2024-01-31"):
        replace_processed(loans, key, processed(ids(1), key=key))
    immature = raw(["immature"], key="2024-01-31").assign(
        label=1.0, label_observed_at=pd.Timestamp("2024-03-01")
    )
    replace_raw(loans, "2024-01-31", immature)
    score = np.random.default_rng(0).integers(0, 20, len(names)) / 20
    first_scores = [prediction(loan_id=name, probability=0.99, decision=1) for name in names[:50]]
    served = [
        prediction(
            loan_id=name, probability=float(p), decision=int(p >= 0.4), created_at=NOON + timedelta(hours=1)
        )
        for name, p in [*zip(names, score, strict=True), ("immature", 0.9), ("unknown", 0.9)]
    ]
    predictions.append([*first_scores, *served, prediction(loan_id=None)])
    (live,) = predictions.live_performance()

    known = frame["label"].notna().to_numpy()
    label, p = frame["label"].to_numpy()[known] == 1, score[known]
    assert (live["model_version"], live["rows"], live["positives"]) == ("c1", known.sum(), label.sum())
    predicted = p >= 0.4
    true_positives = (predicted & label).sum()
    higher = p[label][:, None] - p[~label]
    expected = {
        "f1": 2 * true_positives / (predicted.sum() + label.sum()),
        "precision": true_positives / predicted.sum(),
        "recall": true_positives / label.sum(),
        "accuracy": (predicted == label).mean(),
        "roc_auc": (higher > 0).mean() + (higher == 0).mean() / 2,
        "brier": ((p - label) ** 2).mean(),
    }
    assert {name: float(live[name]) for name in expected} == pytest.approx(expected)
