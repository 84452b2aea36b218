"""Generated and mutated requests: none is a server error."""

import json
import random

import grpc
import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from bento.generated import loan_default_pb2 as pb
from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.small_portfolio import request

# A response that takes longer is an error of the client.
SECONDS = 30.0
EXPECTED = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}


def fuzz_http(served: Served, examples: int) -> int:
    """The number of requests; a server error is an AssertionError."""
    sent = 0
    session = requests.Session()
    for result in schemathesis.openapi.from_url(served.http + "/openapi.json").get_all_operations():
        operation = result.ok()
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.path in ("/predict", "/predict-batch"):
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:

            @settings(
                max_examples=examples if len(modes) > 1 else 3,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case) -> None:
                nonlocal sent
                response = case.call(base_url=served.http, session=session, timeout=SECONDS)
                sent += 1
                assert response.status_code < 500, response.text

            check()
    return sent


def mutate_http(served: Served, count: int, seed: int = 0) -> dict[int, int]:
    """The count of each status for requests with a few changed bytes or values."""
    rng = random.Random(seed)
    unusual = [None, True, -1, 1e308, 2**63, "", "\x00", "x" * 5000, [], {}, [[]], "1e5", -0.0, "2024-13-01"]
    counts: dict[int, int] = {}
    with httpx.Client(base_url=served.http, timeout=SECONDS) as client:
        for n in range(count):
            body = request(loan_id="x")
            if n % 2:
                group = rng.choice(sorted(body))
                target = body[group] if isinstance(body[group], dict) and rng.random() < 0.8 else body
                target[rng.choice([*target, "new"])] = rng.choice(unusual)
            data = bytearray(json.dumps(body).encode())
            for _ in range(0 if n % 2 else rng.randrange(4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            path = rng.choice(
                ("/predict", "/predict-batch", "/predict", "/reload-model" if n % 50 == 0 else "/predict")
            )
            response = client.post(path, content=bytes(data), headers={"content-type": "application/json"})
            counts[response.status_code] = counts.get(response.status_code, 0) + 1
    return counts


def fuzz_grpc(served: Served, count: int, seed: int = 0) -> dict[str, int]:
    """The count of each status for mutated and random messages."""
    rng = random.Random(seed)
    body = request()
    groups = {name: body[name] for name in ("categorical_features", "numerical_features", "date_features")}
    valid = pb.PredictRequest(**groups, loan_id="x").SerializeToString()
    methods = [
        f"/loan_default.v1.LoanDefault/{name}" for name in ("Predict", "PredictBatch", "ModelInfo", "Nothing")
    ]
    methods += ["/grpc.health.v1.Health/Check", "/nowhere/Nothing", "/loan_default.v1.LoanDefault/"]
    counts: dict[str, int] = {}
    with grpc.insecure_channel(served.grpc) as channel:
        for n in range(count):
            data = bytearray(valid if n % 2 else rng.randbytes(rng.randrange(300)))
            for _ in range(rng.randrange(1, 8)):
                if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                channel.unary_unary(rng.choice(methods))(
                    bytes(data[: rng.randrange(len(data) + 1)]), timeout=SECONDS
                )
                name = "OK"
            except grpc.RpcError as error:
                name = error.code().name
            counts[name] = counts.get(name, 0) + 1
    return counts


def memory(served: Served) -> int:
    """Resident bytes of the workers."""
    return sum(worker.memory_info().rss for worker in served.workers())


def test_no_request_is_a_server_error(served: Served) -> None:
    assert fuzz_http(served, examples=8) > 30
    counts = mutate_http(served, 300)
    assert set(counts) <= {200, 400, 422}
    assert min(counts.values()) > 10
    assert httpx.get(served.http + "/health").status_code == 200


def test_no_message_is_a_server_error(served: Served) -> None:
    counts = fuzz_grpc(served, 300)
    assert set(counts) <= EXPECTED | {"NOT_FOUND"}
    assert counts["INVALID_ARGUMENT"] > 50


@pytest.mark.slow
def test_ten_thousand_requests_and_two_thousand_messages(served: Served) -> None:
    fuzz_http(served, examples=50)
    mutate_http(served, 1000)
    before = memory(served)
    counts = mutate_http(served, 10_000 - fuzz_http(served, examples=500))
    assert set(counts) <= {200, 400, 422}
    statuses = fuzz_grpc(served, 4000)
    assert set(statuses) <= EXPECTED | {"NOT_FOUND"}
    assert statuses["INVALID_ARGUMENT"] >= 2000
    assert memory(served) - before < 50 << 20
