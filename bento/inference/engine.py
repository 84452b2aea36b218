"""From valid loans to journaled answers: what both transports do once a request has been checked."""

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
from bento.inference.scored_loans import Answer, Answered, Channel
from bento.operations import prometheus_metrics
from bento.prediction_log.records import record
from bento.prediction_log.shipper import Shipper
from bento.prediction_log.spool import Spool
from bento.schemas import problems
from bento.schemas.problems import Refused
from bento.schemas.requests import Loan
from loan_default_assets.model.reason_codes import Reason, Reasons
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class _Arrival:
    request_id: str
    channel: Channel
    started: float


class Engine:
    """The one queue, the one model and the one journal of a worker."""

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
        self._spool, self._delivery = spool, shipper
        self._dated = any(c.kind == "date" for n, c in portfolio.columns.items() if n in sources)
        self._reasons = Reasons(portfolio)
        # Request ids need to be different, not secret; the system's random numbers cost a call each.
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

    async def answer(self, loans: Sequence[Loan], channel: Channel, started: float) -> Answered:
        """Scores, explains and journals the loans of a request that came at `started` (time.perf_counter).

        Raises: Refused without a model, when the queue is full, or when the journal cannot take the answer.
        """
        model = self._champion.current
        if model is None:
            why = self._champion.error or "the model is being loaded"
            raise Refused(problems.NO_MODEL.with_message(f"there is no model to answer with: {why}"))
        arrival = _Arrival(str(uuid.UUID(int=self._random.getrandbits(128), version=4)), channel, started)
        try:
            answers = await self._batcher.submit(model, loans, arrival)
        except Overloaded:
            raise Refused(problems.OVERLOADED) from None
        except OSError:
            raise Refused(problems.JOURNAL_FULL) from None
        return Answered(arrival.request_id, model.version, model.threshold, answers)

    def measure(self) -> None:
        """Brings the gauges up to date."""
        prometheus_metrics.QUEUE_LOANS.set(self._batcher.rows)
        prometheus_metrics.SPOOL_BYTES.set(self._spool.waiting_bytes)

    async def close(self) -> None:
        """Answers what waits."""
        await self._batcher.close()

    def _infer(self, model: LoadedChampion, loans: Sequence[Loan]) -> list[Answer]:
        columns = dict(
            zip(self._sources, map(list, zip(*(loan.values for loan in loans), strict=True)), strict=True)
        )
        as_of = np.array([loan.as_of for loan in loans], "datetime64[D]") if self._dated else None
        features = transform(self._portfolio, columns, as_of)
        scores = model.predictor.score(features.numerical, features.categorical)
        decisions = scores.decision.tolist()
        asked = [
            place
            for place, loan in enumerate(loans)
            if loan.reasons == "all" or (loan.reasons == "adverse" and decisions[place])
        ]
        reasons: dict[int, tuple[Reason, ...]] = {}
        if asked:
            parts = model.predictor.contributions(features.numerical[asked], features.categorical[asked])
            reasons = {
                place: self._reasons.of(part, adverse=bool(decisions[place]))
                for place, part in zip(asked, parts, strict=True)
            }
        prometheus_metrics.BATCH_LOANS.observe(len(loans))
        return [
            Answer(decision, probability, reasons.get(place, ()))
            for place, (decision, probability) in enumerate(
                zip(decisions, scores.probability.tolist(), strict=True)
            )
        ]

    def _commit(self, jobs: Sequence[Job]) -> None:
        """Writes the answers down before anybody is told them."""
        now, at = time.perf_counter(), datetime.now(UTC).isoformat()
        self._spool.append([self._record(job, now, at) for job in jobs])
        self._delivery.wake()
        for job in jobs:
            for answer in job.results:
                self._decisions[job.context.channel, answer.prediction](1)

    def _record(self, job: Job, now: float, at: str) -> bytes:
        request = {
            "request_id": job.context.request_id,
            "model_version": job.model.version,
            "threshold": job.model.threshold,
            "channel": job.context.channel,
            "latency_ms": round((now - job.context.started) * 1000, 3),
            "created_at": at,
        }
        return record(request, [self._row(loan, a) for loan, a in zip(job.items, job.results, strict=True)])

    def _row(self, loan: Loan, answer: Answer) -> dict[str, Any]:
        features = dict(zip(self._sources, loan.values, strict=True))
        if self._dated:
            features["as_of"] = loan.as_of
        return {
            "loan_id": loan.loan_id,
            "features": features,
            "probability": answer.probability,
            "decision": answer.prediction,
            "reasons": [asdict(reason) for reason in answer.reasons] or None,
        }
