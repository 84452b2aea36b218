"""Alerts between their occasion and their receiver: recorded first, and sent until they are delivered or a week old."""

import time
from collections.abc import Callable
from functools import cached_property
from logging import Logger

from loan_default_assets.orchestration.alerts import SECONDS, Alert, AlertError, channel_of, deliver
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import AlertKind, AlertLog
from loan_default_assets.warehouse.database_errors import WarehouseError


class AlertOutbox:
    """The alerts of one portfolio on their way to ALERT_TO.

    Every kind is sent again by one sensor alone, so that two do not send the same alert at once.

    Args:
        open_log: Opens the recorded alerts; may raise WarehouseError.
        portfolio: Whose alerts they are.
        settings: ALERT_TO.
        logger: Every attempt writes the alert to it.
    """

    def __init__(
        self, open_log: Callable[[], AlertLog], portfolio: Portfolio, settings: Settings, logger: Logger
    ) -> None:
        self._open_log, self._portfolio, self._logger = open_log, portfolio.name, logger
        self._to = settings.alert_to.get_secret_value() if settings.alert_to else None

    def send(self, alert: Alert) -> None:
        """Record an alert and send it once; without a database it is sent all the same.

        Raises:
            WarehouseError: The outcome cannot be recorded; the alert may come twice.
        """
        try:
            self._record(alert)
        except WarehouseError as error:
            self._logger.error(f"the alert cannot be recorded: {str(error).splitlines()[0]}")
            self._attempt(alert)
            return
        # A tick whose end was not recorded is repeated.
        if not self._log.is_delivered(alert.key):
            self._send(alert)

    def send_once(self, alert: Alert) -> None:
        """Record an alert and send it, unless it is recorded: then another process sends it, or it is due.

        Raises:
            WarehouseError: The alert or its outcome cannot be recorded.
        """
        if self._record(alert):
            self._send(alert)

    def send_due(self, *kinds: AlertKind, new: Alert | None = None) -> None:
        """Record the alert `new`, and send what is due of these kinds, the newest first, for at most 40 seconds.

        Raises:
            WarehouseError: The database cannot be reached or read.
        """
        if new is not None:
            self._record(new)
        end = time.monotonic() + SECONDS
        for due in self._log.pending(kinds, own=new.key if new else None):
            if time.monotonic() > end:
                return
            self._send(Alert(due.key, self._portfolio, due.title, due.text, due.kind, due.subject))

    def is_delivered(self, key: str) -> bool:
        """Whether the alert of the key was delivered. Raises WarehouseError."""
        return self._log.is_delivered(key)

    @cached_property
    def _log(self) -> AlertLog:
        return self._open_log()

    def _record(self, alert: Alert) -> bool:
        return self._log.record(alert.key, alert.kind, alert.subject, alert.title, alert.text)

    def _send(self, alert: Alert) -> None:
        error = self._attempt(alert)
        self._log.record_delivery(alert.key, channel_of(self._to), error.failure if error else None)

    def _attempt(self, alert: Alert) -> AlertError | None:
        try:
            deliver(alert, self._to, self._logger.warning)
        except AlertError as error:
            self._logger.error(str(error))
            return error
        return None
