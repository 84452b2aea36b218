"""A tiny trained model, and any number of versions of it to promote."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from loan_default_assets.model import artifact
from loan_default_assets.model.calibration import Calibration
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import FittedModel, fit, pretrain
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets_tests.promoting import one_person, promote

TINY = {"d_model": 8, "nhead": 2, "num_layers": 1, "dim_feedforward": 16, "head_hidden": 16, "projection": 16}


def random_rows(portfolio: Portfolio, count: int, seed: int = 0) -> Rows:
    """Rows whose first numerical feature is predictive."""
    rng = np.random.default_rng(seed)
    features = portfolio.features
    numerical = rng.lognormal(6, 2, (count, len(features.numerical))).astype(np.float32)
    numerical[rng.random(numerical.shape) < 0.1] = np.nan
    categorical = np.stack([rng.integers(0, size, count) for size in features.cardinalities], 1)
    label = (np.nan_to_num(numerical[:, 0]) + rng.lognormal(5, 2, count) > 1000).astype(np.int8)
    return Rows(numerical, categorical.astype(np.int16), label)


def train(portfolio: Portfolio, **settings: Any) -> FittedModel:
    """A classifier that is trained within a second."""
    quick = {"pretrain_epochs": 0, "max_epochs": 3, "min_steps": 30, "learning_rate": 1e-2, "device": "cpu"}
    few = {"boosting_rounds": 40, "boosting_folds": 2}
    chosen = TINY | quick | few | settings
    config = ModelConfig.from_dict(chosen)
    rows, validation = random_rows(portfolio, 400), random_rows(portfolio, 200, seed=1)
    encoding = Encoding.fit(rows.without_label(), portfolio.features.cardinalities, config)
    return fit(pretrain(rows.without_label(), encoding, config), rows, validation, config)


@dataclass(frozen=True)
class ServedBank:
    """A portfolio with its tables, and the folder of its models."""

    portfolio: Portfolio
    portfolio_file: Path
    url: str
    root: Path
    fitted: FittedModel

    @property
    def database(self) -> Database:
        return Database(self.url, self.portfolio.name)

    @property
    def registry(self) -> Registry:
        return Registry(self.database)

    def register(self, number: int, **changed: Any) -> ModelRecord:
        """A candidate; each number has its own threshold and calibration."""
        calibration = Calibration(slope=0.6, offset=number / 50)
        model = replace(self.fitted, calibration=calibration, threshold=0.4 + number / 1000)
        return self.keep(model, f"snapshot-{number}", **changed)

    def keep(self, model: FittedModel, snapshot: str, **changed: Any) -> ModelRecord:
        """Save a model and register it as a candidate."""
        p = self.portfolio
        saved = artifact.save(
            self.root,
            model,
            portfolio_hash=p.hash,
            portfolio=p.model_dump(mode="json"),
            snapshot_hash=snapshot,
            feature_names={"numbers": p.features.numerical, "categories": p.features.categorical},
        )
        fields: dict[str, Any] = {
            "version": saved.version,
            "kind": "classifier",
            "portfolio_hash": p.hash,
            "snapshot_hash": snapshot,
            "threshold": model.threshold,
            "artifact_uri": str(saved.path),
            "artifact_sha256": saved.sha256,
        }
        record = ModelRecord(**(fields | changed))
        self.registry.register(record)
        return record

    def promote(self, record: ModelRecord) -> None:
        """Make it the champion."""
        champion = self.registry.champion()
        promote(one_person(self.database), record.version, expected=champion and champion.version)

    def rows(self, statement: str = "SELECT * FROM predictions ORDER BY request_id, position") -> list[Any]:
        """The rows of a query."""
        with self.database.transaction() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
