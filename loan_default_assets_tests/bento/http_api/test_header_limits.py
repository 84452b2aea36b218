"""Header limits of a real service, before any key is checked: bytes, seconds, and the memory of the worker."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

KEY = "user-key-0123456789"
HEADER_SECONDS = 3.0


@pytest.fixture(scope="module")
def limited(bank: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with service(
        tmp_path_factory.mktemp("limited"),
        ready="/health",
        portfolio=bank.portfolio_file,
        database_url=bank.url,
        service_api_keys=KEY,
        service_header_seconds=HEADER_SECONDS,
        service_max_header_bytes=16_384,
    ) as started:
        yield started


def connect(served: Served, *, grpc_port: bool = False) -> socket.socket:
    port = int(served.grpc.rsplit(":", 1)[1]) if grpc_port else urlsplit(served.http).port
    return socket.create_connection(("127.0.0.1", int(port or 0)), timeout=30)


def closed(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side closes the connection in time; what it sends before is read."""
    connection.settimeout(seconds)
    with suppress(ConnectionError):
        try:
            while connection.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize(
    "prefix",
    [
        b"GET /predict HTTP/1.1\r\nhost: x\r\nx-long: ",
        b"GET /",
        b"POST /predict HTTP/1.1\r\nx-key: 1\r\nx-long: ",
        b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /livez HTTP/1.1\r\nx-long: ",
    ],
)
def test_headers_without_end_are_cut_off_and_cost_no_memory(limited: Served, prefix: bytes) -> None:
    (worker,) = limited.workers()
    before, sent = worker.memory_info().rss, 0
    with connect(limited) as connection:
        with suppress(ConnectionError):
            connection.sendall(prefix)
            for _ in range(1600):
                connection.sendall(b"x" * 65536)
                sent += 65536
        assert sent < 50 << 20
        assert closed(connection, 10)
    assert worker.memory_info().rss - before < 30 << 20


def test_large_headers_that_arrive_at_once_are_refused(limited: Served) -> None:
    response = httpx.get(limited.http + "/livez", headers={"x-long": "x" * 17_000})
    assert (response.status_code, response.json()["code"]) == (431, "headers_too_large")
    assert httpx.get(limited.http + "/livez", headers={"x-long": "x" * 15_000}).status_code == 200


@pytest.mark.parametrize(
    ("first", "then"), [(b"", b""), (b"GET /livez HTTP/1.1\r\nhost: ", b"x"), (b"", b"\r\n")]
)
def test_slow_connections_are_closed(limited: Served, first: bytes, then: bytes) -> None:
    connections = [connect(limited) for _ in range(40)]
    try:
        for each in connections:
            each.sendall(first)
        until = time.monotonic() + HEADER_SECONDS + 20
        still_open = connections
        while still_open and time.monotonic() < until:
            for each in still_open:
                with suppress(ConnectionError):
                    each.sendall(then)
            time.sleep(0.25)
            still_open = [each for each in still_open if not closed(each, 0.001)]
        assert not still_open
    finally:
        for each in connections:
            each.close()


def test_a_connection_with_a_request_per_second_stays_open(limited: Served) -> None:
    with httpx.Client(base_url=limited.http, headers={"x-api-key": KEY}) as client:
        ports = set()
        for _ in range(int(HEADER_SECONDS) + 2):
            response = client.post("/predict", json=request())
            assert response.status_code == 200
            ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))
            time.sleep(1)
    assert len(ports) == 1


def test_a_connection_without_a_request_outlasts_those_of_common_clients(limited: Served) -> None:
    with connect(limited) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not closed(connection, 7)
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"


def trickle(connection: socket.socket, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection.sendall(b" ")
        time.sleep(0.25)


def test_a_refused_client_cannot_go_on_with_its_body(limited: Served) -> None:
    with connect(limited) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{")
        with pytest.raises(ConnectionError):
            trickle(connection, 20)


def test_grpc_metadata_and_handshakes_are_limited(limited: Served) -> None:
    (worker,) = limited.workers()
    before = worker.memory_info().rss
    with grpc.insecure_channel(
        limited.grpc,
        options=[("grpc.max_metadata_size", 1 << 30), ("grpc.absolute_max_metadata_size", 1 << 30)],
    ) as channel:
        for size, code in ((10_000, grpc.StatusCode.OK), (1 << 20, grpc.StatusCode.RESOURCE_EXHAUSTED)):
            metadata = [("x-long", "x" * size)]
            future = health_pb2_grpc.HealthStub(channel).Check.future(
                health_pb2.HealthCheckRequest(), metadata=metadata, timeout=30
            )
            assert future.code() == code
    assert worker.memory_info().rss - before < 30 << 20
    silent = [connect(limited, grpc_port=True) for _ in range(40)]
    try:
        assert all(closed(each, HEADER_SECONDS + 10) for each in silent)
    finally:
        for each in silent:
            each.close()
