"""A promotion reaches every worker without failed requests or mixed versions, and a bad artifact changes nothing."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.inference import champion_loader
from bento.inference.champion_loader import Champion
from loan_default_assets.model.artifact import ArtifactError
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

BODY = request(reasons="none")
# Some hundred requests per second, which leave time to the processes that load models.
PAUSE_SECONDS = 0.005


@dataclass
class Load:
    """Clients that request the same loan repeatedly, and all their responses."""

    served: Served
    responses: list[tuple[str, float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def http(self) -> None:
        with httpx.Client(base_url=self.served.http, timeout=30) as client:
            while not self.stopped.wait(PAUSE_SECONDS):
                response = client.post("/predict", json=BODY)
                if response.status_code != 200:
                    self.failures.append(f"HTTP {response.status_code}: {response.text}")
                    continue
                body = response.json()
                self.responses.append((body["model_version"], body["probability"], body["threshold"]))

    def grpc(self) -> None:
        with grpc.insecure_channel(self.served.grpc) as channel:
            stub = pb_grpc.LoanDefaultStub(channel)
            while not self.stopped.wait(PAUSE_SECONDS):
                try:
                    prediction = stub.Predict(message(BODY), timeout=30)
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code()}: {error.details()}")
                    continue
                self.responses.append(
                    (prediction.model_version, prediction.probability, prediction.threshold)
                )

    def run(self, work: Callable[[], None]) -> None:
        """Run `work` while two clients per transport send requests."""
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(client) for client in (self.http, self.http, self.grpc, self.grpc)]
            try:
                work()
            finally:
                self.stopped.set()
            for client in clients:
                client.result()


def loaded(served: Served) -> list[str]:
    """The version that each worker serves."""
    states = httpx.get(served.http + "/model-info", timeout=30).json()["workers"]["states"]
    return [state["loaded"] for state in states]


def converge(served: Served, version: str, workers: int) -> None:
    """Wait until every worker has the version."""
    until = time.monotonic() + 60
    while loaded(served) != [version] * workers:
        assert time.monotonic() < until, httpx.get(served.http + "/model-info").text
        time.sleep(0.1)


def switch(bank: ServedBank, served: Served, times: int, records: list[ModelRecord]) -> None:
    """Promote and roll back under load, and assert that every switch arrives and no request fails."""
    load = Load(served)

    def work() -> None:
        for n in range(times):
            if n % 3 == 2:
                # A rollback rejects the champion permanently, so the next promotion names another version.
                wanted = bank.registry.rollback("a test")
            else:
                wanted = next(r for r in records if r.version != bank.registry.champion().version)  # type: ignore[union-attr]
                bank.promote(wanted)
            if n % 2:
                response = httpx.post(served.http + "/reload-model", json={}, timeout=30)
                assert response.status_code == 200, response.text
                assert [s["loaded"] for s in response.json()["states"]] == [wanted.version] * 2
            else:
                converge(served, wanted.version, 2)

    load.run(work)
    assert not load.failures, load.failures[:3]
    by_version: dict[str, set[tuple[float, float]]] = {}
    for version, probability, threshold in load.responses:
        by_version.setdefault(version, set()).add((round(probability, 6), threshold))
    assert len(by_version) > 1
    thresholds = {r.version: r.threshold for r in records}
    for version, values in by_version.items():
        assert {threshold for _, threshold in values} == {thresholds[version]}
        probabilities = [probability for probability, _ in values]
        assert max(probabilities) - min(probabilities) < 1e-5


def corrupt_copy(bank: ServedBank, record: ModelRecord, folder: Path, number: int) -> Path:
    """A copy of an artifact with one byte flipped; the number chooses the file and the byte."""
    target = folder / f"copy-{number}" / record.version
    shutil.copytree(bank.root / record.version, target)
    files = sorted(path for path in target.iterdir() if path.is_file())
    victim = files[number % len(files)]
    data = bytearray(victim.read_bytes())
    data[(number * 7919) % len(data)] ^= 1 << (number % 8)
    victim.write_bytes(data)
    return target


def test_a_hundred_corrupt_copies_are_refused(make_bank: Callable[[], ServedBank], tmp_path: Path) -> None:
    bank = make_bank()
    good, other = bank.register(0), bank.register(1)
    wanted = [good]
    # The root holds neither of the two, so that the hint leads to the corrupt copy.
    champion = Champion(bank.portfolio, ArtifactStore(tmp_path / "root", tmp_path), lambda: wanted[0])
    assert champion.poll() == "loaded"
    current = champion.current
    for number in range(100):
        copy = corrupt_copy(bank, other, tmp_path, number)
        wanted[0] = replace(other, artifact_uri=str(copy))
        assert champion.poll(retry_refused=True) == "refused"
        assert champion.current is current
        assert other.version in str(champion.error)
    wanted[0] = other
    assert champion.poll() is None  # refused a moment ago, so it is not loaded again yet
    assert champion.poll(retry_refused=True) == "loaded"


def test_a_refused_model_is_loaded_again_soon_and_then_more_and_more_rarely(
    make_bank: Callable[[], ServedBank], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = make_bank()
    record, now = bank.register(0), [1000.0]
    shutil.move(bank.root / record.version, tmp_path / "late")
    monkeypatch.setattr(champion_loader, "time", SimpleNamespace(monotonic=lambda: now[0]))
    champion = Champion(bank.portfolio, ArtifactStore(bank.root, tmp_path), lambda: record)
    tried = []
    for _ in range(100):
        if champion.poll() == "refused":
            tried.append(now[0] - 1000)
        now[0] += 1
    assert tried == [0, 1, 3, 7, 15, 31, 61, 91]
    shutil.move(tmp_path / "late", bank.root / record.version)
    now[0] += 30
    assert champion.poll() == "loaded"
    assert champion.error is None


@pytest.mark.parametrize("fault", ["missing", "other_portfolio", "other_version", "remote"])
def test_an_incompatible_artefact_is_refused(
    make_bank: Callable[[], ServedBank], tmp_path: Path, fault: str
) -> None:
    bank = make_bank()
    good, other = bank.register(0), bank.register(1)
    shutil.move(bank.root / other.version, tmp_path / other.version)
    changed: dict[str, Any] = {
        "missing": {"artifact_uri": str(bank.root / "nothing")},
        "other_portfolio": {"artifact_uri": str(tmp_path / other.version)},
        "other_version": {"version": "c000000000000", "artifact_uri": str(tmp_path / other.version)},
        "remote": {"artifact_uri": "s3://bucket/model"},
    }[fault]
    wanted = [good]
    champion = Champion(bank.portfolio, ArtifactStore(bank.root, tmp_path), lambda: wanted[0])
    champion.poll()
    wanted[0] = ModelRecord(**{**vars(other), **changed})
    if fault == "other_portfolio":
        columns = bank.portfolio.columns | {"extra": bank.portfolio.columns["debt"]}
        champion._portfolio = bank.portfolio.model_copy(update={"columns": columns})
        del champion._portfolio.__dict__["hash"]
    assert champion.poll() == "refused"
    assert champion.current is not None
    assert champion.current.version == good.version


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("Kim Minsu"), "ValueError"),
        (KeyError("Kim Minsu"), "KeyError"),
        (OSError(28, "Kim Minsu"), "OSError (No space left on device)"),
        (ArtifactError("the manifest is damaged"), "the manifest is damaged"),
    ],
)
def test_a_refusal_has_the_projects_own_text_only(
    make_bank: Callable[[], ServedBank],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    bank = make_bank()
    record = bank.register(0)

    def load(*_: Any) -> None:
        raise error from RuntimeError("Kim Minsu")

    monkeypatch.setattr(champion_loader, "load", load)
    champion = Champion(bank.portfolio, ArtifactStore(bank.root, tmp_path), lambda: record)
    assert champion.poll() == "refused"
    assert champion.error == f"{record.version} is refused: {said}"
    assert f"{record.version} is refused: {type(error).__name__}" in caplog.text
    assert "Kim" not in caplog.text


@pytest.fixture(scope="module")
def pair(
    make_bank: Callable[[], ServedBank], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServedBank, Served]]:
    """A bank without a champion, and two workers that serve it."""
    bank, home = make_bank(), tmp_path_factory.mktemp("pair")
    workers = {"service_workers": 2, "service_poll_seconds": 0.5}
    with service(home, portfolio=bank.portfolio_file, database_url=bank.url, **workers) as served:
        yield bank, served


def test_without_a_champion_the_status_is_503(pair: tuple[ServedBank, Served]) -> None:
    _, served = pair
    response = httpx.post(served.http + "/predict", json=BODY)
    assert (response.status_code, response.json()["code"]) == (503, "no_model")
    assert "loan-default run" in response.json()["error"]
    health = httpx.get(served.http + "/health")
    assert health.status_code == 503
    assert "loan-default run" in health.json()["reason"]
    with grpc.insecure_channel(served.grpc) as channel:
        health_status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health_status.status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as failed:
            pb_grpc.LoanDefaultStub(channel).Predict(message(BODY))
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_old_model_is_served_while_the_new_one_is_refused(
    pair: tuple[ServedBank, Served], tmp_path: Path
) -> None:
    bank, served = pair
    first, second = bank.register(100), bank.register(101)
    bank.promote(first)
    assert httpx.post(served.http + "/reload-model", json={}, timeout=30).status_code == 200
    kept = tmp_path / "kept"
    shutil.move(bank.root / second.version, kept)
    bank.promote(second)
    response = httpx.post(served.http + "/reload-model", json={}, timeout=30)
    assert response.status_code == 202
    states = response.json()["states"]
    assert [(s["desired"], s["loaded"]) for s in states] == [(second.version, first.version)] * 2
    assert all(second.version in s["error"] for s in states)
    assert response.json()["outdated"] == [s["worker"] for s in states]
    assert httpx.post(served.http + "/predict", json=BODY).json()["model_version"] == first.version
    shutil.move(kept, bank.root / second.version)
    assert httpx.post(served.http + "/reload-model", json={}, timeout=30).status_code == 200
    assert httpx.post(served.http + "/predict", json=BODY).json()["model_version"] == second.version


def test_the_health_says_that_the_served_files_are_lost_and_that_they_are_back(
    pair: tuple[ServedBank, Served], tmp_path: Path
) -> None:
    bank, served = pair
    record = bank.register(110)
    bank.promote(record)
    assert httpx.post(served.http + "/reload-model", json={}, timeout=30).status_code == 200
    assert health(served) == (200, "ok", None)
    shutil.move(bank.root / record.version, tmp_path / "kept")
    code, _, reason = until_health(served, "degraded")
    assert code == 200
    assert f"the files of model {record.version} are missing: " in str(reason)
    assert "Next: " in str(reason)
    assert httpx.post(served.http + "/predict", json=BODY).json()["model_version"] == record.version
    shutil.move(tmp_path / "kept", bank.root / record.version)
    assert until_health(served, "ok") == (200, "ok", None)


def health(served: Served) -> tuple[int, str, str | None]:
    """Status code, state and reason, on which all workers agree."""
    found = {
        (response.status_code, response.json()["status"], response.json().get("reason"))
        for response in (httpx.get(served.http + "/health") for _ in range(8))
    }
    return found.pop() if len(found) == 1 else (0, "workers differ", str(found))


def until_health(served: Served, state: str) -> tuple[int, str, str | None]:
    until = time.monotonic() + 60
    while (found := health(served))[1] != state:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


def test_a_champion_whose_files_are_lost_before_the_start_is_named(
    make_bank: Callable[[], ServedBank], tmp_path: Path
) -> None:
    bank = make_bank()
    record = bank.register(0)
    bank.promote(record)
    shutil.rmtree(bank.root / record.version)
    settings = {"portfolio": bank.portfolio_file, "database_url": bank.url, "artifact_root": bank.root}
    with service(tmp_path, **settings) as served:
        code, state, reason = health(served)
        assert (code, state) == (503, "unavailable")
        assert f"the files of model {record.version} are missing: " in str(reason)
        assert httpx.post(served.http + "/predict", json=BODY).status_code == 503
        assert "Traceback" not in served.output()


@pytest.mark.parametrize("times", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_switches_under_load(pair: tuple[ServedBank, Served], times: int) -> None:
    bank, served = pair
    records = [bank.register(n) for n in range(4)]
    bank.promote(records[0])
    converge(served, records[0].version, 2)
    switch(bank, served, times, records)


@pytest.mark.slow
def test_a_killed_worker_is_replaced(pair: tuple[ServedBank, Served]) -> None:
    bank, served = pair
    bank.promote(bank.register(50))
    version = bank.registry.champion().version  # type: ignore[union-attr]
    converge(served, version, 2)
    killed = served.workers()[0]
    killed.kill()
    until = time.monotonic() + 40
    while len({w.pid for w in served.workers()} - {killed.pid}) < 2 or len(loaded(served)) < 2:
        assert time.monotonic() < until
        time.sleep(0.2)
    converge(served, version, 2)
