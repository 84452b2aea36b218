"""Answers over the wire: complete, journaled, and the same by HTTP, by gRPC and by the Scorer itself."""

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
from loan_default_assets.model.reason_codes import Reasons
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.bento.random_requests import columns_of, message, random_bodies
from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import Bank, train


def post(served: Served, path: str, body: Any, **options: Any) -> httpx.Response:
    return httpx.post(served.http + path, json=body, timeout=30, **options)


def wait_for_rows(bank: Bank, statement: str, count: int, seconds: float = 15.0) -> list[Any]:
    """The rows, once there are so many."""
    until = time.monotonic() + seconds
    while len(rows := bank.rows(statement)) < count and time.monotonic() < until:
        time.sleep(0.1)
    return rows


def parity(bank: Bank, served: Served, count: int) -> None:
    """The same probability, version and reasons by HTTP, by gRPC, and by the Scorer here."""
    dated = {"as_of": "2024-06-30"} if any(c.kind == "date" for c in bank.portfolio.columns.values()) else {}
    bodies = random_bodies(bank.portfolio, count, 5, reasons="all", **dated)
    by_http: list[Any] = []
    for start in range(0, count, 1000):
        answer = post(served, "/predict-batch", {"loans": bodies[start : start + 1000]})
        assert answer.status_code == 200, answer.text
        by_http += answer.json()["predictions"]
    with grpc.insecure_channel(served.grpc) as channel:
        stub = pb_grpc.LoanDefaultStub(channel)
        by_grpc = [stub.Predict(message(body)) for body in bodies]
    record = bank.registry.champion()
    assert record is not None
    predictor = Predictor.from_artifact(bank.root / record.version)
    features = transform(bank.portfolio, columns_of(bank.portfolio, bodies), np.datetime64("2024-06-30"))
    scores = predictor.score(features.numerical, features.categorical)
    parts = predictor.contributions(features.numerical, features.categorical)
    assert np.abs([a["probability"] for a in by_http] - scores.probability).max() < 1e-6
    assert np.abs([a.probability for a in by_grpc] - scores.probability).max() < 1e-6
    reasons = Reasons(bank.portfolio)
    for http, rpc, part in zip(by_http, by_grpc, parts, strict=True):
        assert (http["model_version"], http["threshold"]) == (rpc.model_version, rpc.threshold)
        assert http["model_version"] == record.version
        assert http["prediction"] == rpc.prediction == int(http["probability"] >= http["threshold"])
        offline = [reason.code for reason in reasons.of(part, adverse=bool(rpc.prediction))]
        assert [r["code"] for r in http["reasons"]] == [r.code for r in rpc.reasons] == offline


def test_http_grpc_and_the_scorer_agree(bank: Bank, served: Served) -> None:
    parity(bank, served, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo", "taiwan_credit"])
def test_a_thousand_loans_of_the_library_agree(
    make_bank: Callable[..., Bank], serve: Callable[..., Any], name: str
) -> None:
    portfolio = load(name, source="loans.csv")
    bank = make_bank(name, train(portfolio))
    bank.promote(bank.register(0))
    with serve(bank, ready="/health", loan_source="loans.csv") as served:
        parity(bank, served, 1000)


def test_an_answer_is_complete_and_journaled(bank: Bank, served: Served) -> None:
    body = request(loan_id="L-1", sex="f", reasons="all", job="astronaut", hired=...)
    answer = post(served, "/predict", body)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert set(said) == {"prediction", "probability", "threshold", "reasons", "model_version", "request_id"}
    assert 1 <= len(said["reasons"]) <= 4
    assert set(said["reasons"][0]) == {"code", "en", "ko", "contribution"}
    assert "sex" not in [reason["code"] for reason in said["reasons"]]
    names = "loan_id, model_version, probability, decision, threshold, channel, features, reasons, latency_ms"
    statement = f"SELECT {names} FROM predictions WHERE request_id = '{said['request_id']}'"
    ((*kept, features, reasons, latency),) = wait_for_rows(bank, statement, 1)
    wanted = [said[name] for name in ("model_version", "probability", "prediction", "threshold")]
    assert kept == ["L-1", *wanted, "http"]
    assert features["income"] == 30_000
    assert (features["job"], features["hired"]) == ("astronaut", None)
    assert "sex" not in features
    assert "remarks" not in features
    assert [reason["code"] for reason in reasons] == [reason["code"] for reason in said["reasons"]]
    assert latency > 0


@pytest.mark.parametrize("asked", ["adverse", "all", "none", None])
def test_reasons_are_given_when_they_are_asked_for(bank: Bank, served: Served, asked: str | None) -> None:
    bodies = random_bodies(bank.portfolio, 40, 3, **({"reasons": asked} if asked else {}))
    said = post(served, "/predict-batch", {"loans": bodies}).json()["predictions"]
    assert {answer["prediction"] for answer in said} == {0, 1}
    for answer in said:
        wanted = asked == "all" or (asked in ("adverse", None) and answer["prediction"] == 1)
        assert bool(answer["reasons"]) == wanted
        if answer["prediction"] == 1:
            assert all(reason["contribution"] > 0 for reason in answer["reasons"])


def test_a_batch_is_one_request_by_one_version(bank: Bank, served: Served) -> None:
    body = {"loans": [request(loan_id=str(n), reasons="none") for n in range(1000)]}
    answer = post(served, "/predict-batch", body)
    said = answer.json()
    assert {each["model_version"] for each in said["predictions"]} == {said["model_version"]}
    assert {each["request_id"] for each in said["predictions"]} == {said["request_id"]}
    statement = (
        f"SELECT position, loan_id FROM predictions WHERE request_id = '{said['request_id']}' ORDER BY 1"
    )
    assert wait_for_rows(bank, statement, 1000) == [(n, str(n)) for n in range(1000)]


def test_a_loan_scores_alike_alone_and_in_a_batch(bank: Bank, served: Served) -> None:
    bodies = random_bodies(bank.portfolio, 30, 9)
    together = post(served, "/predict-batch", {"loans": bodies}).json()["predictions"]
    alone = [post(served, "/predict", body).json() for body in bodies]
    for one, other in zip(alone, together, strict=True):
        assert abs(one["probability"] - other["probability"]) < 1e-6


def test_grpc_batch_and_info(bank: Bank, served: Served) -> None:
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


def test_model_info_tells_which_since_when_why_and_who(bank: Bank, served: Served) -> None:
    said = httpx.get(served.http + "/model-info").json()
    record = bank.registry.champion()
    assert record is not None
    assert said["model"]["version"] == record.version
    assert (said["model"]["reason"], said["model"]["verdict"]) == ("a test", "approved")
    assert said["target"] == {"f1": 0.8, "measured": None, "met": False}
    assert said["workers"]["expected"] == 1
    assert [s["loaded"] for s in said["workers"]["states"]] == [record.version]
    assert said["database"] == "reachable"
