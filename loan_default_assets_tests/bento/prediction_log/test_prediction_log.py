"""Every acknowledged prediction is in PostgreSQL exactly once, whichever process ends in between."""

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.prediction_log.records import record
from loan_default_assets.model.training import FittedModel
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import (
    ROOT,
    Served,
    environment,
    free_ports,
    service,
    stop,
    wait_until,
)
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

FORMER_REQUEST = "6f6c6b2e-0a52-4c0c-9a53-3c1d52c9b6d1"
QUEUE = "loan_default_queue_loans"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """A PostgreSQL server that these tests may stop."""
    home = Path(tempfile.mkdtemp(prefix="loan-default-predictions-"))
    home.chmod(0o755)
    postgres = LocalPostgres(home, options={"fsync": "off", "shared_buffers": "32MB"})
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.remove()


@pytest.fixture(scope="module")
def ledger(
    server: LocalPostgres, portfolio_file: Path, fitted: FittedModel, tmp_path_factory: pytest.TempPathFactory
) -> ServedBank:
    """A bank with a champion on that server."""
    portfolio = load(str(portfolio_file))
    bank = ServedBank(portfolio, portfolio_file, server.start(), tmp_path_factory.mktemp("models"), fitted)
    bank.database.migrate(portfolio)
    bank.promote(bank.register(0))
    return bank


