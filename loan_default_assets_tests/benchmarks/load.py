"""Clients that use little processor time: raw HTTP/1.1 over persistent connections, and grpc.aio."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from bento.generated import loan_default_pb2_grpc as pb_grpc

Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class LoadMeasurement:
    """Responses per second, and their latency in milliseconds."""

    per_second: float
    p50: float
    p99: float
    responses: int


async def http_client(port: int, bodies: Iterator[bytes]) -> Send:
    """A function that posts the next body to /predict over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def send() -> None:
        body = next(bodies)
        writer.write(head % len(body) + body)
        response = await reader.readuntil(b"\r\n\r\n")
        if not response.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(response.decode())
        length = response.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))

    return send


async def grpc_client(port: int, messages: Iterator[Any]) -> Send:
    """A function that calls Predict with the next message over one channel."""
    # Without this setting all channels of a process share one connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    stub = pb_grpc.LoanDefaultStub(grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options))

    async def send() -> None:
        await stub.Predict(next(messages))

    return send


async def measure(
    make: Callable[[int, Iterator[Any]], Awaitable[Send]],
    port: int,
    requests: Sequence[Any],
    concurrency: int,
    seconds: float,
) -> LoadMeasurement:
    """Measure `concurrency` clients, each of which sends its next request when it has the response, for `seconds`."""
    source = itertools.cycle(requests)
    clients = [await make(port, source) for _ in range(concurrency)]
    latencies: list[float] = []

    async def work(send: Send, until: float, durations: list[float]) -> None:
        while (now := time.perf_counter()) < until:
            await send()
            durations.append(time.perf_counter() - now)

    warm = time.perf_counter() + seconds / 8
    await asyncio.gather(*(work(send, warm, []) for send in clients))
    started = time.perf_counter()
    await asyncio.gather(*(work(send, started + seconds, latencies) for send in clients))
    elapsed = time.perf_counter() - started
    latencies.sort()
    return LoadMeasurement(
        len(latencies) / elapsed,
        1000 * latencies[len(latencies) // 2],
        1000 * latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))],
        len(latencies),
    )
