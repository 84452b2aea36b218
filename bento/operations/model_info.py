"""What GET /model-info and ModelInfo tell: which model answers, since when and why, how good it is, who has it."""

from collections.abc import Callable, Sequence
from typing import Any

from bento.inference.champion_loader import Champion
from bento.operations.worker_registry import WorkerRegistry, WorkerReport
from loan_default_assets.policy.retraining import decide, status
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets.warehouse.database import Database, WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.registry import ModelRecord


class Facts:
    """Gathers them; what PostgreSQL said last is told again while it is away. `journal_state` of this worker."""

    def __init__(
        self,
        portfolio: Portfolio,
        settings: Settings,
        champion: Champion,
        worker_registry: WorkerRegistry,
        database: Database,
        journal_state: Callable[[], dict[str, Any]],
    ) -> None:
        self._portfolio, self._settings = portfolio, settings
        self._champion, self._roster = champion, worker_registry
        self._database, self._evaluations = database, EvaluationLog(database)
        self._journal_state = journal_state
        self._judged: dict[str, EvaluationRecord | None] = {}
        self._retraining: dict[str, Any] | None = None

    def gather(self) -> dict[str, Any]:
        """All facts as JSON values. Blocks on the database."""
        current = self._champion.current
        record = self._champion.wanted or (current.record if current else None)
        database = self._ask(record)
        judged = self._judged.get(record.version) if record else None
        return {
            "portfolio": self._portfolio.name,
            "portfolio_hash": self._portfolio.hash,
            "model": _model(record) if record else None,
            "evaluation": _evaluation(judged) if judged else None,
            "target": self._target(judged),
            "retraining": self._retraining,
            "workers": workers(self._roster.reports(), self._settings.service_workers, record),
            "journal": self._journal_state(),
            "database": database,
            "error": self._champion.error,
        }

    def _ask(self, record: ModelRecord | None) -> str:
        try:
            if record:
                self._judged[record.version] = self._evaluations.latest(record.version)
            recorded = retraining_facts.state(self._database, self._portfolio)
            self._retraining = dict(status(decide(recorded, retraining_facts.limits(self._settings))))
        except WarehouseError as error:
            return str(error).splitlines()[0]
        return "reachable"

    def _target(self, judged: EvaluationRecord | None) -> dict[str, Any]:
        target = self._settings.f1_score_threshold
        measured = judged.metrics.get("f1") if judged else None
        return {"f1": target, "measured": measured, "met": measured is not None and measured >= target}


def workers(reports: Sequence[WorkerReport], expected: int, wanted: ModelRecord | None) -> dict[str, Any]:
    """The versions of all living workers, and which of them do not answer with the wanted one."""
    desired = wanted.version if wanted else None
    return {
        "expected": expected,
        "desired": desired,
        "states": [
            {name: getattr(r, name) for name in ("worker", "desired", "loaded", "error", "loaded_at")}
            for r in reports
        ],
        "laggards": [r.worker for r in reports if r.loaded != desired],
    }


def _model(record: ModelRecord) -> dict[str, Any]:
    return {
        "version": record.version,
        "status": record.status,
        "since": _iso(record.promoted_at),
        "verdict": record.verdict,
        "reason": record.reason,
        "threshold": record.threshold,
        "trained_from": _iso(record.trained_from),
        "trained_to": _iso(record.trained_to),
        "portfolio_hash": record.portfolio_hash,
        "artifact_sha256": record.artifact_sha256,
    }


def _evaluation(judged: EvaluationRecord) -> dict[str, Any]:
    return {
        "verdict": judged.verdict,
        "rows": judged.rows,
        "positives": judged.positives,
        "window_from": _iso(judged.window_from),
        "window_to": _iso(judged.window_to),
        "evaluated_at": _iso(judged.evaluated_at),
        "metrics": dict(judged.metrics),
        "intervals": {name: list(interval) for name, interval in judged.intervals.items()},
        "baseline": judged.baseline,
    }


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
