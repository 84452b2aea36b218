"""From checked loans to logged predictions: what both transports do once a request is valid."""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bento.inference.batcher import Batcher, Job, Overloaded
from bento.inference.champion_loader import Champion, LoadedChampion
from bento.inference.scored_applications import Channel, ScoredLoan, ScoredRequest
from bento.operations import prometheus_metrics
from bento.prediction_log.records import record
from bento.prediction_log.shipper import Shipper
from bento.prediction_log.spool import Spool
from bento.schemas import problems
from bento.schemas.problems import Refused
from bento.schemas.requests import CheckedLoan
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class _Arrival:
    request_id: str
    channel: Channel
    started: float


class Engine:
    """Scores the requests of one worker with one queue, one model and one spool.

    Args:
        portfolio: Describes the loans.
        sources: The names of the columns in `CheckedLoan.values`, in order.
        champion: The loaded model.
        spool: Where predictions wait until PostgreSQL has them.
        shipper: Delivers the spool.
        settings: The limits of queue and batch.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        sources: tuple[str, ...],
        champion: Champion,
        spool: Spool,
        shipper: Shipper,
        settings: Settings,
    ) -> None:
        self._portfolio, self._sources, self._champion = portfolio, sources, champion
        self._spool, self._shipper = spool, shipper
        self._dated = any(c.kind == "date" for n, c in portfolio.columns.items() if n in sources)
        # Request ids must be unique, not secret, and the system's random numbers cost a system call each.
        self._random = random.Random()  # noqa: S311
        self._decisions: dict[tuple[str, int], Callable[[float], None]] = {
            (channel, decision): prometheus_metrics.DECISIONS.labels(channel, str(decision)).inc
            for channel in ("http", "grpc")
            for decision in (0, 1)
        }
        self._batcher = Batcher(
            self._infer,
            self._commit,
            max_rows=settings.service_batch_rows,
            max_queue_rows=settings.service_queue_rows,
        )

    async def score(self, loans: Sequence[CheckedLoan], channel: Channel, started: float) -> ScoredRequest:
        """Score and explain the loans of a request, and write the predictions to the spool.

        Args:
            loans: At least one.
            channel: The transport of the request.
            started: When the request arrived, in seconds of `time.perf_counter`.

        Raises:
            Refused: There is no model, the queue is full, or the spool cannot be written.
        """
        model = self._champion.current
        if model is None:
            why = self._champion.error or "the model is being loaded"
            raise Refused(problems.NO_MODEL.with_message(f"there is no model to score with: {why}"))
        arrival = _Arrival(str(uuid.UUID(int=self._random.getrandbits(128), version=4)), channel, started)
        try:
            scored = await self._batcher.submit(model, loans, arrival)
        except Overloaded:
            raise Refused(problems.OVERLOADED) from None
        except OSError:
            raise Refused(problems.PREDICTION_LOG_FULL) from None
        return ScoredRequest(arrival.request_id, model.version, model.threshold, scored)

    def update_gauges(self) -> None:
        """Set the gauges of queue and spool."""
        prometheus_metrics.QUEUE_LOANS.set(self._batcher.rows)
        prometheus_metrics.SPOOL_BYTES.set(self._spool.waiting_bytes)
        prometheus_metrics.SPOOL_BLOCKED.set(self._spool.fault is not None)
        prometheus_metrics.SHIPPER_FAILING.set(bool(self._shipper.fault or self._spool.unreadable))

    async def close(self) -> None:
        """Score the loans in the queue, then stop."""
        await self._batcher.close()

    def _infer(self, model: LoadedChampion, loans: Sequence[CheckedLoan]) -> list[ScoredLoan]:
        columns = dict(
            zip(self._sources, map(list, zip(*(loan.values for loan in loans), strict=True)), strict=True)
        )
        as_of = np.array([loan.as_of for loan in loans], "datetime64[D]") if self._dated else None
        features = transform(self._portfolio, columns, as_of)
        scored = model.predictor.predict(
            features.numerical, features.categorical, reasons=[loan.reasons for loan in loans]
        )
        prometheus_metrics.BATCH_LOANS.observe(len(loans))
        return list(map(ScoredLoan, scored.decision.tolist(), scored.pd.tolist(), scored.reasons))

    def _commit(self, jobs: Sequence[Job]) -> None:
        """Write the predictions to the spool before their responses are sent."""
        now, at = time.perf_counter(), datetime.now(UTC).isoformat()
        self._spool.append([self._record(job, now, at) for job in jobs])
        self._shipper.wake()
        for job in jobs:
            for scored in job.results:
                self._decisions[job.context.channel, scored.prediction](1)

    def _record(self, job: Job, now: float, at: str) -> bytes:
        request = {
            "request_id": job.context.request_id,
            "model_version": job.model.version,
            "threshold": job.model.threshold,
            "channel": job.context.channel,
            "latency_ms": round((now - job.context.started) * 1000, 3),
            "created_at": at,
        }
        rows = [self._row(loan, scored) for loan, scored in zip(job.items, job.results, strict=True)]
        return record(request, rows)

    def _row(self, loan: CheckedLoan, scored: ScoredLoan) -> dict[str, Any]:
        features = dict(zip(self._sources, loan.values, strict=True))
        if self._dated:
            features["as_of"] = loan.as_of
        return {
            "loan_id": loan.loan_id,
            "features": features,
            "probability": scored.probability,
            "decision": scored.prediction,
            "reasons": [asdict(reason) for reason in scored.reasons] or None,
        }
