"""One worker: everything it is made of, put together from the settings, started and stopped in order."""

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bento.access.api_keys import Keys
from bento.access.rate_limit import RateLimit
from bento.grpc_api.grpc_server import GrpcServer, GrpcService
from bento.inference.champion_loader import Champion
from bento.inference.engine import Engine
from bento.inference.scored_loans import Answered, Channel
from bento.operations import prometheus_metrics
from bento.operations.error_location import place
from bento.operations.model_info import Facts, workers
from bento.operations.worker_registry import WorkerRegistry, WorkerReport
from bento.packaging import pinned_record
from bento.prediction_log.records import deliver_to
from bento.prediction_log.shipper import Shipper
from bento.prediction_log.spool import Spool
from bento.schemas.requests import Loan, RequestTypes
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.registry import Registry

logger = logging.getLogger("bentoml.loan_default")


def state_folder(settings: Settings, portfolio: str) -> Path:
    """Where the workers of a portfolio's service keep their files."""
    return settings.home / "service" / portfolio


class Runtime:
    """The parts of one worker. `pinned`: the tag of the BentoML model to serve in place of the champion."""

    def __init__(self, settings: Settings, types: RequestTypes, keys: Keys, pinned: str | None) -> None:
        portfolio = types.portfolio
        url = settings.database_url.get_secret_value() if settings.database_url else ""
        database = Database(url, portfolio.name)
        folder = state_folder(settings, portfolio.name)
        self.settings, self._shared = settings, settings.prometheus_multiproc_dir
        self._parent = os.getppid()
        registry = Registry(database)
        record = pinned_record(pinned) if pinned else None
        self.champion = Champion(portfolio, (lambda: record) if record else registry.champion)
        self.worker_registry = WorkerRegistry(folder / "workers")
        self._handled = self.worker_registry.asked()
        self.spool = Spool(folder / "journal", settings.service_spool_bytes)
        self.shipper = Shipper(self.spool, deliver_to(PredictionLog(database)), folder / "refused.jsonl")
        self.facts = Facts(
            portfolio, settings, self.champion, self.worker_registry, database, self._journal_state
        )
        self._types, self._keys = types, keys
        self._kick = asyncio.Event()
        self._ready = False

    async def start(self) -> None:
        """Loads the champion if there is one, opens the gRPC port, and watches the registry from then on."""
        prometheus_metrics.forget_dead_workers(self._shared)
        self.engine = Engine(
            self._types.portfolio,
            self._types.sources,
            self.champion,
            self.spool,
            self.shipper,
            self.settings,
        )
        rate = RateLimit(self.settings.service_rate_limit / self.settings.service_workers)
        servicer = GrpcService(self.engine, self._types, self.gather, rate)
        self.grpc = GrpcServer(servicer, self.settings, self._keys)
        await self._look()
        await self.grpc.start()
        self._ready = True
        self._watch = asyncio.create_task(self._watching())

    async def stop(self) -> None:
        """Answers what is in flight, delivers the journal as far as time allows, and leaves."""
        until = time.monotonic() + self.settings.service_drain_seconds
        self._ready = False
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        await self.grpc.stop(self.settings.service_drain_seconds)
        await self.engine.close()
        await asyncio.to_thread(self.shipper.stop, max(0.5, until - time.monotonic()))
        self.spool.close()
        self.worker_registry.leave()

    @property
    def ready(self) -> bool:
        """Whether loans can be scored."""
        return self._ready and self.champion.current is not None

    async def answer(self, loans: list[Loan], channel: Channel, started: float) -> Answered:
        return await self.engine.answer(loans, channel, started)

    async def gather(self) -> dict[str, Any]:
        """The facts of /model-info."""
        return await asyncio.to_thread(self.facts.gather)

    async def exposition(self) -> bytes:
        """The text of /metrics."""
        self.engine.measure()
        return await asyncio.to_thread(
            lambda: prometheus_metrics.exposition(self.worker_registry.reports(), self._shared)
        )

    async def reload(self) -> dict[str, Any]:
        """Has every worker look at the registry; their states, once all have or when the time is over."""
        number = self.worker_registry.ask()
        self._kick.set()
        until = time.monotonic() + self.settings.service_reload_seconds
        while True:
            reports = self.worker_registry.reports()
            heard = len(reports) >= self.settings.service_workers and all(
                r.handled >= number for r in reports
            )
            if heard or time.monotonic() > until:
                states = workers(reports, self.settings.service_workers, self.champion.wanted)
                late = [report.worker for report in reports if report.handled < number]
                return states | {"laggards": sorted({*states["laggards"], *late})}
            await asyncio.sleep(0.05)

    async def _watching(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._kick.wait(), self.settings.service_poll_seconds)
            self._kick.clear()
            if os.getppid() != self._parent:
                # The supervisor was killed and cannot tell; nobody else would end this process.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the watch must outlive whatever the disk or database does
                logger.error("the champion could not be looked up: %s", place(error))

    async def _look(self) -> None:
        asked = self.worker_registry.asked()
        outcome = await asyncio.to_thread(lambda: self.champion.look(again=asked > self._handled))
        if outcome:
            prometheus_metrics.RELOADS.labels(outcome).inc()
        self._handled = asked
        current, wanted = self.champion.current, self.champion.wanted
        self.worker_registry.report(
            WorkerReport(
                worker=self.worker_registry.worker,
                desired=wanted.version if wanted else None,
                loaded=current.version if current else None,
                error=self.champion.error,
                handled=asked,
                loaded_at=current.loaded_at.isoformat() if current else None,
            )
        )
        await self.grpc.serving(current is not None)
        self.engine.measure()

    def _journal_state(self) -> dict[str, Any]:
        return {
            "waiting_bytes": self.spool.waiting_bytes,
            "database_away": self.shipper.away,
            "refused": self.shipper.set_aside,
        }
