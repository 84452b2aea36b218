"""One worker process: its parts, made from the settings, started and stopped in order."""

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bento.access.api_keys import Keys
from bento.console.overview_facts import OverviewReader
from bento.grpc_api.grpc_server import GrpcServer, GrpcService
from bento.inference.champion_loader import Champion
from bento.inference.engine import Engine
from bento.inference.scored_applications import Channel, ScoredRequest
from bento.operations import prometheus_metrics
from bento.operations.error_location import error_location
from bento.operations.model_info import ModelInfo
from bento.operations.recorded_decisions import RecordedDecisions
from bento.operations.recorded_state import StateReader, recorded_state, refresh_seconds
from bento.operations.replica_link import ReplicaLink, direct_database, linked, replica_name
from bento.operations.replica_states import reloaded
from bento.operations.request_latency import RouteLatency, latencies
from bento.operations.waiting_promotions import WaitingPromotions
from bento.operations.worker_registry import WorkerRegistry, WorkerReport
from bento.packaging import pinned_keys, pinned_record
from bento.prediction_log.records import deliver_to, keep_refused_in
from bento.prediction_log.shipper import Shipper
from bento.prediction_log.spool import Spool, take_in
from bento.schemas import problems
from bento.schemas.problems import Refused
from bento.schemas.requests import CheckedLoan, RequestTypes
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.registry import ModelRecord, Registry

logger = logging.getLogger("bentoml.loan_default")

# Between two looks at the rows of all workers, while a reload waits for them.
RELOAD_LOOK_SECONDS = 0.1
# The routes of predictions over both transports, whose latency the console shows.
SCORING_ROUTES = ("/predict", "/predict-batch", "/score", "Predict", "PredictBatch")


def state_folder(settings: Settings, portfolio: str) -> Path:
    """The folder that the workers of a portfolio's service share."""
    return settings.home / "service" / portfolio


