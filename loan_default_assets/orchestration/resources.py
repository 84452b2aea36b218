"""The assets' resources: the tables of one portfolio, the folder of model artifacts, the training attempt."""

from collections.abc import Sequence
from datetime import date
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg

from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.partition_drift import check_features_or_warn
from loan_default_assets.pipeline.training_settings import TrainingAttempt
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.batch_scores import BatchScores
from loan_default_assets.warehouse.champion_decisions import Signer
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.drift_log import DriftLog
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.policy_records import Policy
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.pipeline.evaluated_version import ReportInputs
    from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot


class Warehouse(dg.ConfigurableResource):
    """PostgreSQL with one schema per portfolio; opening a schema applies its migrations."""

    url: str

    def database(self, portfolio: Portfolio) -> Database:
        """The portfolio's schema, migrated.

        Raises:
            WarehouseError: The server cannot be reached.
        """
        database = Database(self.url, portfolio.name)
        database.migrate(portfolio)
        return database

    def loans(self, portfolio: Portfolio) -> Loans:
        return Loans(self.database(portfolio), portfolio)

    def registry(self, portfolio: Portfolio, signer: Signer | None = None) -> Registry:
        """The models; `signer` signs the decisions that are made with it."""
        return Registry(self.database(portfolio), signer=signer)

    def promotions(self, portfolio: Portfolio, policy: Policy, signer: Signer | None = None) -> Promotions:
        """The promotions under the present settings; `signer` signs the decisions that are made with it."""
        return Promotions(self.database(portfolio), policy, signer=signer)

    def batch_scores(self, portfolio: Portfolio) -> BatchScores:
        return BatchScores(self.database(portfolio))

    def drift_log(self, portfolio: Portfolio) -> DriftLog:
        return DriftLog(self.database(portfolio))

    def alert_log(self, portfolio: Portfolio) -> AlertLog:
        return AlertLog(self.database(portfolio))

    def features_compared(
        self, portfolio: Portfolio, store: "ArtifactStore", keys: Sequence[str], log: Logger
    ) -> CheckResult:
        """The drift check of partitions whose features were stored just now; see check_features_or_warn."""
        registry, drift_log = self.registry(portfolio), self.drift_log(portfolio)
        return check_features_or_warn(portfolio, self.loans(portfolio), registry, store, drift_log, keys, log)

    def evaluations(self, portfolio: Portfolio) -> EvaluationLog:
        return EvaluationLog(self.database(portfolio))

    def report_inputs(
        self,
        portfolio: Portfolio,
        store: "ArtifactStore",
        limits: "SplitLimits",
        snapshot: "TrainingSnapshot | None" = None,
    ) -> "ReportInputs":
        """What a model report is made from; see ReportInputs."""
        from loan_default_assets.pipeline.evaluated_version import ReportInputs

        return ReportInputs(
            portfolio,
            self.loans(portfolio),
            self.registry(portfolio),
            self.evaluations(portfolio),
            PredictionLog(self.database(portfolio)),
            store,
            limits,
            self.database(portfolio),
            snapshot,
        )


class ModelStore(dg.ConfigurableResource):
    """The folder of model artifacts, with one folder per version, LOAN_DEFAULT_HOME, and what is trusted.

    Where the artifacts are behind `url`, the folder holds copies, of at most `cache_bytes` bytes. `default_keys`,
    `named_keys` and `signatures_required` are the attributes of SignatureRules.
    """

    root: str
    home: str
    default_keys: str
    named_keys: list[str]
    signatures_required: bool
    url: str = ""
    cache_bytes: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "ModelStore":
        """The store of the settings."""
        from loan_default_assets.signing.signed_models import signature_rules

        rules = signature_rules(settings)
        return cls(
            root=str(settings.models_folder),
            home=str(settings.home),
            default_keys=str(rules.default),
            named_keys=[str(path) for path in rules.named],
            signatures_required=rules.required,
            url=settings.artifact_url or "",
            cache_bytes=settings.artifact_cache_bytes,
        )

    @property
    def artifacts(self) -> "ArtifactStore":
        """The store of the artifacts; its folder exists."""
        from loan_default_assets.model.artifact_store import ArtifactStore
        from loan_default_assets.object_store.artifact_cache import ArtifactCache
        from loan_default_assets.object_store.object_root import ObjectRoot
        from loan_default_assets.signing.signed_models import SignatureRules

        root = Path(self.root)
        root.mkdir(parents=True, exist_ok=True)
        named = tuple(map(Path, self.named_keys))
        rules = SignatureRules(Path(self.default_keys), named, self.signatures_required)
        origin = ArtifactCache(root, ObjectRoot(self.url), self.cache_bytes) if self.url else None
        return ArtifactStore(root, Path(self.home), rules, origin)


class Attempt(dg.ConfigurableResource):
    """The training attempt of a run, as its run configuration gives it; see TrainingAttempt for the fields.

    `cutoff` is an ISO date; empty for all that is materialized.
    """

    number: int = 0
    mode: Literal["full", "head"] = "full"
    seed_offset: int = 0
    cutoff: str = ""

    def training_attempt(self) -> TrainingAttempt:
        """The attempt for the pipeline."""
        return TrainingAttempt(self.number, self.mode, self.seed_offset, self.cutoff_date)

    @property
    def cutoff_date(self) -> date | None:
        """The data cutoff; None for all that is materialized."""
        return date.fromisoformat(self.cutoff) if self.cutoff else None
