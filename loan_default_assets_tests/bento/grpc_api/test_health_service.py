"""`Watch` of the health service: the status at once, its changes, and its end with the service."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.tiny_models import ServedBank

STATUS = health_pb2.HealthCheckResponse


def watch(channel: grpc.Channel, name: str = "") -> Any:
    return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=name), timeout=60)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("", STATUS.SERVING),
        ("loan_default.v1.LoanDefault", STATUS.SERVING),
        ("unknown", STATUS.SERVICE_UNKNOWN),
    ],
)
def test_watch_writes_the_status_at_once(served: Served, name: str, status: Any) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        call = watch(channel, name)
        assert next(call).status == status
        call.cancel()


def test_watch_writes_a_change(make_bank: Callable[[], ServedBank], serve: Callable[..., Any]) -> None:
    bank = make_bank()
    with serve(bank) as served, grpc.insecure_channel(served.grpc) as channel:
        first, second = watch(channel), watch(channel)
        assert {next(first).status, next(second).status} == {STATUS.NOT_SERVING}
        first.cancel()
        bank.promote(bank.register(0))
        assert next(second).status == STATUS.SERVING


def test_watches_end_when_the_service_stops(bank: ServedBank, serve: Callable[..., Any]) -> None:
    with serve(bank, ready="/health", service_drain_seconds=20) as served:
        with grpc.insecure_channel(served.grpc) as channel:
            calls = [watch(channel), watch(channel)]
            assert {next(call).status for call in calls} == {STATUS.SERVING}
            started = time.monotonic()
            served.process.terminate()
            assert [[each.status for each in call] for call in calls] == [[STATUS.NOT_SERVING]] * 2
            served.process.wait(30)
        assert time.monotonic() - started < 10
        assert "Traceback" not in served.output()
