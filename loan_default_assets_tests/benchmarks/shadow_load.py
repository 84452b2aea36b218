"""Promotions under steady load with a shadow: latencies beside those without one, and what is recorded.

python -m loan_default_assets_tests.benchmarks.shadow_load [--promotions 200] [--per-second 30]

Blocks of promotions with the shadow take turns with blocks in which its process is suspended, so that both have the
same service, models and machine. What waited meanwhile is scored in the next block, beside its own predictions.
At the end every acknowledged prediction must be one that its version gives, and be recorded once by each model.
"""

import argparse
import asyncio
import itertools
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil

from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.model.calibration import Calibration
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets.warehouse.shadow_models import ShadowLog
from loan_default_assets_tests.benchmarks.serving import bank_of, bodies
from loan_default_assets_tests.bento.random_requests import columns_of, message
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.tiny_models import ServedBank

CHAMPIONS, BLOCK = 5, 10
PAUSE_SECONDS, CAUGHT_UP_SECONDS = 0.4, 600.0
TOLERANCE = 1e-5
_RECORDED = """
SELECT p.request_id::text, p.model_version, p.probability, s.model_version, s.probability
FROM predictions p LEFT JOIN shadow_predictions s USING (request_id, position)
"""


@dataclass(frozen=True)
class ShadowAnswer:
    """An acknowledged prediction of the loan with this number."""

    request_id: str
    loan: int
    version: str
    pd: float
    threshold: float


