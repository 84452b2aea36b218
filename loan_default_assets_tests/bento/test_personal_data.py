"""No log, metric or error of the service contains personal data of a request."""

import asyncio
import importlib
import logging
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.small_portfolio import request

PLANTED = ["900101-1234567", "Kim Minsu", "kim@example.com", "010-1234-5678", "김민수", "4929123456789012"]


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_no_log_metric_or_error_contains_personal_data(served: Served, rounds: int) -> None:
    sent, leaked = 0, []
    with (
        httpx.Client(base_url=served.http, timeout=30) as client,
        grpc.insecure_channel(served.grpc) as channel,
    ):
        stub = pb_grpc.LoanDefaultStub(channel)
        for secret in PLANTED * rounds:
            for response in plant(client, secret):
                sent += 1
                assert response.status_code in (200, 400, 404, 415, 422)
                leaked += [secret] if secret in response.text else []
            with pytest.raises(grpc.RpcError) as failed:
                stub.Predict(
                    pb.PredictRequest(categorical_features={"grade": secret, secret: secret}, loan_id=secret)
                )
            leaked += [secret] if secret in failed.value.details() else []
        text = served.output() + client.get("/metrics").text
    assert sent > 200 * rounds
    assert not leaked
    assert not [secret for secret in PLANTED if secret in text]
    assert "Traceback" not in served.output()


def plant(client: httpx.Client, secret: str) -> Iterator[httpx.Response]:
    """The responses to valid and invalid requests that hold the secret in every position."""
    bodies: list[Any] = [
        request(loan_id=secret),
        request(job=secret),
        request(grade=secret),
        request(income=secret),
        request(hired=secret),
        request(as_of=secret),
        request(reasons=secret),
        request(sex=secret),
        request(remarks=secret),
        request(recovered=secret),
        {**request(), secret: 1},
        request(numerical_features={secret: 1}),
        request(categorical_features=secret),
        [secret],
        secret,
    ]
    for body in bodies:
        yield client.post("/predict", json=body)
        yield client.post("/predict-batch", json={"loans": [body]})
    yield client.post("/reload-model", json=secret)
    yield client.post("/predict", content=f'{{"a": "{secret}"'.encode())
    yield client.post("/predict", content=secret.encode(), headers={"content-type": "text/plain"})
    yield client.get("/predict/" + secret)
    yield client.get("/health", params={"q": secret}, headers={"x-name": secret.encode()})
    yield client.post("/predict", json=request(), headers={"authorization": b"Bearer " + secret.encode()})


@pytest.mark.parametrize("method", ["predict", "predict_batch", "reload_model"])
def test_no_exception_leaves_an_api(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(*_: Any) -> None:
        raise ValueError(PLANTED[1])

    module = importlib.import_module("bento.service")
    instance = object.__new__(module.service.inner)
    instance.runtime = SimpleNamespace(score=fail, reload=fail)
    example = module.types.example()
    body = module.to_json({"loans": [example]} if method == "predict_batch" else example)
    with caplog.at_level(logging.DEBUG):
        response = asyncio.run(getattr(type(instance), method).func(instance, body))
    assert response.status_code == 500
    assert b'"code":"internal"' in response.body
    assert PLANTED[1].encode() not in response.body
    assert "failed: ValueError at" in caplog.text
    (number,) = re.findall(r"\(error (\w{12})\)", caplog.text)
    assert f"as error {number}".encode() in response.body
    assert PLANTED[1] not in caplog.text
