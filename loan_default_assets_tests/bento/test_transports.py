"""Both transports: permissions, limits, invalid calls, reflection, metrics, and the end of the workers."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

USER, ADMIN, WRONG = "user-key-0123456789", "admin-key-0123456789", "wrong-key-0123456789"
EXPLAIN, OVERRIDE = "explain-key-0123456789", "override-key-0123456789"
KEYS = {"none": None, "wrong": WRONG, "user": USER, "admin": ADMIN}


@pytest.fixture(scope="module")
def locked(bank: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of the shared bank with keys and low limits."""
    limits = {"service_max_body_bytes": 20_000, "service_max_message_bytes": 20_000}
    keys = {"service_api_keys": USER, "service_admin_keys": ADMIN}
    keys |= {"service_explain_keys": EXPLAIN, "service_override_keys": OVERRIDE}
    home = tmp_path_factory.mktemp("locked")
    with service(
        home, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url, **keys, **limits
    ) as started:
        yield started


OPEN = [("GET", path) for path in ("/health", "/livez", "/healthz", "/readyz")]
READ = (
    "/model-info",
    "/metrics",
    "/openapi.json",
    "/docs.json",
    "/schema.json",
    "/",
    "/docs",
    "/static_content/index.css",
)
MATRIX = [
    *[(method, path, (200, 200, 200, 200)) for method, path in OPEN],
    *[("GET", path, (401, 401, 200, 200)) for path in READ],
    ("POST", "/predict", (401, 401, 200, 403)),
    ("POST", "/predict-batch", (401, 401, 200, 403)),
    ("POST", "/reload-model", (401, 401, 403, 200)),
    # The served model has no report yet; `test_report_route` has one.
    ("GET", "/report", (401, 401, 403, 404)),
    ("GET", "/predict", (401, 401, 405, 403)),
    # Sessions of browsers are in `console/test_console_routes.py`.
    ("GET", "/score", (401, 401, 200, 403)),
    ("GET", "/login", (200, 200, 200, 200)),
    ("GET", "/promotions", (401, 401, 403, 403)),
    ("POST", "/promotions/c1/approve", (401, 401, 403, 403)),
    ("GET", "/nowhere", (404, 404, 404, 404)),
]


@pytest.mark.parametrize(("method", "path", "statuses"), MATRIX)
def test_status_by_key_and_route(locked: Served, method: str, path: str, statuses: tuple[int, ...]) -> None:
    body = {"loans": [request()]} if path == "/predict-batch" else request()
    received = []
    for key in KEYS.values():
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        content = json.dumps(body) if method == "POST" else None
        headers |= {"Content-Type": "application/json"} if content else {}
        response = httpx.request(method, locked.http + path, content=content, headers=headers, timeout=30)
        received.append(response.status_code)
    assert tuple(received) == statuses


def test_a_served_decision_is_explained_rescored_and_overridden(locked: Served) -> None:
    def send(key: str | None, method: str, path: str, **fields: Any) -> httpx.Response:
        headers = fields.pop("headers", {}) | ({"X-API-Key": key} if key else {})
        return httpx.request(method, locked.http + path, headers=headers, timeout=30, **fields)

    predicted = send(USER, "POST", "/predict", json=request(reasons="all")).json()
    path, until = f"/predictions/{predicted['request_id']}", time.monotonic() + 20
    while send(EXPLAIN, "GET", path).status_code == 404 and time.monotonic() < until:
        time.sleep(0.2)
    asked: list[tuple[str, str, dict[str, Any], str]] = [
        ("GET", path, {}, EXPLAIN),
        ("POST", f"{path}/rescore", {"json": {"corrections": {"income": 40_000}}}, EXPLAIN),
        (
            "POST",
            f"{path}/override",
            {
                "json": {"decision": 1 - predicted["prediction"], "reason": "collateral"},
                "headers": {"Idempotency-Key": str(uuid.uuid4())},
            },
            OVERRIDE,
        ),
    ]
    for method, route, fields, allowed in asked:
        for key in (None, WRONG, USER, ADMIN, EXPLAIN, OVERRIDE):
            expected = 200 if key == allowed else 401 if key in (None, WRONG) else 403
            assert send(key, method, route, **dict(fields)).status_code == expected, (route, key)
    found = send(EXPLAIN, "GET", path).json()
    assert (found["pd"], found["decision"]) == (predicted["probability"], predicted["prediction"])
    assert [each["code"] for each in found["reasons"]] == [each["code"] for each in predicted["reasons"]]
    assert [each["decision"] for each in found["overrides"]] == [1 - predicted["prediction"]]
    assert "30000" not in locked.output()
    metrics = send(USER, "GET", "/metrics").text
    assert "/predictions/{request_id}" in metrics
    assert predicted["request_id"] not in metrics


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("none", {"status"}),
        ("wrong", {"status"}),
        ("user", {"status", "model_version", "replicas"}),
        ("admin", {"status", "model_version", "replicas"}),
    ],
)
def test_health_has_details_for_a_key_only(locked: Served, key: str, fields: set[str]) -> None:
    headers = {"X-API-Key": str(KEYS[key])} if KEYS[key] else {}
    assert set(httpx.get(locked.http + "/health", headers=headers).json()) == fields


