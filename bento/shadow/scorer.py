"""Scores recorded predictions with the shadow; see docs/shadow.md.

It reads the prediction log in the order of its chains and stores each batch of scores with the progress in one
transaction. So a prediction is scored once, whenever this process or the database is stopped, and what it cannot score
at once it scores later.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Sequence

import numpy as np

from bento.inference.champion_loader import LoadedChampion, load
from loan_default_assets.error_outline import outline, reason
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.portfolio.recorded_features import RecordedFeatures
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.shadow_comparison import compare_shadow
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets.warehouse.shadow_models import DueApplication, ShadowLog, shadow_record

logger = logging.getLogger("bentoml.loan_default.shadow")

# Each batch is a transaction, whose work delays the requests that run meanwhile: few large ones cost less.
BATCH_ROWS = 512
# Per forward pass.
SLICE_ROWS = 64
# Between two looks for the shadow.
RESOLVE_SECONDS = 5.0
# A model that cannot be loaded is loaded again after this time.
RETRY_SECONDS = 30.0
# A comparison reads all scores of the shadow.
COMPARE_SECONDS = 600.0
_LONG_AGO = float("-inf")


class ShadowScorer:
    """The shadow of one portfolio in one process. After a WarehouseError of a method, it may be called again.

    Args:
        portfolio: The served portfolio.
        store: Where the files of the models are.
        wanted: The setting SHADOW.
    """

    def __init__(self, portfolio: Portfolio, store: ArtifactStore, wanted: str) -> None:
        self._portfolio, self._store, self._wanted = portfolio, store, wanted
        self._recorded = RecordedFeatures(portfolio)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._begun: str | None = None
        self._model: LoadedChampion | None = None
        self._refused: tuple[str, str, float] | None = None
        # None until there is something to compare.
        self._compared_at: float | None = None
        self._resolve_at = 0.0

    def poll(self, database: Database) -> bool:
        """Find the shadow, load it where it changed, and score the next predictions.

        Args:
            database: The portfolio's tables.

        Returns:
            Whether there may be more to score now.
        """
        log = ShadowLog(database)
        if time.monotonic() >= self._resolve_at:
            self._resolve(database, log)
            self._resolve_at = time.monotonic() + RESOLVE_SECONDS
        model = self._model
        if model is None:
            return False
        if self._score_batch(log, model):
            return True
        if self._compared_at is not None and time.monotonic() - self._compared_at > COMPARE_SECONDS:
            self._compared_at = time.monotonic()
            found = compare_shadow(database, model.version)
            log.record_comparison(model.version, found.as_json() if found else None)
        return False

    def release(self, database: Database) -> None:
        """Let another process score at once."""
        ShadowLog(database).release(self.name)

    def _resolve(self, database: Database, log: ShadowLog) -> None:
        """Find the shadow, and load it where it changed and no other process scores with it."""
        record = shadow_record(Registry(database), self._wanted, self._portfolio.hash)
        if record.version != self._begun:
            log.begin(record.version)
            state = log.state(record.version)
            self._begun, self._compared_at = record.version, _LONG_AGO if state and state.scored else None
        if not log.claim(record.version, self.name, self._problem(record)):
            # The memory is better used otherwise.
            self._model = None
            return
        known = self._problem(record)
        self._model = self._loaded(record)
        if self._problem(record) != known:
            log.claim(record.version, self.name, self._problem(record))

    def _loaded(self, record: ModelRecord) -> LoadedChampion | None:
        """The model of the record, verified as a champion is; None where it is refused."""
        if self._model is not None and self._model.version == record.version:
            return self._model
        if self._problem(record) and self._refused and time.monotonic() < self._refused[2]:
            return None
        self._model = None
        try:
            found = self._store.check_served(record)
            if found.state == "unsigned":
                raise ArtifactError(
                    f"the files of model {record.version} are unsigned, and signatures are required "
                    f"(REQUIRE_SIGNATURE)\nNext: loan-default shadow {record.version}, which signs them",
                    "unsigned",
                )
            self._model = load(self._portfolio, self._store, record)
        except Exception as error:  # noqa: BLE001 - a shadow that cannot be used must end nothing
            self._refused = (record.version, reason(error), time.monotonic() + RETRY_SECONDS)
            logger.error("shadow %s is refused: %s", record.version, outline(error))
            return None
        self._refused = None
        logger.info("shadow %s scores now", record.version)
        return self._model

    def _problem(self, record: ModelRecord) -> str | None:
        return self._refused[1] if self._refused and self._refused[0] == record.version else None

    def _score_batch(self, log: ShadowLog, model: LoadedChampion) -> bool:
        """Score the next predictions; whether these are done and there may be more of them."""
        batch = log.due(model.record, BATCH_ROWS)
        if batch.after == batch.before:
            return False
        self._compared_at = self._compared_at or _LONG_AGO
        given = [each for each in batch.applications if self._recorded.complete(each.features)]
        slices = (given[start : start + SLICE_ROWS] for start in range(0, len(given), SLICE_ROWS))
        scores = [scored for part in slices for scored in self._scores(model, part)]
        stored = log.store(model.version, model.threshold, batch, scores)
        return stored and len(batch.applications) + batch.omitted == BATCH_ROWS

    def _scores(
        self, model: LoadedChampion, given: Sequence[DueApplication]
    ) -> list[tuple[DueApplication, float]]:
        """The PDs of the applications, without those whose features are not those of an application."""
        if not given:
            return []
        try:
            features = self._recorded.features([each.features for each in given])
        except (ValueError, TypeError):
            if len(given) == 1:
                return []
            return [scored for each in given for scored in self._scores(model, [each])]
        pd = model.predictor.predict(features.numerical, features.categorical).pd
        return [(each, float(value)) for each, value in zip(given, pd, strict=True) if np.isfinite(value)]
