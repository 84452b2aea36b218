"""Predictions: complete, logged, and equal over HTTP, over gRPC and from the predictor itself."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.bento.random_requests import columns_of, message, random_bodies
from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank, train
from loan_default_assets_tests.opened_predictions import opened


def post(served: Served, path: str, body: Any, **options: Any) -> httpx.Response:
    return httpx.post(served.http + path, json=body, timeout=30, **options)


def wait_for_rows(bank: ServedBank, statement: str, count: int, seconds: float = 60.0) -> list[Any]:
    """The rows of a query, once there are `count`."""
    until = time.monotonic() + seconds
    while len(rows := bank.rows(statement)) < count and time.monotonic() < until:
        time.sleep(0.1)
    return rows


def parity(bank: ServedBank, served: Served, count: int) -> None:
    """Assert equal probabilities, versions and reasons over HTTP, over gRPC, and from the predictor."""
    dated = {"as_of": "2024-06-30"} if any(c.kind == "date" for c in bank.portfolio.columns.values()) else {}
    bodies = random_bodies(bank.portfolio, count, 5, reasons="all", **dated)
    by_http: list[Any] = []
    for start in range(0, count, 1000):
        response = post(served, "/predict-batch", {"loans": bodies[start : start + 1000]})
        assert response.status_code == 200, response.text
        by_http += response.json()["predictions"]
    with grpc.insecure_channel(served.grpc) as channel:
        stub = pb_grpc.LoanDefaultStub(channel)
        by_grpc = [stub.Predict(message(body)) for body in bodies]
    record = bank.registry.champion()
    assert record is not None
    predictor = Predictor.from_artifact(
        bank.root / record.version, reason_texts=bank.portfolio.reason_texts()
    )
    features = transform(bank.portfolio, columns_of(bank.portfolio, bodies), np.datetime64("2024-06-30"))
    scored = predictor.predict(features.numerical, features.categorical, reasons="all")
    assert np.abs([p["probability"] for p in by_http] - scored.pd).max() < 1e-6
    assert np.abs([p.probability for p in by_grpc] - scored.pd).max() < 1e-6
    for http, rpc, reasons in zip(by_http, by_grpc, scored.reasons, strict=True):
        assert (http["model_version"], http["threshold"]) == (rpc.model_version, rpc.threshold)
        assert http["model_version"] == record.version
        assert http["prediction"] == rpc.prediction == int(http["probability"] >= http["threshold"])
        offline = [reason.code for reason in reasons]
        assert [r["code"] for r in http["reasons"]] == [r.code for r in rpc.reasons] == offline


def test_http_grpc_and_the_predictor_agree(bank: ServedBank, served: Served) -> None:
    parity(bank, served, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo", "taiwan_credit"])
def test_a_thousand_loans_of_the_library_agree(
    make_bank: Callable[..., ServedBank], serve: Callable[..., Any], name: str
) -> None:
    portfolio = load(name, source="loans.csv")
    bank = make_bank(name, train(portfolio))
    bank.promote(bank.register(0))
    with serve(bank, ready="/health", loan_source="loans.csv") as served:
        parity(bank, served, 1000)


def test_a_prediction_is_complete_and_logged(bank: ServedBank, served: Served) -> None:
    body = request(loan_id="L-1", sex="f", reasons="all", job="astronaut", hired=...)
    response = post(served, "/predict", body)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    prediction = response.json()
    assert set(prediction) == {
        "prediction",
        "probability",
        "threshold",
        "reasons",
        "model_version",
        "request_id",
    }
    assert 1 <= len(prediction["reasons"]) <= 4
    assert set(prediction["reasons"][0]) == {"code", "en", "ko", "contribution"}
    assert "sex" not in [reason["code"] for reason in prediction["reasons"]]
    names = "loan_id, model_version, probability, decision, threshold, channel, reasons, latency_ms"
    statement = f"SELECT {names} FROM predictions WHERE request_id = '{prediction['request_id']}'"
    ((*stored, reasons, latency),) = wait_for_rows(bank, statement, 1)
    (features,) = opened(bank.database, f"request_id = '{prediction['request_id']}'").values()
    assert features is not None
    expected = [prediction[name] for name in ("model_version", "probability", "prediction", "threshold")]
    assert stored == ["L-1", *expected, "http"]
    assert features["income"] == 30_000
    assert (features["job"], features["hired"]) == ("astronaut", None)
    assert "sex" not in features
    assert "remarks" not in features
    assert [reason["code"] for reason in reasons] == [reason["code"] for reason in prediction["reasons"]]
    assert latency > 0


@pytest.mark.parametrize("requested", ["adverse", "all", "none", None])
def test_reasons_are_returned_when_requested(bank: ServedBank, served: Served, requested: str | None) -> None:
    bodies = random_bodies(bank.portfolio, 40, 3, **({"reasons": requested} if requested else {}))
    predictions = post(served, "/predict-batch", {"loans": bodies}).json()["predictions"]
    assert {each["prediction"] for each in predictions} == {0, 1}
    for prediction in predictions:
        expected = requested == "all" or (requested in ("adverse", None) and prediction["prediction"] == 1)
        assert bool(prediction["reasons"]) == expected
        if prediction["prediction"] == 1:
            assert all(reason["contribution"] > 0 for reason in prediction["reasons"])


def test_a_batch_is_one_request_with_one_version(bank: ServedBank, served: Served) -> None:
    body = {"loans": [request(loan_id=str(n), reasons="none") for n in range(1000)]}
    batch = post(served, "/predict-batch", body).json()
    assert {each["model_version"] for each in batch["predictions"]} == {batch["model_version"]}
    assert {each["request_id"] for each in batch["predictions"]} == {batch["request_id"]}
    statement = (
        f"SELECT position, loan_id FROM predictions WHERE request_id = '{batch['request_id']}' ORDER BY 1"
    )
    assert wait_for_rows(bank, statement, 1000) == [(n, str(n)) for n in range(1000)]


def test_a_loan_has_the_same_score_alone_and_in_a_batch(bank: ServedBank, served: Served) -> None:
    bodies = random_bodies(bank.portfolio, 30, 9)
    together = post(served, "/predict-batch", {"loans": bodies}).json()["predictions"]
    alone = [post(served, "/predict", body).json() for body in bodies]
    for single, batched in zip(alone, together, strict=True):
        assert abs(single["probability"] - batched["probability"]) < 1e-6


def test_grpc_batch_and_info(bank: ServedBank, served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        stub = pb_grpc.LoanDefaultStub(channel)
        loans = [message(body) for body in random_bodies(bank.portfolio, 5, 4)]
        batch = stub.PredictBatch(pb.PredictBatchRequest(loans=loans))
        info = stub.ModelInfo(pb.ModelInfoRequest())
    assert len(batch.predictions) == 5
    assert info.model_version == batch.model_version
    assert (info.portfolio, info.f1_target, info.target_met) == ("corner_bank", 0.8, False)
    assert [worker.loaded_version for worker in info.workers] == [info.model_version]
    statement = f"SELECT channel FROM predictions WHERE request_id = '{batch.request_id}'"
    assert wait_for_rows(bank, statement, 5) == [("grpc",)] * 5


def test_model_info_names_model_promotion_target_and_workers(bank: ServedBank, served: Served) -> None:
    info = httpx.get(served.http + "/model-info").json()
    record = bank.registry.champion()
    assert record is not None
    assert info["model"]["version"] == record.version
    assert (info["model"]["reason"], info["model"]["verdict"]) == ("a test", "approved")
    assert info["target"] == {"f1": 0.8, "measured": None, "met": False}
    assert info["workers"]["expected"] == 1
    assert [s["loaded"] for s in info["workers"]["states"]] == [record.version]
    assert info["database"] == "reachable"