class Runtime:
    """The parts of one worker.

    Args:
        settings: The service's settings.
        types: The request types of the served portfolio.
        keys: The API keys.
        pinned: The tag of the BentoML model to serve in place of the champion.
    """

    def __init__(self, settings: Settings, types: RequestTypes, keys: Keys, pinned: str | None) -> None:
        portfolio = types.portfolio
        url = settings.database_url.get_secret_value() if settings.database_url else ""
        database = Database(url, portfolio.name)
        folder = state_folder(settings, portfolio.name)
        self.settings, self._shared = settings, settings.prometheus_multiproc_dir
        self._parent = os.getppid()
        registry = Registry(database)
        record = pinned_record(pinned) if pinned else None
        trusted = pinned_keys(pinned) if pinned else None
        store = replace(artifact_store(settings, default_keys=trusted), offline=True)
        self.champion = Champion(portfolio, store, (lambda: record) if record else registry.champion)
        self.worker_registry = WorkerRegistry(folder / "workers")
        self.replicas = ReplicaLink(
            linked(database),
            direct_database(settings, portfolio.name),
            worker=self.worker_registry.worker,
            replica=replica_name(settings),
            seconds=settings.service_poll_seconds,
            wake=self._wake,
        )
        self.promotions = WaitingPromotions(portfolio, database)
        # Not offline: a decision may be of a model that this machine holds no copy of.
        self.decisions = RecordedDecisions(portfolio, database, replace(store, offline=False))
        self._handled = 0
        take_in(folder.glob("refused*.jsonl"), folder / "spool")
        self.spool = Spool(folder / "spool", settings.service_spool_bytes, former_folder=folder / "journal")
        log = PredictionLog(database)
        self.shipper = Shipper(self.spool, deliver_to(log), keep_refused_in(log))
        self.model_info = ModelInfo(
            portfolio,
            settings,
            self.champion,
            self.worker_registry,
            self.replicas,
            database,
            self._prediction_log_state,
        )
        self.overview = OverviewReader(portfolio, settings, database)
        self._recorded_state = StateReader(
            lambda: recorded_state(database, portfolio, settings, self._served_record())
        )
        self._types, self._keys = types, keys
        self._poll_now = asyncio.Event()
        self._ready = False

    async def start(self) -> None:
        """Load the champion if there is one, open the gRPC port, and poll the model registry from then on."""
        self._loop = asyncio.get_running_loop()
        prometheus_metrics.forget_dead_workers(self._shared)
        self.engine = Engine(
            self._types.portfolio,
            self._types.sources,
            self.champion,
            self.spool,
            self.shipper,
            self.settings,
        )
        servicer = GrpcService(self.engine, self._types, self.gather, self.reload)
        self.grpc = GrpcServer(servicer, self.settings, self._keys)
        prometheus_metrics.reserve_disk_space(self._shared)
        await self._poll()
        await self.grpc.start()
        self._ready = True
        self.replicas.start()
        self._polling = asyncio.create_task(self._poll_forever())

    async def stop(self) -> None:
        """Complete the requests in flight, ship the spool as far as time allows, and leave the worker registry."""
        until = time.monotonic() + self.settings.service_drain_seconds
        self._ready = False
        self._polling.cancel()
        with suppress(asyncio.CancelledError):
            await self._polling
        await asyncio.to_thread(self.replicas.stop)
        await self.grpc.stop(self.settings.service_drain_seconds)
        await self.engine.close()
        await asyncio.to_thread(self.shipper.stop, max(0.5, until - time.monotonic()))
        self.spool.close()
        self.worker_registry.leave()

    @property
    def ready(self) -> bool:
        """Whether loans can be scored, which includes that predictions can be recorded."""
        return self._ready and self.champion.current is not None and self.spool.fault is None

    @property
    def prediction_log_problem(self) -> str | None:
        """Why predictions cannot be recorded or are not delivered; None when they are."""
        if self.spool.fault:
            return (
                f"predictions cannot be recorded: the prediction log cannot be written ({self.spool.fault})"
            )
        if self.spool.unreadable:
            return f"{len(self.spool.unreadable)} files of the prediction log cannot be read; see the log"
        return "the prediction log waits to be delivered; see the log" if self.shipper.fault else None

    async def score(self, loans: list[CheckedLoan], channel: Channel, started: float) -> ScoredRequest:
        """See `Engine.score`."""
        return await self.engine.score(loans, channel, started)

    async def gather(self) -> dict[str, Any]:
        """The content of /model-info."""
        return await asyncio.to_thread(self.model_info.gather)

    async def exposition(self) -> bytes:
        """The text of /metrics."""
        self.engine.update_gauges()
        return await asyncio.to_thread(
            lambda: prometheus_metrics.exposition(
                self.worker_registry.reports(), self._shared, self._recorded()
            )
        )

    def latencies(self) -> tuple[RouteLatency, ...]:
        """How fast predictions were answered since the start. Blocks on the disk."""
        registry = prometheus_metrics.counts_of_workers(self._shared)
        return latencies(registry.collect(), SCORING_ROUTES)

    def _recorded(self) -> prometheus_metrics.Recorded:
        state, read = self._recorded_state.latest()
        target, expected = self.settings.f1_score_threshold, refresh_seconds(self._types.portfolio)
        return prometheus_metrics.Recorded(state, read, target, expected)

    def _served_record(self) -> ModelRecord | None:
        current = self.champion.current
        return self.champion.wanted or (current.record if current else None)

    async def reload(self) -> dict[str, Any]:
        """Let every worker of every replica poll the model registry now.

        Returns:
            The states of the living workers, once all have polled or after SERVICE_RELOAD_SECONDS, as JSON values.

        Raises:
            Refused: The database cannot be reached, so the other workers cannot be told.
        """
        until = time.monotonic() + self.settings.service_reload_seconds
        try:
            number = await asyncio.to_thread(self.replicas.request_reload)
            while True:
                alive = await asyncio.to_thread(self.replicas.alive)
                own = sum(worker.replica == self.replicas.replica for worker in alive)
                complete = own >= self.settings.service_workers and all(w.handled >= number for w in alive)
                if complete or time.monotonic() > until:
                    return reloaded(alive, number, self.settings.service_workers - own, self.champion.wanted)
                await asyncio.sleep(RELOAD_LOOK_SECONDS)
        except WarehouseError as error:
            why = str(error).splitlines()[0]
            raise Refused(
                problems.NO_DATABASE.with_message(f"{problems.NO_DATABASE.message}: {why}")
            ) from None

    def _wake(self) -> None:
        """Poll now; called on the thread of the replicas."""
        self._loop.call_soon_threadsafe(self._poll_now.set)

    async def _poll_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poll_now.wait(), self.settings.service_poll_seconds)
            self._poll_now.clear()
            if os.getppid() != self._parent:
                # The supervisor was killed, and nothing else would end this process.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001 - polling goes on after any error of disk or database
                logger.error("the model registry could not be polled: %s", error_location(error))

    async def _poll(self) -> None:
        newest = self.replicas.newest_reload
        outcome = await asyncio.to_thread(lambda: self.champion.poll(retry_refused=newest > self._handled))
        if outcome:
            prometheus_metrics.RELOADS.labels(outcome).inc()
        self._handled = newest
        await asyncio.to_thread(self.spool.recheck)
        await self.grpc.set_serving(self.champion.current is not None and self.spool.fault is None)
        current, wanted = self.champion.current, self.champion.wanted
        report = WorkerReport(
            worker=self.worker_registry.worker,
            desired=wanted.version if wanted else None,
            loaded=current.version if current else None,
            error=self.champion.error or self.champion.files_problem,
            handled=newest,
            loaded_at=current.loaded_at.isoformat() if current else None,
        )
        self.replicas.report(report)
        self.worker_registry.report(report)
        self.engine.update_gauges()

    def _prediction_log_state(self) -> dict[str, Any]:
        return {
            "waiting_bytes": self.spool.waiting_bytes,
            "database_unreachable": self.shipper.database_unreachable,
            "refused": self.shipper.refused,
            "error": self.prediction_log_problem,
        }
