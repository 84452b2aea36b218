"""Rates of a real service over both transports: a key has its own, other clients share that of their address."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.tiny_models import ServedBank

KEY, OTHER_KEY = "user-key-0123456789", "other-key-0123456789"
CALLS = 25
OWN_ADDRESSES = [f"192.0.2.{n}" for n in range(CALLS)]
ONE_ADDRESS = ["192.0.2.1"] * CALLS


def limited_service(bank: ServedBank, home: Path, **settings: str) -> AbstractContextManager[Served]:
    return service(
        home,
        ready="/health",
        portfolio=bank.portfolio_file,
        database_url=bank.url,
        service_api_keys=f"{KEY},{OTHER_KEY}",
        service_rate_limit=3,
        **settings,
    )


@pytest.fixture(scope="module")
def limited(bank: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three requests per second and client, all clients on this machine."""
    with limited_service(bank, tmp_path_factory.mktemp("limited")) as started:
        # What asked whether it is ready is a client of the same address, and may have no request left.
        time.sleep(1)
        yield started


@pytest.fixture(scope="module")
def behind_proxy(bank: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same, with this machine as the proxy that forwards the clients' addresses."""
    home = tmp_path_factory.mktemp("proxy")
    with limited_service(bank, home, trusted_proxies="127.0.0.1, ::1") as started:
        yield started


def http_statuses(served: Served, forwarded: Sequence[str] = OWN_ADDRESSES, **headers: str) -> set[int]:
    """The statuses of requests, each forwarded for an address."""
    with httpx.Client(base_url=served.http) as client:
        return {
            client.get("/model-info", headers={"x-forwarded-for": address, **headers}).status_code
            for address in forwarded
        }


def grpc_statuses(
    served: Served, method: str, forwarded: Sequence[str] = OWN_ADDRESSES, **metadata: str
) -> set[str]:
    """The statuses of calls, each forwarded for an address."""
    found = set()
    with grpc.insecure_channel(served.grpc) as channel:
        for address in forwarded:
            pairs = [("x-forwarded-for", address), *metadata.items()]
            pairs = [(name.replace("_", "-"), value) for name, value in pairs]
            try:
                channel.unary_unary(method)(b"", metadata=pairs, timeout=30)
                found.add("OK")
            except grpc.RpcError as error:
                found.add(error.code().name)
    return found


def test_forwarded_addresses_do_not_evade_the_rate_over_http(limited: Served) -> None:
    assert http_statuses(limited) == {401, 429}
    assert http_statuses(limited, **{"x-api-key": "wrong-key-0123456789"}) <= {401, 429}
    assert http_statuses(limited, **{"x-api-key": KEY}) == {200, 429}
    first = httpx.get(limited.http + "/model-info", headers={"x-api-key": OTHER_KEY})
    assert first.status_code == 200


@pytest.mark.parametrize(
    ("method", "admitted"),
    [
        ("/grpc.health.v1.Health/Check", "OK"),
        ("/loan_default.v1.LoanDefault/ModelInfo", "UNAUTHENTICATED"),
    ],
)
def test_every_grpc_call_has_a_rate(limited: Served, method: str, admitted: str) -> None:
    refused = "RESOURCE_EXHAUSTED"
    assert grpc_statuses(limited, method) <= {admitted, refused}
    assert refused in grpc_statuses(limited, method)
    assert refused in grpc_statuses(limited, method, x_api_key="wrong-key-0123456789")


def test_a_key_has_its_own_rate_over_grpc(limited: Served) -> None:
    method = "/loan_default.v1.LoanDefault/ModelInfo"
    assert "RESOURCE_EXHAUSTED" in grpc_statuses(limited, method)
    assert grpc_statuses(limited, method, x_api_key=KEY) == {"OK", "RESOURCE_EXHAUSTED"}
    with grpc.insecure_channel(limited.grpc) as channel:
        call = health_pb2_grpc.HealthStub(channel).Check
        call(health_pb2.HealthCheckRequest(), metadata=[("authorization", f"Bearer {OTHER_KEY}")], timeout=30)


def test_a_trusted_proxy_forwards_the_clients_that_have_a_rate_over_http(behind_proxy: Served) -> None:
    assert http_statuses(behind_proxy) == {401}
    assert http_statuses(behind_proxy, ONE_ADDRESS) == {401, 429}
    assert http_statuses(behind_proxy, [f"{address}, 203.0.113.9" for address in OWN_ADDRESSES]) == {401, 429}
    assert http_statuses(behind_proxy, **{"x-api-key": KEY}) == {200, 429}


def test_a_trusted_proxy_forwards_the_clients_that_have_a_rate_over_grpc(behind_proxy: Served) -> None:
    method = "/grpc.health.v1.Health/Check"
    assert grpc_statuses(behind_proxy, method, [f"198.51.100.{n}" for n in range(CALLS)]) == {"OK"}
    assert "RESOURCE_EXHAUSTED" in grpc_statuses(behind_proxy, method, ["198.51.100.200"] * CALLS)
    assert "RESOURCE_EXHAUSTED" in grpc_statuses(behind_proxy, method, x_api_key=KEY)
