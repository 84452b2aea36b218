"""A portfolio with registered models, whose sensors are evaluated tick by tick; nothing is trained."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.orchestration.sensors import RETRAINING_SENSOR
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse import samples
from loan_default_assets_tests.warehouse.one_partition import replace_processed

START = date(2024, 1, 1)


class Ticking:
    """Every method is one event; `tick` is what the daemon does every half minute."""

    def __init__(self, url: str, instance: dg.DagsterInstance, folder: Path, **changes: Any) -> None:
        self.portfolio = samples.portfolio()
        self.instance = instance
        self.database = Database(url, self.portfolio.name)
        self.database.migrate(self.portfolio)
        self.registry, self.evaluations = Registry(self.database), EvaluationLog(self.database)
        self.settings = Settings(
            database_url=url,  # type: ignore[arg-type]
            loan_default_home=folder,
            retraining_sample_threshold=100,
            retraining_positive_threshold=10,
            retrain_cooldown=0,
            **changes,
        )
        self.resources = {"warehouse": Warehouse(url=url)}
        graph = build_definitions(settings=self.settings, portfolio=self.portfolio, resources=self.resources)
        self.repository = graph.get_repository_def()
        self.cursor: str | None = None
        self._days, self._versions = count(), count()

    def labels(self, matured: int) -> None:
        """A new day with about that many labels, all matured by the day after it."""
        day = START + timedelta(days=next(self._days))
        rows = samples.processed(samples.ids(matured * 3 // 2), key=day.isoformat(), horizon=1)
        replace_processed(Loans(self.database, self.portfolio), day.isoformat(), rows)

    def model(self, attempt: int, snapshot: str, labels: int, **changes: Any) -> str:
        """A registered candidate."""
        version = f"m{next(self._versions)}"
        champion = self.registry.champion()
        self.registry.register(
            samples.classifier(
                version,
                portfolio_hash=self.portfolio.hash,
                snapshot_hash=snapshot,
                attempt=attempt,
                parent=champion.version if champion else None,
                metrics={"matured_labels": labels},
                **changes,
            )
        )
        return version

    def champion(self, labels: int) -> str:
        """A model that was approved when so many labels had matured."""
        version = self.model(1, "rows of the first model", labels)
        self.evaluate(version, 0.85, "rows of the first model", "candidate")
        promote(one_person(self.database), version, expected=None)
        return version

    def evaluate(self, version: str, f1: float, snapshot: str, role: str = "champion") -> None:
        self.evaluations.record(
            samples.performance(
                version, f1, snapshot_hash=snapshot, role=role, evaluated_at=datetime.now(UTC)
            )
        )

    def fail(self, attempt: int, snapshot: str, labels: int) -> None:
        """An attempt that was trained, evaluated and rejected."""
        version = self.model(attempt, snapshot, labels)
        self.evaluate(version, 0.5, snapshot, "candidate")
        self.registry.reject(version, "not better")

    def tick(self, sensor: str = RETRAINING_SENSOR) -> SensorExecutionData:
        """One evaluation of a sensor, with the cursor of the evaluation before."""
        definition = self.repository.get_sensor_def(sensor)
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources=self.resources,
        ) as context:
            result = definition.evaluate_tick(context)
        self.cursor = result.cursor
        return result

    def run_of(self, request: dg.RunRequest, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
        """The run that the daemon would launch for a request, with this status."""
        assert request.job_name
        return self.instance.add_run(
            dg.DagsterRun(
                job_name=request.job_name,
                status=status,
                tags=dict(request.tags) | {PORTFOLIO: self.portfolio.name} | tags,
            )
        )
