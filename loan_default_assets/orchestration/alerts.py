"""Delivery of alerts to the log and to the webhook or command of ALERT_TO. Alerts hold no applicant's values."""

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass

from loan_default_assets.warehouse.alert_log import AlertKind, Channel, Failure

SECONDS = 20


class AlertError(Exception):
    """The webhook or command of ALERT_TO did not accept an alert; the alert is still due.

    Attributes:
        failure: `unreachable` or `refused` of a webhook, `not_started` (or out of time) or `failed` of a command.
    """

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes:
        key: Identity of the occasion; a receiver can drop repeated keys.
        portfolio: Name of the portfolio.
        title: One line.
        text: What happened and what comes next.
        subject: Champion of a HOLD, job and partition of a run, or the newest partition that drifts.
    """

    key: str
    portfolio: str
    title: str
    text: str
    kind: AlertKind
    subject: str


def channel_of(to: str | None) -> Channel:
    """Through what an alert goes to the receiver `to`."""
    if to is None:
        return "log"
    return "webhook" if to.startswith(("http://", "https://")) else "command"


def deliver(alert: Alert, to: str | None, log: Callable[[str], None]) -> None:
    """Write the alert to the log, then send it as JSON.

    Args:
        alert: The alert.
        to: An http(s) URL that is posted to, or a command line that reads standard input; None for the log alone.
        log: Writes a line to the log.

    Raises:
        AlertError: The receiver refuses the alert or cannot be reached. The error does not name the receiver, whose
            address may hold a key.
    """
    log(f"{alert.title}: {alert.text} [{alert.key}]")
    if to is None:
        return
    body = json.dumps(asdict(alert), ensure_ascii=False)
    if channel_of(to) == "webhook":
        _post(to, body)
    else:
        _run(to, body)


def _post(url: str, body: str) -> None:
    import httpx

    try:
        response = httpx.post(
            url, content=body, headers={"Content-Type": "application/json"}, timeout=SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AlertError(
            "unreachable", f"the webhook of ALERT_TO cannot be reached: {type(error).__name__}"
        ) from None
    if not response.is_success:
        raise AlertError("refused", f"the webhook of ALERT_TO responded with status {response.status_code}")


def _run(command: str, body: str) -> None:
    try:
        process = subprocess.run(
            shlex.split(command), input=body, text=True, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AlertError(
            "not_started", f"the command of ALERT_TO cannot be run: {type(error).__name__}"
        ) from None
    if process.returncode:
        raise AlertError("failed", f"the command of ALERT_TO failed with exit code {process.returncode}")
