"""What PostgreSQL records of champion, data and retraining, for /metrics: read rarely, never waited for long.

A reading runs on a thread of its own and at most one at a time, so a slow or unreachable database delays no scrape by
more than WAIT_SECONDS; until it ends, the last values are used.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day

from bento.operations.error_location import error_location
from bento.operations.retraining_state import read_retraining
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import AlertCounts, AlertLog
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.drift_log import DriftLog, DriftState
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import ModelRecord

logger = logging.getLogger("bentoml.loan_default.recorded_state")

# Most seconds that a scrape waits for a reading; least seconds from a reading to the next.
WAIT_SECONDS, PAUSE_SECONDS = 1.0, 15.0
# A pause is this many times as long as the reading, so that readings take at most a twentieth of the time.
PAUSES_PER_READING = 20
# A reading that takes longer counts as one that fails.
LATE_SECONDS = 60.0
_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}


@dataclass(frozen=True)
class RecordedState:
    """The recorded values; None where there is no such record.

    Attributes:
        version: The champion.
        champion_since: When it was promoted, in seconds of the epoch.
        f1: Of its newest evaluation; `f1_low`, `f1_high`: its 95 % interval.
        evaluated_at: When it was evaluated, in seconds of the epoch.
        data_cutoff: End of the newest partition, in seconds of the epoch.
        retraining: State as in /model-info.
        attempts: Failed attempts of the episode.
        new_labels: Labels that matured since the last training.
        drift: Drift of the newest partitions against the training, and expected F1.
        alerts: Alerts of all time.
    """

    version: str | None
    champion_since: float | None
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    evaluated_at: float | None
    data_cutoff: float | None
    retraining: str
    attempts: int
    new_labels: int
    drift: DriftState | None = None
    alerts: AlertCounts | None = None


class StateReader:
    """Readings of the recorded state, at most one at a time.

    Args:
        read: One reading.
        wait_seconds: Most seconds that `latest` waits for it.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        read: Callable[[], RecordedState],
        *,
        wait_seconds: float = WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._wait_seconds, self._clock = read, wait_seconds, clock
        self._lock = threading.Lock()
        self._reading: threading.Thread | None = None
        self._started, self._due = 0.0, float("-inf")
        self._state: RecordedState | None = None
        self._succeeded = False

    def latest(self) -> tuple[RecordedState | None, bool]:
        """The last values, None before the first reading has ended, and whether the last reading succeeded."""
        with self._lock:
            if self._reading is None and self._clock() >= self._due:
                self._started = self._clock()
                self._reading = threading.Thread(target=self._refresh, name="recorded-state", daemon=True)
                self._reading.start()
            reading = self._reading
        if reading is not None:
            reading.join(self._wait_seconds)
        with self._lock:
            late = self._reading is not None and self._clock() - self._started > LATE_SECONDS
            return self._state, self._succeeded and not late

    def _refresh(self) -> None:
        state = None
        try:
            state = self._read()
        except WarehouseError:
            # /model-info and the log of the poll say why.
            pass
        except Exception as error:  # noqa: BLE001 - a scrape must not end with an error of a reading
            logger.error("the recorded state could not be read: %s", error_location(error))
        with self._lock:
            self._succeeded = state is not None
            self._state = state or self._state
            now = self._clock()
            self._due = now + max(PAUSE_SECONDS, PAUSES_PER_READING * (now - self._started))
            self._reading = None


def recorded_state(
    database: Database, portfolio: Portfolio, settings: Settings, champion: ModelRecord | None
) -> RecordedState:
    """One reading.

    Args:
        champion: The version whose evaluation is read.

    Raises:
        WarehouseError: The database cannot be reached or read.
    """
    evaluation = EvaluationLog(database).latest(champion.version) if champion else None
    retraining = read_retraining(database, portfolio, settings)
    low, high = evaluation.intervals.get("f1", (None, None)) if evaluation else (None, None)
    return RecordedState(
        version=champion.version if champion else None,
        champion_since=_seconds(champion.promoted_at if champion else None),
        f1=evaluation.metrics.get("f1") if evaluation else None,
        f1_low=low,
        f1_high=high,
        evaluated_at=_seconds(evaluation.evaluated_at if evaluation else None),
        data_cutoff=_seconds(Loans(database, portfolio).cutoff()),
        retraining=retraining.state,
        attempts=retraining.action.attempts,
        new_labels=retraining.new_labels,
        drift=DriftLog(database).state(champion.version) if champion else None,
        alerts=AlertLog(database).counts(),
    )


def refresh_seconds(portfolio: Portfolio) -> float | None:
    """Longest time between two partitions; None where no new rows are expected."""
    if portfolio.as_of is None or portfolio.refresh is None or portfolio.end is not None:
        return None
    return _DAYS[portfolio.cadence] * 86_400.0


def _seconds(moment: datetime | date | None) -> float | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time_of_day(), UTC)
    return moment.timestamp()
