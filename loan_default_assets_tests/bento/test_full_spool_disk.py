"""A disk that is full for a while: predictions are refused, health says so, and nothing needs a restart afterwards."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loan_default_assets_tests.bento.served_process import Served, service, spooled_bytes
from loan_default_assets_tests.bento.small_disk import CannotMount, filled, mounted
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

STATUS = health_pb2.HealthCheckResponse
DISK_BYTES = 8 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 8 MB."""
    try:
        with mounted(tmp_path / "disk", DISK_BYTES) as disk:
            yield disk
    except CannotMount as error:
        pytest.skip(str(error))


def score(served: Served) -> httpx.Response:
    return httpx.post(served.http + "/predict", json=request(), timeout=30)


def wait_for(found: Callable[[], bool], seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while not (done := found()) and time.monotonic() < until:
        time.sleep(0.05)
    return done


def test_a_full_disk_that_is_free_again_needs_no_restart(
    make_bank: Callable[[], ServedBank], small_disk: Path
) -> None:
    bank = make_bank()
    bank.promote(bank.register(0))
    options: dict[str, Any] = {"portfolio": bank.portfolio_file, "database_url": bank.url}
    answered = []
    with service(small_disk, ready="/health", **options) as served:
        workers = [each.pid for each in served.workers()]
        answered.append(score(served))
        for _ in range(2):
            with grpc.insecure_channel(served.grpc) as channel:
                watch = health_pb2_grpc.HealthStub(channel).Watch(
                    health_pb2.HealthCheckRequest(), timeout=120
                )
                assert next(watch).status == STATUS.SERVING
                with filled(small_disk):
                    while (response := score(served)).status_code == 200:
                        answered.append(response)
                    assert (response.status_code, response.json()["code"]) == (503, "prediction_log_full")
                    assert next(watch).status == STATUS.NOT_SERVING
                    health = httpx.get(served.http + "/health")
                    assert health.status_code == 503
                    assert "prediction log" in health.json()["reason"]
                assert next(watch).status == STATUS.SERVING
            assert httpx.get(served.http + "/health").status_code == 200
            answered.append(score(served))
        assert {response.status_code for response in answered} == {200}
        ids = {response.json()["request_id"] for response in answered}
        assert wait_for(lambda: len(bank.rows("SELECT request_id FROM predictions")) >= len(ids))
        assert {str(row[0]) for row in bank.rows("SELECT request_id FROM predictions")} == ids
        spool = small_disk / "service" / bank.portfolio.name / "spool"
        assert wait_for(lambda: spooled_bytes(spool) == 0)
        assert [each.pid for each in served.workers()] == workers