@pytest.fixture(scope="module")
def logging_service(ledger: ServedBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of that bank with a small spool and a record of the release before; the last test stops it."""
    home = tmp_path_factory.mktemp("prediction_log")
    champion = ledger.registry.champion()
    assert champion is not None
    former = home / "service" / ledger.portfolio.name / "journal"
    former.mkdir(parents=True)
    shared = {
        "request_id": FORMER_REQUEST,
        "model_version": champion.version,
        "threshold": champion.threshold,
        "channel": "http",
        "latency_ms": 1.5,
        "created_at": "2024-06-30T12:00:00+00:00",
    }
    loan = {"loan_id": "L-1", "features": {}, "probability": 0.25, "decision": 0, "reasons": None}
    (former / f"{'0' * 32}.jsonl").write_bytes(record(shared, [loan, loan]) + b"\n")
    settings = {
        "portfolio": ledger.portfolio_file,
        "database_url": ledger.url,
        "service_spool_bytes": 2 << 20,
        # How often the gauge of waiting loans is set.
        "service_poll_seconds": 0.1,
        # Two thousand loans in flight are scored and shipped in seconds, on a machine with nothing else to do.
        "service_drain_seconds": 100.0,
    }
    with service(home, ready="/health", **settings) as served:
        yield served


class Clients:
    """Request single loans and small batches; `acknowledged` counts the loans per successful request."""

    def __init__(self, served: Served) -> None:
        self.acknowledged: dict[str, int] = {}
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(served, n)) for n in range(2)]
        for thread in self._threads:
            thread.start()

    def _send(self, served: Served, number: int) -> None:
        with httpx.Client(base_url=served.http, timeout=30) as client:
            while not self._stopped.wait(0.01):
                size = 1 if number else 3
                try:
                    if number:
                        response = client.post("/predict", json=request(reasons="none"))
                    else:
                        response = client.post(
                            "/predict-batch", json={"loans": [request(reasons="none")] * size}
                        )
                except httpx.TransportError:
                    continue  # the service is being killed; nothing was acknowledged
                if response.status_code != 200:
                    self.failures.append(response.text)
                    continue
                self.acknowledged[response.json()["request_id"]] = size

    def wait_for_another(self) -> None:
        """Wait until one more request is acknowledged."""
        before = len(self.acknowledged)
        wait_for(lambda: len(self.acknowledged) > before)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def model_info(served: Served) -> dict[str, Any]:
    info: dict[str, Any] = httpx.get(served.http + "/model-info", timeout=30).json()
    return info


def waiting_loans(served: Served) -> float:
    """The loans that wait to be scored."""
    metrics = httpx.get(served.http + "/metrics", timeout=30).text
    return sum(float(line.split()[1]) for line in metrics.splitlines() if line.startswith(QUEUE))


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def assert_exactly_once(bank: ServedBank, acknowledged: dict[str, int], seconds: float = 120.0) -> None:
    """Each acknowledged request has exactly its number of rows."""
    until = time.monotonic() + seconds
    while True:
        stored = Counter(str(row[0]) for row in bank.rows("SELECT request_id FROM predictions"))
        missing = {name: size for name, size in acknowledged.items() if stored[name] != size}
        if not missing or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert not missing, f"{len(missing)} of {len(acknowledged)} requests"


def test_records_of_the_release_before_are_shipped(ledger: ServedBank, logging_service: Served) -> None:
    assert_exactly_once(ledger, {FORMER_REQUEST: 2})
    # A segment goes after its rows have come.
    wait_for(lambda: not list(logging_service.home.glob("service/*/journal/*.jsonl")))


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_predictions_go_on_while_the_database_is_stopped(
    ledger: ServedBank, server: LocalPostgres, logging_service: Served, times: int
) -> None:
    clients = Clients(logging_service)
    try:
        for _ in range(times):
            clients.wait_for_another()
            server.stop()
            wait_for(lambda: model_info(logging_service)["database"] != "reachable")
            clients.wait_for_another()
            info = model_info(logging_service)
            assert info["model"]["version"] == info["workers"]["states"][0]["loaded"]
            server.start()
            clients.wait_for_another()
    finally:
        clients.stop()
    assert not clients.failures, clients.failures[:3]
    assert_exactly_once(ledger, clients.acknowledged)
    wait_for(lambda: model_info(logging_service)["prediction_log"]["waiting_bytes"] == 0)
    assert model_info(logging_service)["database"] == "reachable"


def test_acknowledged_predictions_of_a_killed_worker_are_shipped_by_the_next(
    ledger: ServedBank, server: LocalPostgres, logging_service: Served
) -> None:
    server.stop()
    last = httpx.post(logging_service.http + "/predict", json=request()).json()["request_id"]
    (worker,) = logging_service.workers()
    worker.kill()
    waiting = b"".join(path.read_bytes() for path in logging_service.home.glob("service/*/spool/*.jsonl"))
    assert last.encode() in waiting
    server.start()
    assert_exactly_once(ledger, {last: 1})
    wait_until(logging_service, "/health")
    assert httpx.post(logging_service.http + "/predict", json=request()).status_code == 200


def test_a_full_spool_is_an_error_of_the_service(
    ledger: ServedBank, server: LocalPostgres, logging_service: Served
) -> None:
    server.stop()
    try:
        batch = {"loans": [request(reasons="none")] * 1000}
        responses = [
            httpx.post(logging_service.http + "/predict-batch", json=batch, timeout=30) for _ in range(10)
        ]
        assert responses[0].status_code == 200
        assert (responses[-1].status_code, responses[-1].json()["code"]) == (503, "prediction_log_full")
    finally:
        server.start()
    assert_exactly_once(ledger, {a.json()["request_id"]: 1000 for a in responses if a.status_code == 200})
    assert httpx.post(logging_service.http + "/predict", json=request()).status_code == 200


def test_a_second_service_on_a_used_port_fails_with_the_setting(
    ledger: ServedBank, logging_service: Served, tmp_path: Path
) -> None:
    http, grpc = (int(address.rsplit(":", 1)[1]) for address in (logging_service.http, logging_service.grpc))
    for used in ({"service_http_port": http}, {"service_grpc_port": grpc}):
        ports = dict(zip(("service_http_port", "service_grpc_port"), free_ports(2), strict=True)) | used
        database = {"portfolio": ledger.portfolio_file, "database_url": ledger.url}
        second = subprocess.run(
            [sys.executable, "-m", "bento"],
            cwd=ROOT,
            env=environment(tmp_path, **ports, **database),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert next(iter(used)).upper() in second.stderr
        assert "Traceback" not in second.stderr


def test_a_stop_completes_requests_and_ships_the_spool(ledger: ServedBank, logging_service: Served) -> None:
    single = [httpx.post(logging_service.http + "/predict", json=request()).json() for _ in range(20)]
    large = {"loans": [request(reasons="all")] * 1000}
    with ThreadPoolExecutor(2) as pool:
        by_http = pool.submit(httpx.post, logging_service.http + "/predict-batch", json=large, timeout=200)
        with grpc.insecure_channel(logging_service.grpc) as channel:
            batch = pb.PredictBatchRequest(loans=[message(request(reasons="all"))] * 1000)
            by_grpc = pb_grpc.LoanDefaultStub(channel).PredictBatch.future(batch, timeout=200)
            # More than one of them holds: both have been read and are being scored.
            wait_for(lambda: waiting_loans(logging_service) > 1000 or (by_http.done() and by_grpc.done()))
            assert stop(logging_service, 120) == 0
            assert by_http.result().status_code == 200
            assert len(by_grpc.result().predictions) == 1000
    stored = Counter(str(row[0]) for row in ledger.rows("SELECT request_id FROM predictions"))
    assert [stored[each["request_id"]] for each in single] == [1] * 20
    assert stored[by_http.result().json()["request_id"]] == stored[by_grpc.result().request_id] == 1000
    assert not list(logging_service.home.glob("service/*/spool/*"))
    assert not list(logging_service.home.glob("service/*/workers/*.lock"))
