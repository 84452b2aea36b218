"""Answers over the wire: complete, journaled, and the same by HTTP, by gRPC and by the Scorer itself."""

import time
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.model.scoring import Scorer
from loan_default_assets.portfolio.features import transform
from loan_default_assets_tests.bento.bank import request
from loan_default_assets_tests.bento.models import Bank
from loan_default_assets_tests.bento.served import Served


def post(served: Served, path: str, body: Any, **options: Any) -> httpx.Response:
    return httpx.post(served.http + path, json=body, timeout=30, **options)


def wait_for_rows(bank: Bank, statement: str, count: int, seconds: float = 15.0) -> list[Any]:
    """The rows, once there are so many."""
    until = time.monotonic() + seconds
    while len(rows := bank.rows(statement)) < count and time.monotonic() < until:
        time.sleep(0.1)
    return rows


def random_request(rng: np.random.Generator) -> dict[str, Any]:
    """A valid request with missing and unseen values in it."""
    return request(
        income=float(10 ** rng.uniform(0, 5.9)),
        debt=None if rng.random() < 0.2 else float(rng.normal(0, 1e5)),
        children=int(rng.integers(0, 20)),
        grade=str(rng.integers(1, 4)),
        job=rng.choice(["clerk", "farmer", "astronaut"]) if rng.random() < 0.8 else ...,
        hired=f"{rng.integers(1990, 2024)}-0{rng.integers(1, 9)}-11" if rng.random() < 0.8 else ...,
        as_of="2024-06-30",
        sex="f",
        reasons="all",
    )


def message(body: dict[str, Any]) -> pb.PredictRequest:
    return pb.PredictRequest(
        categorical_features=body["categorical_features"],
        numerical_features={k: v for k, v in body["numerical_features"].items() if v is not None},
        date_features=body["date_features"],
        as_of=body["as_of"],
        reasons=pb.REASONS_ALL,
    )


def parity(bank: Bank, served: Served, count: int) -> None:
    """The same probability, version and reasons by HTTP, by gRPC, and by the Scorer here."""
    rng = np.random.default_rng(5)
    bodies = [random_request(rng) for _ in range(count)]
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
    scorer = Scorer.from_artifact(bank.root / record.version)
    kinds = {"number": "numerical_features", "category": "categorical_features", "date": "date_features"}
    columns = {
        name: [body[kinds[column.kind]].get(name) for body in bodies]
        for name, column in bank.portfolio.columns.items()
        if column.kind in kinds
    }
    features = transform(bank.portfolio, columns, np.datetime64("2024-06-30"))
    probability = scorer.score(features.numbers, features.categories).probability
    assert np.abs([a["probability"] for a in by_http] - probability).max() < 1e-6
    assert np.abs([a.probability for a in by_grpc] - probability).max() < 1e-6
    for http, rpc in zip(by_http, by_grpc, strict=True):
        assert (http["model_version"], http["threshold"]) == (rpc.model_version, rpc.threshold)
        assert http["model_version"] == record.version
        assert [r["code"] for r in http["reasons"]] == [r.code for r in rpc.reasons]
        assert http["prediction"] == rpc.prediction == int(http["probability"] >= http["threshold"])


def test_http_grpc_and_the_scorer_agree(bank: Bank, served: Served) -> None:
    parity(bank, served, 60)


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
def test_reasons_are_given_when_they_are_asked_for(served: Served, asked: str | None) -> None:
    rng = np.random.default_rng(3)
    bodies = [random_request(rng) | {"reasons": asked} for _ in range(40)]
    if asked is None:
        for body in bodies:
            del body["reasons"]
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


def test_a_loan_scores_alike_alone_and_in_a_batch(served: Served) -> None:
    rng = np.random.default_rng(9)
    bodies = [random_request(rng) for _ in range(30)]
    together = post(served, "/predict-batch", {"loans": bodies}).json()["predictions"]
    alone = [post(served, "/predict", body).json() for body in bodies]
    for one, other in zip(alone, together, strict=True):
        assert abs(one["probability"] - other["probability"]) < 1e-6


def test_grpc_batch_and_info(bank: Bank, served: Served) -> None:
    rng = np.random.default_rng(4)
    with grpc.insecure_channel(served.grpc) as channel:
        stub = pb_grpc.LoanDefaultStub(channel)
        loans = [message(random_request(rng)) for _ in range(5)]
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
