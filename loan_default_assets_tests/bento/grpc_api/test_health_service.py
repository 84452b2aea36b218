"""`Watch` of the health service: the status at once, its changes, and its end with the service."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bento.grpc_api.health_service import MOST_WATCHES
from loan_default_assets_tests.bento.served_process import Served, service
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


@pytest.fixture(scope="module")
def without_champion(
    make_bank: Callable[[], ServedBank], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServedBank, Served]]:
    """A bank and its service; a test that promotes a champion retires it."""
    bank, home = make_bank(), tmp_path_factory.mktemp("without_champion")
    with service(home, portfolio=bank.portfolio_file, database_url=bank.url) as started:
        yield bank, started


def retire(bank: ServedBank) -> None:
    with bank.database.transaction() as cursor:
        cursor.execute("UPDATE model_metadata SET status = 'retired' WHERE status = 'champion'")


def test_watch_writes_a_change(without_champion: tuple[ServedBank, Served]) -> None:
    bank, served = without_champion
    with grpc.insecure_channel(served.grpc) as channel:
        first, second = watch(channel), watch(channel)
        assert {next(first).status, next(second).status} == {STATUS.NOT_SERVING}
        first.cancel()
        bank.promote(bank.register(0))
        assert next(second).status == STATUS.SERVING
        retire(bank)
        assert next(second).status == STATUS.NOT_SERVING


def test_a_watch_follows_the_champion(without_champion: tuple[ServedBank, Served]) -> None:
    bank, served = without_champion
    unloadable, loadable = bank.register(1), bank.register(2)
    next((bank.root / unloadable.version).glob("*.safetensors")).unlink()
    with grpc.insecure_channel(served.grpc) as channel:
        stub, stream = health_pb2_grpc.HealthStub(channel), watch(channel)
        assert next(stream).status == STATUS.NOT_SERVING
        bank.promote(unloadable)
        assert wait_until_refused(served)
        assert stub.Check(health_pb2.HealthCheckRequest()).status == STATUS.NOT_SERVING
        for record in (loadable, bank.register(3)):
            bank.promote(record)
            assert next(stream).status == STATUS.SERVING
            retire(bank)
            assert next(stream).status == STATUS.NOT_SERVING
        stream.cancel()


def wait_until_refused(served: Served, seconds: float = 60.0) -> bool:
    """Whether the service has tried to load the champion and refused it."""
    until = time.monotonic() + seconds
    while "is refused" not in served.output() and time.monotonic() < until:
        time.sleep(0.1)
    return "is refused" in served.output()


def test_watches_leave_room_for_other_calls(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        open_watches = [watch(channel) for _ in range(MOST_WATCHES)]
        assert {next(call).status for call in open_watches} == {STATUS.SERVING}
        with pytest.raises(grpc.RpcError) as refused:
            next(watch(channel))
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in open_watches:
            call.cancel()
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with grpc.insecure_channel(served.grpc) as channel, suppress(grpc.RpcError):
            assert next(watch(channel)).status == STATUS.SERVING
            return
    raise AssertionError("the places of watches that ended are not free again")


def test_watches_end_when_the_service_stops(bank: ServedBank, serve: Callable[..., Any]) -> None:
    with serve(bank, ready="/health", service_drain_seconds=120) as served:
        with grpc.insecure_channel(served.grpc) as channel:
            calls = [watch(channel), watch(channel)]
            assert {next(call).status for call in calls} == {STATUS.SERVING}
            served.process.terminate()
            assert [[each.status for each in call] for call in calls] == [[STATUS.NOT_SERVING]] * 2
            # It does not wait for the watches as long as for requests in flight.
            served.process.wait(60)
        assert "Traceback" not in served.output()