def calls(channel: grpc.Channel) -> dict[str, Callable[[Any], Any]]:
    """One call per method."""
    stub, health = pb_grpc.LoanDefaultStub(channel), health_pb2_grpc.HealthStub(channel)
    reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
    body = request()
    loan = pb.PredictRequest(
        **{name: body[name] for name in ("categorical_features", "numerical_features", "date_features")}
    )
    listing = reflection_pb2.ServerReflectionRequest(list_services="")
    return {
        "Predict": lambda metadata: stub.Predict(loan, metadata=metadata),
        "PredictBatch": lambda metadata: stub.PredictBatch(
            pb.PredictBatchRequest(loans=[loan]), metadata=metadata
        ),
        "ModelInfo": lambda metadata: stub.ModelInfo(pb.ModelInfoRequest(), metadata=metadata),
        "ReloadModel": lambda metadata: stub.ReloadModel(pb.ReloadModelRequest(), metadata=metadata),
        "Check": lambda metadata: health.Check(health_pb2.HealthCheckRequest(), metadata=metadata),
        "Reflection": lambda metadata: list(reflect.ServerReflectionInfo(iter([listing]), metadata=metadata)),
    }


def status_of(call: Callable[..., Any], *arguments: Any) -> str:
    try:
        call(*arguments)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


NO_KEY, WRONG_ROLE = "UNAUTHENTICATED", "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("Predict", (NO_KEY, NO_KEY, "OK", WRONG_ROLE)),
        ("PredictBatch", (NO_KEY, NO_KEY, "OK", WRONG_ROLE)),
        ("ModelInfo", (NO_KEY, NO_KEY, "OK", "OK")),
        ("ReloadModel", (NO_KEY, NO_KEY, WRONG_ROLE, "OK")),
        ("Check", ("OK", "OK", "OK", "OK")),
        ("Reflection", (NO_KEY, NO_KEY, "OK", "OK")),
    ],
)
def test_status_by_key_and_method(locked: Served, name: str, statuses: tuple[str, ...]) -> None:
    with grpc.insecure_channel(locked.grpc) as channel:
        call = calls(channel)[name]
        bearer = [[("authorization", f"Bearer {key}")] if key else [] for key in KEYS.values()]
        plain = [[("x-api-key", key)] if key else [] for key in KEYS.values()]
        for metadata in (bearer, plain):
            assert tuple(status_of(call, each) for each in metadata) == statuses


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {}, 422),
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/vnd.bentoml+pickle"}, 415),
        (b"{}", {"content-type": "multipart/form-data; boundary=x"}, 415),
        (b" " * 20_001, {}, 413),
    ],
)
def test_an_invalid_request_is_a_client_error(
    locked: Served, content: bytes, headers: dict[str, str], status: int
) -> None:
    headers = {"content-type": "application/json", "x-api-key": USER} | headers
    response = httpx.post(locked.http + "/predict", content=content, headers=headers)
    assert response.status_code == status
    assert set(response.json()) <= {"error", "code", "details"}


