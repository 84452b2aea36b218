"""What the first page of the console shows, read from PostgreSQL within seconds, or the reason why it cannot be."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from psycopg2 import extensions

from bento.operations.retraining_state import RetrainingFacts, read_retraining
from loan_default_assets.limits import retraining_limits
from loan_default_assets.policy.state import Limits
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse import recent_activity
from loan_default_assets.warehouse.alert_log import LoggedAlert, newest_alerts
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.drift_log import DriftLog, DriftState
from loan_default_assets.warehouse.recent_activity import (
    ChampionEvaluation,
    DatedDecision,
    DayVolume,
    RegisteredVersion,
    RejectedChallenger,
)

Row = TypeVar("Row")

# Longest time of one statement, and how long a result is shown to all visitors of a worker.
PATIENCE_SECONDS = 2.0
KEPT_SECONDS = 5.0
SHOWN_EVALUATIONS, SHOWN_DAYS, SHOWN_VERSIONS, SHOWN_CHANGES, SHOWN_ALERTS = 40, 14, 12, 8, 8


@dataclass(frozen=True)
class OverviewFacts:
    """The facts of the first page. A part that could not be read in time is None.

    Attributes:
        problem: Why the database could not be read at all; None when it could.
    """

    problem: str | None = None
    evaluations: tuple[ChampionEvaluation, ...] | None = None
    volumes: tuple[DayVolume, ...] | None = None
    versions: tuple[RegisteredVersion, ...] | None = None
    changes: tuple[DatedDecision, ...] | None = None
    rejected: RejectedChallenger | None = None
    alerts: tuple[LoggedAlert, ...] | None = None
    retraining: RetrainingFacts | None = None
    drift: DriftState | None = None

    @property
    def champion(self) -> ChampionEvaluation | None:
        """The newest evaluation of the present champion."""
        serving = next((v.version for v in self.versions or () if v.status == "champion"), None)
        return next((e for e in reversed(self.evaluations or ()) if e.version == serving), None)


class OverviewReader:
    """Reads the facts; at most once within KEPT_SECONDS, by one thread at a time.

    Args:
        portfolio: The served portfolio.
        settings: Targets and limits.
        database: The portfolio's tables.
    """

    def __init__(self, portfolio: Portfolio, settings: Settings, database: Database) -> None:
        self._portfolio, self._settings = portfolio, settings
        self._limits = retraining_limits(settings)
        self._database = replace(database, patience=PATIENCE_SECONDS)
        self._lock = threading.Lock()
        self._facts, self._read_at = OverviewFacts(), -KEPT_SECONDS

    @property
    def limits(self) -> Limits:
        """The limits of the retraining policy."""
        return self._limits

    def read(self) -> OverviewFacts:
        """The facts. Blocks on the database; raises nothing."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._facts = self._read()
                self._read_at = time.monotonic()
            return self._facts

    def _read(self) -> OverviewFacts:
        try:
            with self._database.connected() as database:
                with database.transaction() as cursor:
                    versions = recent_activity.newest_versions(cursor, SHOWN_VERSIONS)
                    rejected = recent_activity.rejected_challenger(cursor)
                return OverviewFacts(
                    versions=tuple(versions),
                    rejected=rejected,
                    evaluations=_rows(database, recent_activity.champion_evaluations, SHOWN_EVALUATIONS),
                    changes=_rows(database, recent_activity.newest_changes, SHOWN_CHANGES),
                    alerts=_rows(database, newest_alerts, SHOWN_ALERTS),
                    retraining=self._retraining(database),
                    drift=_drift(database, versions),
                    # Last, because it may take longest.
                    volumes=_rows(database, recent_activity.volumes_by_day, SHOWN_DAYS),
                )
        except WarehouseError as error:
            return OverviewFacts(problem=str(error).splitlines()[0])

    def _retraining(self, database: Database) -> RetrainingFacts | None:
        try:
            return read_retraining(database, self._portfolio, self._settings)
        except WarehouseError:
            return None


def _rows(
    database: Database, read: Callable[[extensions.cursor, int], list[Row]], most: int
) -> tuple[Row, ...] | None:
    try:
        with database.transaction() as cursor:
            return tuple(read(cursor, most))
    except WarehouseError:
        return None


def _drift(database: Database, versions: Sequence[RegisteredVersion]) -> DriftState | None:
    """The newest drift figures of the champion; None while nothing was compared, or where they were not read."""
    champion = next((each.version for each in versions if each.status == "champion"), None)
    try:
        return DriftLog(database).state(champion) if champion else None
    except WarehouseError:
        return None