@dataclass
class ShadowLoad:
    """A service under load while its champion changes, with the shadow's process running or suspended.

    Attributes:
        records: The versions that become champion in turn.
        shadow: The shadow.
        loans: JSON bodies of the applications.
        as_of: Their date, where the portfolio needs one.
        latencies: Seconds of each acknowledged prediction per block, with the shadow and without.
    """

    bank: ServedBank
    served: Served
    records: Sequence[ModelRecord]
    shadow: ModelRecord
    loans: Sequence[dict[str, Any]]
    per_second: float
    as_of: str | None = None
    answers: list[ShadowAnswer] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    latencies: dict[bool, list[list[float]]] = field(default_factory=lambda: {True: [], False: []})
    promotions: Counter[bool] = field(default_factory=Counter)
    newest: str = ""

    async def run(self, promotions: int) -> None:
        """Make so many promotions with the shadow, and as many without, in blocks that take turns."""
        process = await asyncio.to_thread(self._process)
        numbers = itertools.count(1)
        async with (
            httpx.AsyncClient(timeout=60) as http,
            grpc.aio.insecure_channel(self.served.grpc) as channel,
        ):
            stub = pb_grpc.LoanDefaultStub(channel)
            for pair in range(promotions // BLOCK):
                for on in (True, False) if pair % 2 else (False, True):
                    (process.resume if on else process.suspend)()
                    await self._block(on, numbers, http, stub)
                state = await asyncio.to_thread(ShadowLog(self.bank.database).state, self.shadow.version)
                ratio = quantile(self.latencies[True][-1], 0.99) / quantile(self.latencies[False][-1], 0.99)
                print(
                    f"{sum(self.promotions.values())} promotions, {len(self.answers)} predictions, "
                    f"{state.scored if state else 0} scored by the shadow, p99 ratio {ratio:.2f}",
                    flush=True,
                )
        process.resume()

    def _process(self) -> psutil.Process:
        """The shadow's process, once it scores."""
        until = time.monotonic() + CAUGHT_UP_SECONDS
        while time.monotonic() < until:
            state = ShadowLog(self.bank.database).state(self.shadow.version)
            if state is not None and state.alive:
                for child in psutil.Process(self.served.process.pid).children():
                    if "bento.shadow" in child.cmdline():
                        return child
            time.sleep(0.2)
        raise RuntimeError("the shadow does not score")

    async def _block(self, on: bool, numbers: Iterator[int], http: Any, stub: Any) -> None:
        self.latencies[on].append([])
        stopped = asyncio.Event()
        clients = asyncio.create_task(self._requests(stopped, self.latencies[on][-1], http, stub))
        for _ in range(BLOCK):
            await asyncio.sleep(PAUSE_SECONDS)
            wanted = self.records[next(numbers) % len(self.records)]
            await asyncio.to_thread(self.bank.promote, wanted)
            self.promotions[on] += 1
            while self.newest != wanted.version and not clients.done():
                await asyncio.sleep(0.01)
        stopped.set()
        await clients

    async def _requests(self, stopped: asyncio.Event, latencies: list[float], http: Any, stub: Any) -> None:
        """Send requests at the rate, whether or not earlier ones are answered."""
        started, sent = time.monotonic(), set()
        for number in itertools.count():
            await asyncio.sleep(max(started + number / self.per_second - time.monotonic(), 0))
            if stopped.is_set():
                break
            loan = number % len(self.loans)
            send = (
                self._by_http(http, loan, latencies) if number % 2 else self._by_grpc(stub, loan, latencies)
            )
            task = asyncio.create_task(send)
            sent.add(task)
            task.add_done_callback(sent.discard)
        await asyncio.gather(*sent)

    async def _by_http(self, client: httpx.AsyncClient, loan: int, latencies: list[float]) -> None:
        sent = time.monotonic()
        try:
            response = await client.post(f"{self.served.http}/predict", json=self.loans[loan])
        except httpx.TransportError as error:
            self.failures[type(error).__name__] += 1
            return
        if response.status_code != 200:
            self.failures[f"HTTP {response.status_code}"] += 1
            return
        latencies.append(time.monotonic() - sent)
        body = response.json()
        self._answered(
            ShadowAnswer(
                body["request_id"], loan, body["model_version"], body["probability"], body["threshold"]
            )
        )

    async def _by_grpc(self, stub: Any, loan: int, latencies: list[float]) -> None:
        sent = time.monotonic()
        try:
            response = await stub.Predict(message(self.loans[loan]), timeout=60)
        except grpc.aio.AioRpcError as error:
            self.failures[error.code().name] += 1
            return
        latencies.append(time.monotonic() - sent)
        self._answered(
            ShadowAnswer(
                response.request_id, loan, response.model_version, response.probability, response.threshold
            )
        )

    def _answered(self, answer: ShadowAnswer) -> None:
        self.answers.append(answer)
        self.newest = answer.version

    def wait(self) -> float:
        """Seconds until the shadow has scored everything."""
        started = time.monotonic()
        while time.monotonic() < started + CAUGHT_UP_SECONDS:
            ((stored,),) = self.bank.rows("SELECT count(*) FROM predictions")
            state = ShadowLog(self.bank.database).state(self.shadow.version)
            if stored >= len(self.answers) and state is not None and not state.waiting:
                break
            time.sleep(0.5)
        return time.monotonic() - started

    def faults(self) -> dict[str, int]:
        """What was answered or recorded otherwise than it must be."""
        expected = {record.version: self._expected(record) for record in (*self.records, self.shadow)}
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for name, *rest in self.bank.rows(_RECORDED):
            rows.setdefault(name, []).append(tuple(rest))
        found = Counter[str]()
        for answer in self.answers:
            threshold, pds = expected[answer.version]
            same = answer.threshold == threshold and abs(answer.pd - pds[answer.loan]) < TOLERANCE
            found["mixed"] += not same
            recorded = rows.get(answer.request_id, [])
            found["not recorded once by the champion"] += [row[:2] for row in recorded] != [
                (answer.version, answer.pd)
            ]
            shadow_pd = expected[self.shadow.version][1][answer.loan]
            once = len(recorded) == 1 and recorded[0][2] == self.shadow.version
            found["not recorded once by the shadow"] += not (
                once and abs(recorded[0][3] - shadow_pd) < TOLERANCE
            )
        return {"failed": self.failures.total(), **found}

    def _expected(self, record: ModelRecord) -> tuple[float, list[float]]:
        """The threshold of a version, and its PD of each loan."""
        predictor = Predictor.from_artifact(self.bank.root / record.version)
        features = transform(
            self.bank.portfolio, columns_of(self.bank.portfolio, list(self.loans)), self.as_of
        )
        return predictor.threshold, predictor.predict(features.numerical, features.categorical).pd.tolist()

    def report(self) -> None:
        """Print the latencies of both sides."""
        for on, blocks in self.latencies.items():
            together = [each for block in blocks for each in block]
            p50, p99 = (1000 * quantile(together, share) for share in (0.5, 0.99))
            print(
                f"{'with' if on else 'without'} the shadow: {self.promotions[on]} promotions, "
                f"{len(together)} predictions, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
            )
        whole = [quantile([e for b in self.latencies[on] for e in b], 0.99) for on in (True, False)]
        pairs = zip(self.latencies[True], self.latencies[False], strict=True)
        ratios = sorted(quantile(one, 0.99) / quantile(other, 0.99) for one, other in pairs)
        print(
            f"p99 with / without: {whole[0] / whole[1]:.2f} over all; of {len(ratios)} pairs of blocks "
            f"median {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies.

    Examples:
        >>> quantile([4.0, 1.0, 2.0, 3.0], 0.5)
        3.0
    """
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def champions_and_shadow(bank: ServedBank) -> tuple[list[ModelRecord], ModelRecord]:
    """Versions that give every loan another PD, the first of them champion, and one more."""
    records = [
        bank.keep(
            replace(
                bank.fitted,
                calibration=Calibration(slope=0.6, offset=number / 10),
                threshold=bank.fitted.threshold + number / 1000,
            ),
            f"shadow-load-{number}",
        )
        for number in range(CHAMPIONS + 1)
    ]
    bank.promote(records[0])
    return records[:-1], records[-1]


def main() -> None:
    """Print the figures; exit code 1 where a prediction failed, was mixed, or is not recorded once by both."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.shadow_load")
    parser.add_argument("--promotions", type=int, default=200)
    parser.add_argument("--per-second", type=float, default=30)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="loan-default-shadow-"))
    home.chmod(0o755)
    postgres = LocalPostgres(home / "database")
    try:
        loans = bodies(load("demo"), 40)
        bank = bank_of(postgres.start(), home / "models", loans)
        records, shadow = champions_and_shadow(bank)
        settings = {"portfolio": "demo", "database_url": bank.url, "artifact_root": bank.root}
        with service(
            home / "service", ready="/health", seconds=300, shadow=shadow.version, **settings
        ) as served:
            load_ = ShadowLoad(bank, served, records, shadow, loans, options.per_second)
            asyncio.run(load_.run(options.promotions))
            print(f"all scored {load_.wait():.1f} s after the load")
            load_.report()
            faults = load_.faults()
        print(", ".join(f"{name}: {count}" for name, count in faults.items()))
    finally:
        postgres.remove()
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(1 if any(faults.values()) else 0)


if __name__ == "__main__":
    main()
