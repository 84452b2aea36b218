"""The served model in memory, and its replacement while requests go on."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from loan_default_assets.error_outline import outline, reason
from loan_default_assets.model.artifact import ArtifactError
from loan_default_assets.model.artifact_store import ArtifactStore, FileStates, file_states
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.signing.signed_models import unsigned_warning
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import ModelRecord

logger = logging.getLogger("bentoml.loan_default.model")

# A refused artifact seldom changes by itself, but a shared file system may show it late: it is loaded again after one
# second, then after twice the time before, up to the second number; and at once on /reload-model.
FIRST_RETRY_SECONDS, RETRY_SECONDS = 1.0, 30.0


@dataclass(frozen=True, eq=False)
class LoadedChampion:
    """Everything that a prediction depends on, so that one reference is one consistent version.

    Attributes:
        folder: Where the model's files are.
        files: The `folder_states` when the files were last verified.
        signed_by: Id of the key that signed them; None without a signature.
    """

    record: ModelRecord
    predictor: Predictor
    threshold: float
    loaded_at: datetime
    folder: Path
    files: tuple[FileStates, ...]
    signed_by: str | None

    @property
    def version(self) -> str:
        return self.record.version


class Champion:
    """The champion of one worker. `current` is replaced by one assignment; `wanted` is the last result of `find`.

    `files_problem` says why a restart could not load `current`, whose files were changed or removed since; None while
    they are intact.

    Args:
        portfolio: The served portfolio.
        store: Where the files of the models are.
        find: Returns the model that should be served; it may raise WarehouseError.
    """

    def __init__(
        self, portfolio: Portfolio, store: ArtifactStore, find: Callable[[], ModelRecord | None]
    ) -> None:
        self._portfolio, self._store, self._find = portfolio, store, find
        self._lock = threading.Lock()
        self._refused: tuple[str, str] | None = None
        self._retry_at = self._pause = 0.0
        self.current: LoadedChampion | None = None
        self.wanted: ModelRecord | None = None
        self.error: str | None = "the model registry has not been polled yet"
        self.files_problem: str | None = None

    def poll(self, *, retry_refused: bool = False) -> str | None:
        """Find the wanted model and load it. A model that cannot be loaded is refused, and the current one stays.

        Args:
            retry_refused: Load a model again that was refused a moment ago.

        Returns:
            `loaded`, `refused`, or None when nothing changed.
        """
        with self._lock:
            self._watch_files()
            try:
                record = self._find()
            except WarehouseError as error:
                self.error = str(error).splitlines()[0]
                return None
            self.wanted = record
            if record is None:
                self.current = None
                self.error = "the model registry has no champion: `loan-default run` makes one"
                return None
            if self.current and self.current.version == record.version:
                self.error = None
                return None
            identity = (record.version, record.artifact_sha256)
            if identity == self._refused and not retry_refused and time.monotonic() < self._retry_at:
                return None
            try:
                loaded = load(self._portfolio, self._store, record)
            except Exception as error:  # noqa: BLE001 - after any error the current model stays
                again = identity == self._refused
                self._pause = min(RETRY_SECONDS, 2 * self._pause) if again else FIRST_RETRY_SECONDS
                self._refused, self._retry_at = identity, time.monotonic() + self._pause
                self.error = f"{record.version} is refused: {reason(error)}"
                logger.error("%s is refused: %s", record.version, outline(error))
                return "refused"
            self.current, self.files_problem = loaded, None
            self.error = self._refused = None
            logger.info("%s is served now", record.version)
            if loaded.signed_by is None:
                logger.warning("%s", unsigned_warning(record.version))
            return "loaded"

    def _watch_files(self) -> None:
        """Verify the files of the loaded model again once their sizes or times have changed."""
        loaded = self.current
        if (
            loaded is None
            or (present := folder_states(self._store, loaded.record, loaded.folder)) == loaded.files
        ):
            return
        found = self._store.check_served(loaded.record)
        self.files_problem = None if found.intact else found.problem
        if found.intact:
            logger.info("the files of %s are intact, in %s", loaded.version, found.path)
            if found.path != loaded.folder:
                present = folder_states(self._store, loaded.record, found.path)
                loaded = replace(loaded, folder=found.path)
            loaded = replace(loaded, signed_by=found.signed_by)
        else:
            logger.error("%s is served from memory: %s", loaded.version, found.problem)
        self.current = replace(loaded, files=present)


def folder_states(store: ArtifactStore, record: ModelRecord, folder: Path) -> tuple[FileStates, ...]:
    """States of the folder with a model's files, and of the one to which lost files are restored."""
    return file_states(folder), file_states(store.root / record.version)


def load(portfolio: Portfolio, store: ArtifactStore, record: ModelRecord) -> LoadedChampion:
    """Load, verify and warm up the model of a record.

    Raises:
        ArtifactError: The artifact is missing, damaged, has a signature that is not accepted or lacks a required one,
            or does not fit the portfolio.
        Exception: Any error of a model that cannot be used.
    """
    found = store.check_served(record).required()
    folder = found.path
    files = folder_states(store, record, folder)
    predictor = Predictor.from_artifact(
        folder,
        sha256=record.artifact_sha256,
        portfolio_hash=portfolio.hash,
        reason_texts=portfolio.reason_texts(),
    )
    features = portfolio.features
    named = (tuple(predictor.feature_names["numbers"]), tuple(predictor.feature_names["categories"]))
    if predictor.version != record.version or named != (features.numerical, features.categorical):
        raise ArtifactError(f"{folder} is {predictor.version}, or has other features than the portfolio")
    numerical = np.full((2, len(features.numerical)), np.nan, np.float32)
    categorical = np.zeros((2, len(features.categorical)), np.int16)
    scored = predictor.predict(numerical, categorical, reasons="all")
    contributions = predictor.contributions(numerical, categorical)
    if not (np.isfinite(scored.pd).all() and np.isfinite(contributions).all()):
        raise ArtifactError(f"{record.version} gives scores that are not finite")
    loaded_at, threshold = datetime.now(UTC), float(predictor.threshold)
    return LoadedChampion(record, predictor, threshold, loaded_at, folder, files, found.signed_by)
