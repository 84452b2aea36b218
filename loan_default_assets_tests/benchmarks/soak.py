"""The service under steady load while champions change, PostgreSQL stops and the disk fills up.

python -m loan_default_assets_tests.benchmarks.soak [--minutes 60] [--per-second 50]
    [--promotion-seconds 60] [--stop-seconds 300] [--fillings 2] [--in-flight 256] [--samples FILE]

0 seconds, or 0 fillings, leave a disturbance out, which tells what the memory grows by. At the end every acknowledged
prediction must be in the table exactly once, as it was answered. Memory and file handles of the workers are sampled;
their growth is the slope of a line through the samples after the first sixth of the time. Beside other programs, whose
bursts let requests pile up, few in flight keep the largest number at once, and with it memory and handles, the same.
"""

import argparse
import asyncio
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from scipy.stats import linregress, t

from bento.generated import loan_default_pb2_grpc as pb_grpc
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.benchmarks.serving import bank_of, bodies
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_disk import CannotMount, filled, mounted
from loan_default_assets_tests.bento.tiny_models import ServedBank

DISK_BYTES = 64 << 20
SAMPLE_SECONDS = 5.0
DOWN_SECONDS = 10.0
MEGABYTE = 1 << 20

_ACT = """
import sys
from pathlib import Path
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
getattr(LocalPostgres(Path(sys.argv[1])), sys.argv[2])()
"""

Answer = tuple[str, str, float]


@dataclass
class Account:
    """What happened.

    Attributes:
        answers: Request id, model version and PD of each acknowledged prediction.
        refusals: Responses other than a prediction, by status.
        latencies: Seconds per acknowledged prediction.
        samples: Seconds since the start, resident bytes and open files of the workers, and predictions and promotions
            so far.
    """

    answers: list[Answer] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    samples: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    promotions: int = 0
    stops: int = 0
    fillings: int = 0


@dataclass(frozen=True)
class Soak:
    """One run of the service under load.

    Attributes:
        seconds: Length of the run.
        per_second: Requests per second, half by HTTP and half by gRPC, sent whether or not earlier ones are answered,
            up to `in_flight` of them.
        promotion_seconds: Between two promotions; 0 for none.
        stop_seconds: Between two stops of PostgreSQL; 0 for none.
        fillings: How often the disk is filled.
        in_flight: Requests without an answer after which the next one waits: more of them measure the client's queue,
            not the service.
        disk: The disk that is filled; None where none could be mounted.
    """

    bank: ServedBank
    served: Served
    postgres: LocalPostgres
    disk: Path | None
    seconds: float
    per_second: float
    promotion_seconds: float
    stop_seconds: float
    fillings: int
    in_flight: int
    account: Account = field(default_factory=Account)

    async def run(self) -> None:
        """All of it side by side until the time is over."""
        loans = bodies(load("demo"), 80)
        async with (
            httpx.AsyncClient(timeout=60) as http,
            grpc.aio.insecure_channel(self.served.grpc) as channel,
        ):
            stub = pb_grpc.LoanDefaultStub(channel)
            disturbances = [
                asyncio.create_task(each)
                for each in (self._promotions(), self._stops(), self._fillings(), self._samples())
            ]
            requests, free = set(), asyncio.Semaphore(self.in_flight)
            started = time.monotonic()
            for number, loan in enumerate(itertools.cycle(loans)):
                due = started + number / self.per_second
                if due > started + self.seconds:
                    break
                await asyncio.sleep(max(due - time.monotonic(), 0))
                await free.acquire()
                if time.monotonic() > started + self.seconds:
                    break
                send = self._by_http(http, loan) if number % 2 else self._by_grpc(stub, loan)
                task = asyncio.create_task(send)
                requests.add(task)
                task.add_done_callback(requests.discard)
                task.add_done_callback(lambda _: free.release())
                for each in disturbances:
                    if each.done():
                        each.result()
            await asyncio.gather(*requests)
            for each in disturbances:
                each.cancel()
            await asyncio.gather(*disturbances, return_exceptions=True)

    async def _by_http(self, client: httpx.AsyncClient, loan: dict[str, Any]) -> None:
        sent = time.monotonic()
        try:
            response = await client.post(f"{self.served.http}/predict", json=loan)
        except httpx.TransportError as error:
            self.account.refusals[type(error).__name__] += 1
            return
        body = response.json()
        if response.status_code == 200:
            self._answered(sent, (body["request_id"], body["model_version"], body["probability"]))
        else:
            self.account.refusals[f"{response.status_code} {body.get('code', '')}"] += 1

    async def _by_grpc(self, stub: Any, loan: dict[str, Any]) -> None:
        sent = time.monotonic()
        try:
            response = await stub.Predict(message(loan), timeout=60)
        except grpc.aio.AioRpcError as error:
            self.account.refusals[error.code().name] += 1
        else:
            self._answered(sent, (response.request_id, response.model_version, response.probability))

    def _answered(self, sent: float, answer: Answer) -> None:
        self.account.answers.append(answer)
        self.account.latencies.append(time.monotonic() - sent)

    async def _promotions(self) -> None:
        for number in itertools.count(1) if self.promotion_seconds else ():
            await asyncio.sleep(self.promotion_seconds)
            while True:
                try:
                    await asyncio.to_thread(lambda n=number: self.bank.promote(self.bank.register(n)))
                    break
                except WarehouseError as error:
                    print(f"promotion {number} is repeated: {type(error).__name__}", flush=True)
                    await asyncio.sleep(2)
            self.account.promotions += 1

    async def _stops(self) -> None:
        while self.stop_seconds:
            await asyncio.sleep(min(self.stop_seconds, self.seconds / 3))
            await self._postgres("stop")
            await asyncio.sleep(DOWN_SECONDS)
            await self._postgres("start")
            self.account.stops += 1

    async def _postgres(self, act: str) -> None:
        """Stop or start the server in a process of its own: a fork of this one may crash in gRPC's threads."""
        home = str(self.postgres.folder.parent)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _ACT, home, act)
        if await process.wait():
            raise RuntimeError(f"PostgreSQL: {act} failed")

    async def _fillings(self) -> None:
        if self.disk is None:
            return
        for _ in range(self.fillings):
            await asyncio.sleep(self.seconds * 0.72 / self.fillings)
            with filled(self.disk):
                await asyncio.sleep(DOWN_SECONDS)
            self.account.fillings += 1

    async def _samples(self) -> None:
        started = time.monotonic()
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            workers = self.served.workers()
            self.account.samples.append(
                (
                    time.monotonic() - started,
                    sum(each.memory_info().rss for each in workers),
                    sum(each.num_fds() for each in workers),
                    len(self.account.answers),
                    self.account.promotions,
                )
            )


