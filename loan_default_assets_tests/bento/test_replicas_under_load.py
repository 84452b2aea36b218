"""Two services with separate homes on one database and one artifact root: promotions under load, and a killed pod."""

import secrets
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import service_workers
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import Served, service, wait_until
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.object_store.conftest import needs_s3, s3_environment, s3_server

__all__ = ["s3_environment", "s3_server"]

BODY = request(reasons="none")
PROMOTIONS = 100


@dataclass
class RecordedLoad:
    """Clients of one service that request the same loan, and all their responses.

    Attributes:
        responses: Model version, PD and threshold.
        acknowledged: Request ids of all responses.
        failures: Statuses other than success; a connection that the service closed ends the client.
    """

    served: Served
    responses: set[tuple[str, float, float]] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    lost: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def _record(self, version: str, probability: float, threshold: float, request_id: str) -> None:
        self.responses.add((version, round(probability, 6), threshold))
        self.acknowledged.add(request_id)

    def http(self, loans: int) -> None:
        with httpx.Client(base_url=self.served.http, timeout=30) as client:
            while not self.stopped.is_set():
                try:
                    response = client.post("/predict-batch", json={"loans": [BODY] * loans})
                except httpx.TransportError:
                    self.lost += 1
                    return
                if response.status_code != 200:
                    self.failures.append(f"HTTP {response.status_code}: {response.text}")
                    continue
                body = response.json()
                for each in body["predictions"]:
                    assert each["model_version"] == body["model_version"]
                    self._record(
                        body["model_version"], each["probability"], each["threshold"], body["request_id"]
                    )

    def grpc(self) -> None:
        with grpc.insecure_channel(self.served.grpc) as channel:
            stub = pb_grpc.LoanDefaultStub(channel)
            while not self.stopped.is_set():
                try:
                    each = stub.Predict(message(BODY), timeout=30)
                except grpc.RpcError as error:
                    if error.code() is grpc.StatusCode.UNAVAILABLE and "no_model" not in error.details():
                        self.lost += 1
                        return
                    self.failures.append(f"{error.code()}: {error.details()}")
                    continue
                self._record(each.model_version, each.probability, each.threshold, each.request_id)


@contextmanager
def loaded(*services: Served) -> Iterator[list[RecordedLoad]]:
    """Two clients per service, until the end of the block."""
    loads = [RecordedLoad(served) for served in services]
    with ThreadPoolExecutor(2 * len(loads)) as pool:
        clients = [pool.submit(load.http, 3) for load in loads] + [pool.submit(load.grpc) for load in loads]
        try:
            yield loads
        finally:
            for load in loads:
                load.stopped.set()
        for client in clients:
            client.result()


def seconds_until_all_serve(bank: ServedBank, version: str, workers: int) -> float:
    """Seconds until every worker shows the version in the database."""
    started = time.monotonic()
    with bank.database.connected() as database:
        while True:
            with database.transaction() as cursor:
                alive = [worker for worker in service_workers.listed(cursor) if worker.alive]
            if len(alive) >= workers and {worker.loaded for worker in alive} == {version}:
                return time.monotonic() - started
            assert time.monotonic() - started < 30, alive
            time.sleep(0.01)


def kill(served: Served) -> None:
    """Kill every process of the service at once, as the loss of a pod does."""
    supervisor = psutil.Process(served.process.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    for process in family:
        process.suspend()
    for process in family:
        process.kill()
    served.process.wait(30)


def stored(bank: ServedBank) -> set[str]:
    return {str(request_id) for (request_id,) in bank.rows("SELECT DISTINCT request_id FROM predictions")}


def moved_to(url: str, bank: ServedBank, home: Path) -> str:
    """Publish the models of a bank under a root behind a URL, and remove its folder."""
    cache = artifact_cache(Settings(loan_default_home=home, artifact_root=url))
    assert cache is not None
    folder = Settings(loan_default_home=home, artifact_root=url).artifact_folder
    shutil.copytree(bank.root, folder, dirs_exist_ok=True)
    for model in bank.root.iterdir():
        cache.publish(folder / model.name)
    shutil.rmtree(bank.root)
    shutil.rmtree(folder)
    return url


@pytest.fixture(params=["folder", pytest.param("s3", marks=needs_s3)])
def shared_root(request: pytest.FixtureRequest) -> str | None:
    """URL of an empty bucket; None: the bank's folder."""
    if request.param == "folder":
        return None
    import s3fs

    request.getfixturevalue("s3_environment")
    bucket = f"bank-{secrets.token_hex(8)}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/models"


@pytest.mark.slow
def test_a_hundred_promotions_and_a_killed_replica(
    make_bank: Callable[[], ServedBank],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shared_root: str | None,
) -> None:
    bank = make_bank()
    records = [bank.register(number) for number in range(5)]
    bank.promote(records[0])
    root = moved_to(shared_root, bank, tmp_path / "publisher") if shared_root else bank.root
    settings = {"portfolio": bank.portfolio_file, "database_url": bank.url, "artifact_root": root}
    homes = tmp_path / "home-0", tmp_path / "home-1"
    with (
        service(homes[0], ready="/health", **settings) as first,
        service(homes[1], ready="/health", **settings) as second,
    ):
        with loaded(first, second) as loads:
            seconds_until_all_serve(bank, records[0].version, 2)
            seconds = []
            for number in range(1, PROMOTIONS + 1):
                wanted = records[number % len(records)]
                bank.promote(wanted)
                seconds.append(seconds_until_all_serve(bank, wanted.version, 2))
                for each in (first, second):
                    response = httpx.post(each.http + "/predict", json=BODY)
                    assert response.json()["model_version"] == wanted.version
        thresholds = {record.version: record.threshold for record in records}
        seen: dict[str, set[float]] = {}
        for load in loads:
            assert (load.failures, load.lost) == ([], 0)
            for version, probability, threshold in load.responses:
                assert threshold == thresholds[version]
                seen.setdefault(version, set()).add(probability)
        assert set(seen) == set(thresholds)
        # A model gives this loan one PD, up to the size of its batch, and each model another one.
        assert all(max(found) - min(found) < 1e-5 for found in seen.values())
        assert len({round(min(found), 3) for found in seen.values()}) == len(records)
        requests = sum(len(load.acknowledged) for load in loads)

        with loaded(first, second) as loads:
            time.sleep(3)
            kill(second)
            acknowledged = loads[1].acknowledged
            started = time.monotonic()
            reload = httpx.post(first.http + "/reload-model", json={}, timeout=30)
            waited = time.monotonic() - started
            assert (reload.status_code, len(reload.json()["states"])) == (200, 1)
        assert (loads[0].failures, loads[0].lost) == ([], 0)
        assert loads[1].lost == 2
        undelivered = acknowledged - stored(bank)
        assert undelivered
        # The pod comes back with its volume.
        with service(homes[1], ready="/health", **settings) as back:
            wait_until(back, "/health")
            until = time.monotonic() + 30
            while missing := (acknowledged | loads[0].acknowledged) - stored(bank):
                assert time.monotonic() < until, len(missing)
                time.sleep(0.2)
    with capsys.disabled():
        print(  # noqa: T201 - the figures of docs/decisions/service-replicas.md
            f"\n{PROMOTIONS} promotions, {requests} requests: median {statistics.median(seconds):.3f} s, "
            f"95th of 100 {sorted(seconds)[94]:.3f} s, max {max(seconds):.3f} s; reload after kill -9: {waited:.1f} s; "
            f"{len(undelivered)} of {len(acknowledged)} acknowledged were in the spool only, and were delivered"
        )
