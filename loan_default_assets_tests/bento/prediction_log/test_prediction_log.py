"""Every acknowledged answer is in PostgreSQL exactly once, whatever dies in between."""

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
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
from loan_default_assets_tests.bento.tiny_models import Bank


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """A server that these tests may stop."""
    home = Path(tempfile.mkdtemp(prefix="loan-default-journal-"))
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
) -> Bank:
    """A bank with a champion on that server."""
    portfolio = load(str(portfolio_file))
    bank = Bank(portfolio, portfolio_file, server.start(), tmp_path_factory.mktemp("models"), fitted)
    bank.database.migrate(portfolio)
    bank.promote(bank.register(0))
    return bank


@pytest.fixture(scope="module")
def journaling(ledger: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of that bank with a small spool; the last test stops it."""
    settings = {
        "portfolio": ledger.portfolio_file,
        "database_url": ledger.url,
        "service_spool_bytes": 2 << 20,
    }
    with service(tmp_path_factory.mktemp("journal"), ready="/health", **settings) as served:
        yield served


class Clients:
    """Ask for single loans and small batches; `acknowledged` counts the loans of every answered request."""

    def __init__(self, served: Served) -> None:
        self.acknowledged: dict[str, int] = {}
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(served, n)) for n in range(2)]
        for thread in self._threads:
            thread.start()

    def _ask(self, served: Served, number: int) -> None:
        with httpx.Client(base_url=served.http, timeout=30) as client:
            while not self._stopped.wait(0.01):
                size = 1 if number else 3
                try:
                    if number:
                        answer = client.post("/predict", json=request(reasons="none"))
                    else:
                        answer = client.post(
                            "/predict-batch", json={"loans": [request(reasons="none")] * size}
                        )
                except httpx.TransportError:
                    continue  # the service is being killed; nothing was acknowledged
                if answer.status_code != 200:
                    self.failures.append(answer.text)
                    continue
                self.acknowledged[answer.json()["request_id"]] = size

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def assert_exactly_once(bank: Bank, acknowledged: dict[str, int], seconds: float = 30.0) -> None:
    """Each acknowledged request has its rows, and no other number of them."""
    until = time.monotonic() + seconds
    while True:
        kept = Counter(str(row[0]) for row in bank.rows("SELECT request_id FROM predictions"))
        missing = {name: size for name, size in acknowledged.items() if kept[name] != size}
        if not missing or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert not missing, f"{len(missing)} of {len(acknowledged)} requests"


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_the_database_goes_and_comes_back(
    ledger: Bank, server: LocalPostgres, journaling: Served, times: int
) -> None:
    clients = Clients(journaling)
    try:
        for _ in range(times):
            time.sleep(0.3)
            server.stop()
            asked = len(clients.acknowledged)
            time.sleep(0.5)
            assert len(clients.acknowledged) > asked
            said = httpx.get(journaling.http + "/model-info", timeout=30).json()
            assert said["model"]["version"] == said["workers"]["states"][0]["loaded"]
            assert said["database"] != "reachable"
            server.start()
            time.sleep(0.3)
    finally:
        clients.stop()
    assert not clients.failures, clients.failures[:3]
    assert_exactly_once(ledger, clients.acknowledged)
    said = httpx.get(journaling.http + "/model-info", timeout=30).json()
    assert (said["database"], said["journal"]["waiting_bytes"]) == ("reachable", 0)


def test_what_a_killed_worker_acknowledged_is_delivered_by_the_next(
    ledger: Bank, server: LocalPostgres, journaling: Served
) -> None:
    server.stop()
    last = httpx.post(journaling.http + "/predict", json=request()).json()["request_id"]
    (worker,) = journaling.workers()
    worker.kill()
    waiting = b"".join(path.read_bytes() for path in journaling.home.glob("service/*/journal/*.jsonl"))
    assert last.encode() in waiting
    server.start()
    assert_exactly_once(ledger, {last: 1}, seconds=60)
    wait_until(journaling, "/health")
    assert httpx.post(journaling.http + "/predict", json=request()).status_code == 200


def test_a_full_spool_refuses_and_says_so(ledger: Bank, server: LocalPostgres, journaling: Served) -> None:
    server.stop()
    try:
        batch = {"loans": [request(reasons="none")] * 1000}
        answers = [httpx.post(journaling.http + "/predict-batch", json=batch, timeout=30) for _ in range(10)]
        assert answers[0].status_code == 200
        assert (answers[-1].status_code, answers[-1].json()["code"]) == (503, "journal_full")
    finally:
        server.start()
    assert_exactly_once(ledger, {a.json()["request_id"]: 1000 for a in answers if a.status_code == 200})
    assert httpx.post(journaling.http + "/predict", json=request()).status_code == 200


def test_a_second_service_on_a_taken_port_fails_loudly(
    ledger: Bank, journaling: Served, tmp_path: Path
) -> None:
    http, grpc = (int(address.rsplit(":", 1)[1]) for address in (journaling.http, journaling.grpc))
    for taken in ({"service_http_port": http}, {"service_grpc_port": grpc}):
        ports = dict(zip(("service_http_port", "service_grpc_port"), free_ports(2), strict=True)) | taken
        given = {"portfolio": ledger.portfolio_file, "database_url": ledger.url}
        second = subprocess.run(
            [sys.executable, "-m", "bento"],
            cwd=ROOT,
            env=environment(tmp_path, **ports, **given),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert next(iter(taken)).upper() in second.stderr
        assert "Traceback" not in second.stderr


def test_a_stop_drains_and_leaves_nothing(ledger: Bank, journaling: Served) -> None:
    asked = [httpx.post(journaling.http + "/predict", json=request()).json() for _ in range(20)]
    long = {"loans": [request(reasons="all")] * 1000}
    with ThreadPoolExecutor(2) as pool:
        by_http = pool.submit(httpx.post, journaling.http + "/predict-batch", json=long, timeout=60)
        with grpc.insecure_channel(journaling.grpc) as channel:
            batch = pb.PredictBatchRequest(loans=[message(request(reasons="all"))] * 1000)
            by_grpc = pb_grpc.LoanDefaultStub(channel).PredictBatch.future(batch, timeout=60)
            time.sleep(0.5)  # both have been read and are being scored
            assert stop(journaling) == 0
            assert by_http.result().status_code == 200
            assert len(by_grpc.result().predictions) == 1000
    kept = Counter(str(row[0]) for row in ledger.rows("SELECT request_id FROM predictions"))
    assert [kept[each["request_id"]] for each in asked] == [1] * 20
    assert kept[by_http.result().json()["request_id"]] == kept[by_grpc.result().request_id] == 1000
    assert not list(journaling.home.glob("service/*/journal/*"))
    assert not list(journaling.home.glob("service/*/workers/*.lock"))