def slope(samples: list[tuple[float, float]], seconds: float) -> tuple[float, float]:
    """Growth per hour after the first sixth of the time, and half the width of its 95 % interval.

    Args:
        samples: Seconds since the start, and a quantity.
        seconds: Length of the run.

    Examples:
        >>> growth, width = slope([(float(second), 5 + second / 3600) for second in range(600)], 600.0)
        >>> round(growth, 6), round(width, 6)
        (1.0, 0.0)
    """
    kept = [(second, value) for second, value in samples if second > seconds / 6]
    line = linregress(*zip(*kept, strict=True))
    return 3600 * float(line.slope), 3600 * float(line.stderr * t.ppf(0.975, len(kept) - 2))


def compared(answers: list[Answer], stored: list[Answer]) -> dict[str, int]:
    """Acknowledged predictions against the rows of the table.

    Examples:
        >>> compared([("a", "m", 0.1), ("b", "m", 0.2), ("d", "m", 0.4)], [("a", "m", 0.1), ("b", "n", 0.2)])
        {'lost': 1, 'twice': 0, 'other than answered': 1, 'not acknowledged': 0}
    """
    rows = {row[0]: row for row in stored}
    return {
        "lost": sum(answer[0] not in rows for answer in answers),
        "twice": len(stored) - len(rows),
        "other than answered": sum(rows.get(answer[0], answer) != answer for answer in answers),
        "not acknowledged": len(rows.keys() - {answer[0] for answer in answers}),
    }


def report(soak: Soak, stored: list[Answer]) -> bool:
    """Print the figures; whether nothing was lost, doubled or changed."""
    account = soak.account
    found = compared(account.answers, stored)
    latencies = sorted(account.latencies)
    reached = (len(account.answers) + account.refusals.total()) / soak.seconds
    print(
        f"{soak.seconds / 60:.0f} minutes at {soak.per_second:g} requests per second, {reached:.1f} of them answered"
    )
    print(
        f"{account.promotions} promotions, {account.stops} stops of PostgreSQL, "
        f"the disk filled {account.fillings} times"
    )
    print(
        f"{len(account.answers)} predictions acknowledged, refused: {dict(account.refusals) or 'none'}; "
        f"p50 {1000 * latencies[len(latencies) // 2]:.1f} ms, p99 {1000 * latencies[len(latencies) * 99 // 100]:.1f} ms"
    )
    print(", ".join(f"{name}: {count}" for name, count in found.items()))
    for name, column, unit in (("memory of the workers", 1, MEGABYTE), ("open files", 2, 1)):
        values = [(sample[0], sample[column] / unit) for sample in account.samples]
        growth, width = slope(values, soak.seconds)
        print(
            f"{name}: {values[0][1]:.0f} at first, {values[-1][1]:.0f} at the end{' MB' if unit > 1 else ''}; "
            f"{growth:+.1f} +- {width:.1f} per hour"
        )
    return found["lost"] == found["twice"] == found["other than answered"] == 0


def main() -> None:
    """Print the figures; exit code 1 where a prediction is lost, doubled or changed."""
    parser = argparse.ArgumentParser(prog="python -m loan_default_assets_tests.benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--per-second", type=float, default=50)
    parser.add_argument("--promotion-seconds", type=float, default=60)
    parser.add_argument("--stop-seconds", type=float, default=300)
    parser.add_argument("--fillings", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--samples", type=Path, help="file for the samples, one JSON array per line")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="loan-default-soak-"))
    home.chmod(0o755)
    # Not in `home` itself, whose models would then be those of another installation.
    postgres = LocalPostgres(home / "database")
    try:
        bank = bank_of(postgres.start(), home / "models", bodies(load("demo"), 80))
        settings = {"portfolio": "demo", "database_url": bank.url}
        with ExitStack() as stack:
            try:
                disk = stack.enter_context(mounted(home / "disk", DISK_BYTES))
            except CannotMount as error:
                print(f"the disk is not filled: {error}")
                disk = None
            served = stack.enter_context(service(disk or home / "service", ready="/health", **settings))
            soak = Soak(
                bank,
                served,
                postgres,
                disk,
                seconds=60 * options.minutes,
                per_second=options.per_second,
                promotion_seconds=options.promotion_seconds,
                stop_seconds=options.stop_seconds,
                fillings=options.fillings,
                in_flight=options.in_flight,
            )
            asyncio.run(soak.run())
        if options.samples:
            options.samples.write_text("".join(f"{json.dumps(each)}\n" for each in soak.account.samples))
        stored = [
            (str(row[0]), row[1], row[2])
            for row in bank.rows("SELECT request_id, model_version, probability FROM predictions")
        ]
        kept = report(soak, stored)
    finally:
        postgres.remove()
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