def test_the_size_of_a_body_without_a_length_is_limited(locked: Served) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b"[" * 1000] * 1000

    headers = {"content-type": "application/json", "x-api-key": USER}
    # The service may respond and close the connection before the body is complete.
    with suppress(httpx.WriteError):
        assert httpx.post(locked.http + "/predict", content=chunks(), headers=headers).status_code == 413
    assert httpx.get(locked.http + "/health").status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "INVALID_ARGUMENT"),
        (b"\xff\xff\xff\xff", "INVALID_ARGUMENT"),
        (b"\x0a\xff\x01", "INVALID_ARGUMENT"),
        (b"\x2a\x02\xff\xfe", "INVALID_ARGUMENT"),
        (b"\x00" * 30_000, "RESOURCE_EXHAUSTED"),
    ],
)
@pytest.mark.parametrize("method", ["Predict", "PredictBatch"])
def test_messages_that_cannot_be_parsed_are_client_errors(
    locked: Served, method: str, data: bytes, status: str
) -> None:
    with grpc.insecure_channel(locked.grpc) as channel:
        call = channel.unary_unary(f"/loan_default.v1.LoanDefault/{method}")
        assert status_of(lambda: call(data, metadata=[("x-api-key", USER)])) == status


@pytest.mark.parametrize("method", ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"])
def test_the_health_service_refuses_messages_that_cannot_be_parsed(locked: Served, method: str) -> None:
    with grpc.insecure_channel(locked.grpc) as channel:
        kind = channel.unary_unary if method.endswith("Check") else channel.unary_stream
        call = kind(method)
        status = status_of(lambda: call(b"\xff\xff") if method.endswith("Check") else list(call(b"\xff\xff")))
        assert status == "INVALID_ARGUMENT"


def test_workers_share_few_arenas_of_memory(served: Served) -> None:
    assert {worker.environ()["MALLOC_ARENA_MAX"] for worker in served.workers()} == {"2"}


def test_workers_compute_with_one_thread(served: Served) -> None:
    assert {worker.environ().get("OMP_NUM_THREADS") for worker in served.workers()} == {"1"}


def test_reflection_names_the_services(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        (response,) = calls(channel)["Reflection"](())
    names = {each.name for each in response.list_services_response.service}
    assert {"loan_default.v1.LoanDefault", "grpc.health.v1.Health"} <= names


def test_grpc_errors_name_the_field(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as failed:
        pb_grpc.LoanDefaultStub(channel).Predict(
            pb.PredictRequest(numerical_features={"income": -1, "kids": 2})
        )
    assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "numerical_features.income: Input should be greater than or equal to 0" in failed.value.details()


def test_no_metric_label_comes_from_a_request(served: Served) -> None:
    with httpx.Client(base_url=served.http) as client, grpc.insecure_channel(served.grpc) as channel:
        pb_grpc.LoanDefaultStub(channel).ModelInfo(pb.ModelInfoRequest())
        for n in range(60):
            client.get(f"/secret-{n}?kim={n}")
            client.request(f"VERB{n}", "/health")
            if n == 29:
                half = len(client.get("/metrics").text.splitlines())
    text = httpx.get(served.http + "/metrics").text
    assert "secret" not in text
    assert "VERB" not in text
    assert 'loan_default_requests_total{route="unknown",status="404",transport="http"}' in text
    assert 'transport="grpc"' in text
    # Each worker may have answered its first request of a kind meanwhile; one line per request would be sixty.
    assert len(text.splitlines()) < half + 30


def test_workers_stop_after_a_killed_supervisor(locked: Served) -> None:
    workers = locked.workers()
    locked.process.kill()
    locked.process.wait()
    ended, alive = psutil.wait_procs(workers, timeout=30)
    assert len(ended) == 1
    assert not alive
    assert not list(locked.home.glob("service/*/workers/*.lock"))
