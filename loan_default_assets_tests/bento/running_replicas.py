"""The parts of several services in one process, each with a home of its own, on one database and one artifact root."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bento.access.api_keys import Keys
from bento.operations.worker import Runtime
from bento.schemas.requests import RequestTypes
from loan_default_assets.settings import Settings
from loan_default_assets_tests.bento.served_process import free_ports
from loan_default_assets_tests.bento.tiny_models import ServedBank

SECONDS = 120.0


@asynccontextmanager
async def replica(bank: ServedBank, home: Path, **settings: Any) -> AsyncIterator[Runtime]:
    """One worker of a service, started and stopped as BentoML does."""
    http, grpc = free_ports(2)
    chosen: dict[str, Any] = {"service_drain_seconds": 0.0} | settings
    given = Settings(
        loan_default_home=home,
        portfolio=str(bank.portfolio_file),
        artifact_root=str(bank.root),
        service_http_port=http,
        service_grpc_port=grpc,
        **{"database_url": bank.url, **chosen},
    )
    if "service_poll_seconds" not in settings:
        # Longer than any test waits, and than a setting may be, so that a change which is seen was notified.
        given = given.model_copy(update={"service_poll_seconds": 10 * SECONDS})
    runtime = Runtime(given, RequestTypes(bank.portfolio), Keys.from_settings(given), None)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


@asynccontextmanager
async def replicas(
    bank: ServedBank, folder: Path, count: int = 2, **settings: Any
) -> AsyncIterator[list[Runtime]]:
    """Replicas with separate homes, which all know each other."""
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(replica(bank, folder / f"home-{n}", **settings))
            for n in range(count)
        ]
        await until(lambda: all(each.replicas.problem is None for each in started))
        yield started


async def until(met: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < end, "the condition was not met in time"
        await asyncio.sleep(0.02)


def serving(runtimes: list[Runtime]) -> list[str | None]:
    """The version that each replica serves."""
    return [each.champion.current and each.champion.current.version for each in runtimes]


async def served_by_all(runtimes: list[Runtime], version: str) -> None:
    """Wait until every replica serves the version."""
    await until(lambda: serving(runtimes) == [version] * len(runtimes))
