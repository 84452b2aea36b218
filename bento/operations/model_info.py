"""The content of GET /model-info and of the gRPC method ModelInfo.

The model, its evaluation, the state of retraining, the workers of this host, and those of all replicas.
"""

from collections.abc import Callable, Sequence
from typing import Any

from bento.inference.champion_loader import Champion, LoadedChampion
from bento.operations.replica_link import ReplicaLink
from bento.operations.replica_states import replicas
from bento.operations.retraining_state import read_retraining
from bento.operations.worker_registry import WorkerRegistry, WorkerReport
from loan_default_assets.policy.verdict_warnings import VerdictWarning
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.shadow_state import shadow_state
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.registry import ModelRecord


class ModelInfo:
    """Collects the content; while PostgreSQL is unreachable, its last results are used.

    Args:
        portfolio: The served portfolio.
        settings: Targets and limits.
        champion: The loaded model.
        worker_registry: The workers of this host.
        replica_link: The workers of all replicas.
        database: The portfolio's tables.
        prediction_log_state: The state of this worker's spool and shipper, as JSON values.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        settings: Settings,
        champion: Champion,
        worker_registry: WorkerRegistry,
        replica_link: ReplicaLink,
        database: Database,
        prediction_log_state: Callable[[], dict[str, Any]],
    ) -> None:
        self._portfolio, self._settings = portfolio, settings
        self._champion, self._worker_registry = champion, worker_registry
        self._replica_link = replica_link
        self._database, self._evaluations = database, EvaluationLog(database)
        self._prediction_log_state = prediction_log_state
        self._evaluated: dict[str, EvaluationRecord | None] = {}
        self._warnings: dict[str, tuple[VerdictWarning, ...]] = {}
        self._retraining: dict[str, Any] | None = None
        self._shadow: dict[str, Any] | None = None

    def gather(self) -> dict[str, Any]:
        """The content as JSON values. Blocks on the database."""
        current = self._champion.current
        record = self._champion.wanted or (current.record if current else None)
        database = self._query(record)
        evaluation = self._evaluated.get(record.version) if record else None
        return {
            "portfolio": self._portfolio.name,
            "portfolio_hash": self._portfolio.hash,
            "model": _model(record, current) if record else None,
            "evaluation": (
                _evaluation(evaluation, self._warnings.get(evaluation.model_version, ()))
                if evaluation
                else None
            ),
            "target": self._target(evaluation),
            "retraining": self._retraining,
            "shadow": self._shadow,
            "workers": workers(self._worker_registry.reports(), self._settings.service_workers, record),
            "replicas": replicas(self._replica_link, record),
            "prediction_log": self._prediction_log_state(),
            "database": database,
            "error": self._champion.error or self._champion.files_problem,
        }

    def _query(self, record: ModelRecord | None) -> str:
        """Refresh evaluation and retraining state; the state of the database."""
        try:
            if record:
                self._evaluated[record.version] = self._evaluations.latest(record.version)
                self._warnings[record.version] = self._evaluations.warnings(record.version)
            retraining = read_retraining(self._database, self._portfolio, self._settings)
            self._retraining = dict(retraining.described)
            self._shadow = shadow_state(self._database, self._settings.shadow, self._portfolio.hash)
        except WarehouseError as error:
            return str(error).splitlines()[0]
        return "reachable"

    def _target(self, evaluation: EvaluationRecord | None) -> dict[str, Any]:
        target = self._settings.f1_score_threshold
        measured = evaluation.metrics.get("f1") if evaluation else None
        return {"f1": target, "measured": measured, "met": measured is not None and measured >= target}


def workers(reports: Sequence[WorkerReport], expected: int, wanted: ModelRecord | None) -> dict[str, Any]:
    """The versions of all living workers, as JSON values; `outdated` names those without the wanted version."""
    desired = wanted.version if wanted else None
    return {
        "expected": expected,
        "desired": desired,
        "states": [
            {name: getattr(report, name) for name in ("worker", "desired", "loaded", "error", "loaded_at")}
            for report in reports
        ],
        "outdated": [report.worker for report in reports if report.loaded != desired],
    }


def _model(record: ModelRecord, current: LoadedChampion | None) -> dict[str, Any]:
    served = current if current is not None and current.version == record.version else None
    loaded = served and served.predictor.model
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
        # Rows of the training before and after sampling; null where all rows were used.
        "sampling": (
            {"rows": record.metrics["sampled_rows"], "rows_before": record.metrics["rows_before_sampling"]}
            if "sampled_rows" in record.metrics
            else None
        ),
        # Known once this worker has loaded the version.
        "signed_by": served and served.signed_by,
        "members": loaded and [{"kind": member.kind, "weight": member.weight} for member in loaded.members],
    }


def _evaluation(evaluation: EvaluationRecord, warnings: Sequence[VerdictWarning]) -> dict[str, Any]:
    return {
        "verdict": evaluation.verdict,
        "warnings": [warning.as_dict() for warning in warnings],
        "rows": evaluation.rows,
        "positives": evaluation.positives,
        "window_from": _iso(evaluation.window_from),
        "window_to": _iso(evaluation.window_to),
        "evaluated_at": _iso(evaluation.evaluated_at),
        "metrics": dict(evaluation.metrics),
        "intervals": {name: list(interval) for name, interval in evaluation.intervals.items()},
        "baseline": evaluation.baseline,
    }


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
