"""The small bank's tables, with every step of the pipeline as one call without Dagster."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from loan_default_assets.engines.task_engine import LOCAL, TaskEngine
from loan_default_assets.limits import decision_policy, promotion_limits, split_limits
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.pipeline.decide_champion import ChampionDecision, decide_champion
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation, evaluate_models
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.pipeline.make_features import make_features
from loan_default_assets.pipeline.pretrain_encoder import PretrainedEncoder, pretrain_encoder
from loan_default_assets.pipeline.stored_partitions import StoredPartitions
from loan_default_assets.pipeline.train_classifier import TrainedClassifier, train_classifier
from loan_default_assets.pipeline.training_settings import Parallelism, TrainingAttempt, model_config
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store, model_signer
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests import small_bank

LOG = logging.getLogger("loan_default_assets_tests.pipeline")


@dataclass(frozen=True)
class BankSteps:
    """The steps on one database and one folder of artifacts."""

    portfolio: Portfolio
    settings: Settings
    database: Database
    artifacts: Path

    @property
    def store(self) -> ArtifactStore:
        return replace(artifact_store(self.settings), root=self.artifacts)

    @classmethod
    def open(
        cls, folder: Path, url: str, frame: pd.DataFrame | None = None, **changes: object
    ) -> "BankSteps":
        """The bank with these loans (None for the small bank's) and changes of the portfolio file."""
        portfolio = small_bank.bank(folder, frame, **changes)
        database = Database(url, portfolio.name)
        database.migrate(portfolio)
        return cls(portfolio, small_bank.settings(folder, url), database, folder / "models")

    @property
    def loans(self) -> Loans:
        return Loans(self.database, self.portfolio)

    @property
    def registry(self) -> Registry:
        return Registry(self.database)

    @property
    def evaluations(self) -> EvaluationLog:
        return EvaluationLog(self.database)

    @property
    def keys(self) -> list[str]:
        return completed_keys(self.portfolio, None, None, small_bank.TODAY)

    def load(self, keys: Sequence[str] | None = None) -> StoredPartitions:
        return load_partitions(self.portfolio, self.loans, keys or self.keys, today=small_bank.TODAY, log=LOG)

    def features(self, keys: Sequence[str] | None = None) -> StoredPartitions:
        return make_features(self.portfolio, self.loans, keys or self.keys, log=LOG)

    def snapshot(self) -> TrainingSnapshot:
        return read_snapshot(self.loans, split_limits(self.settings))

    def pretrain(self, config: ModelConfig | None = None) -> PretrainedEncoder:
        return pretrain_encoder(
            self.portfolio,
            self.loans,
            self.registry,
            store=self.store,
            config=config or model_config(self.portfolio, self.settings),
            limits=split_limits(self.settings),
            leakage_limit=self.settings.leakage_auc_limit,
            log=LOG,
        )

    def train(
        self, attempt: TrainingAttempt | None = None, *, processes: int = 1, engine: TaskEngine = LOCAL
    ) -> TrainedClassifier:
        attempt = attempt or TrainingAttempt()
        return train_classifier(
            self.portfolio,
            self.loans,
            self.registry,
            store=self.store,
            config=model_config(self.portfolio, self.settings, attempt.seed_offset),
            limits=split_limits(self.settings),
            leakage_limit=self.settings.leakage_auc_limit,
            attempt=attempt,
            parallelism=Parallelism(processes, engine),
            log=LOG,
        )

    def evaluate(self, cutoff: date | None = None) -> WindowEvaluation:
        return evaluate_models(
            self.portfolio,
            self.loans,
            self.registry,
            self.evaluations,
            self.store,
            limits=promotion_limits(self.settings),
            split_limits=split_limits(self.settings),
            seed=self.settings.seed,
            cutoff=cutoff,
            log=LOG,
        )

    @property
    def promotions(self) -> Promotions:
        return Promotions(self.database, decision_policy(self.settings))

    @property
    def report_inputs(self) -> ReportInputs:
        """What reports of its models are made from."""
        return ReportInputs(
            self.portfolio,
            self.loans,
            self.registry,
            self.evaluations,
            PredictionLog(self.database),
            self.store,
            split_limits(self.settings),
            self.database,
        )

    def decide(self, **changes: Any) -> ChampionDecision:
        arguments: dict[str, Any] = {
            "promotions": self.promotions,
            "promotion_policy": self.settings.promotion_policy,
            "sign": model_signer(self.settings),
        } | changes
        return decide_champion(
            self.portfolio, self.registry, self.evaluations, self.store, log=LOG, **arguments
        )

    def evaluations_recorded(self) -> list[tuple[str, str]]:
        """Model and role of every recorded evaluation, in order."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT model_version, role FROM model_performance ORDER BY id")
            return cursor.fetchall()
