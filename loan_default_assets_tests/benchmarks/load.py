"""Clients that cost little themselves: raw HTTP/1.1 over kept connections, and grpc.aio."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from bento.generated import loan_default_pb2_grpc as pb_grpc

Ask = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Measured:
    """Answers a second, and their latency in milliseconds."""

    per_second: float
    p50: float
    p99: float
    answers: int


async def http_client(port: int, bodies: Iterator[bytes]) -> Ask:
    """Posts the next body to /predict over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def ask() -> None:
        body = next(bodies)
        writer.write(head % len(body) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = answer.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))

    return ask


async def grpc_client(port: int, messages: Iterator[Any]) -> Ask:
    """Calls Predict with the next message over one channel."""
    # Every client is a client of its own: without that setting all channels of a process share a connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    stub = pb_grpc.LoanDefaultStub(grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options))

    async def ask() -> None:
        await stub.Predict(next(messages))

    return ask


async def measure(
    make: Callable[[int, Iterator[Any]], Awaitable[Ask]],
    port: int,
    requests: Sequence[Any],
    concurrency: int,
    seconds: float,
) -> Measured:
    """What `concurrency` clients, each asking again as soon as it is answered, get in so many seconds."""
    source = itertools.cycle(requests)
    clients = [await make(port, source) for _ in range(concurrency)]
    taken: list[float] = []

    async def work(ask: Ask, until: float, kept: list[float]) -> None:
        while (now := time.perf_counter()) < until:
            await ask()
            kept.append(time.perf_counter() - now)

    warm = time.perf_counter() + seconds / 8
    await asyncio.gather(*(work(ask, warm, []) for ask in clients))
    started = time.perf_counter()
    await asyncio.gather(*(work(ask, started + seconds, taken) for ask in clients))
    elapsed = time.perf_counter() - started
    taken.sort()
    return Measured(
        len(taken) / elapsed,
        1000 * taken[len(taken) // 2],
        1000 * taken[min(len(taken) - 1, int(len(taken) * 0.99))],
        len(taken),
    )
