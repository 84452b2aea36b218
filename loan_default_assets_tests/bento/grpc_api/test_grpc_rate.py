"""The rate of gRPC calls: a key has its own, other clients share that of their address, forwarded or not."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from bento.access.api_keys import ConfigurationError, Keys
from bento.access.client_address import ClientAddresses, networks
from bento.access.rate_limit import RateLimit
from bento.access.startup_checks import check
from bento.grpc_api.interceptor import Interceptor
from loan_default_assets.settings import Settings

KEY = "user-key-0123456789"
CHECK, PREDICT = "/grpc.health.v1.Health/Check", "/loan_default.v1.LoanDefault/Predict"
OK, REFUSED, NO_KEY = "OK", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"


async def statuses(trusted: str | None, calls: list[tuple[str, dict[str, str]]]) -> list[str]:
    """The statuses of the calls to a server that admits one call per client within the time of a test."""
    rate = RateLimit(0.001)
    interceptor = Interceptor(Keys([KEY], []), lambda *_: None, rate, ClientAddresses(networks(trusted)))
    server = grpc.aio.server(interceptors=[interceptor])
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    found = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method, metadata in calls:
            call: Any = channel.unary_unary(method)(b"", metadata=list(metadata.items()))
            found.append((await call.code()).name)
    await server.stop(0)
    return found


@pytest.mark.parametrize(
    ("trusted", "calls", "expected"),
    [
        (None, [(CHECK, {"x-forwarded-for": f"192.0.2.{n}"}) for n in range(2)], [OK, REFUSED]),
        ("127.0.0.1", [(CHECK, {"x-forwarded-for": f"192.0.2.{n}"}) for n in range(2)], [OK, OK]),
        (None, [(PREDICT, {}), (PREDICT, {"x-api-key": "wrong"}), (CHECK, {})], [NO_KEY, REFUSED, REFUSED]),
        (None, [(CHECK, {}), (CHECK, {"x-api-key": KEY}), (CHECK, {"x-api-key": KEY})], [OK, OK, REFUSED]),
    ],
)
def test_every_call_counts_for_its_client(
    trusted: str | None, calls: list[tuple[str, dict[str, str]]], expected: list[str]
) -> None:
    assert asyncio.run(statuses(trusted, calls)) == expected


@pytest.mark.parametrize("setting", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1;::1"])
def test_a_proxy_that_is_no_address_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES"):
        check(Settings(trusted_proxies=setting))
