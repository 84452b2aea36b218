"""Tells somebody: always the log, and a webhook or a command where one is set. Never any value of an applicant."""

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass

_SECONDS = 20


class AlertError(Exception):
    """An alert did not reach the webhook or the command; it is due until it does."""


@dataclass(frozen=True)
class Alert:
    """`key`: the same for the same occasion, so that a receiver may drop what it knows."""

    key: str
    portfolio: str
    title: str
    text: str


def deliver(alert: Alert, to: str | None, log: Callable[[str], None]) -> None:
    """Writes the alert to the log, then to `to`: an http(s) URL, or a command line that reads JSON.

    Raises: AlertError where the receiver refuses it or cannot be reached; the receiver is not named, for it may
    hold a key.
    """
    log(f"{alert.title}: {alert.text} [{alert.key}]")
    if to is None:
        return
    body = json.dumps(asdict(alert), ensure_ascii=False)
    if to.startswith(("http://", "https://")):
        _post(to, body)
    else:
        _run(to, body)


def _post(url: str, body: str) -> None:
    import httpx

    try:
        answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"}, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AlertError(f"the webhook of ALERT_TO was not reached: {type(error).__name__}") from None
    if not answer.is_success:
        raise AlertError(f"the webhook of ALERT_TO answered {answer.status_code}")


def _run(command: str, body: str) -> None:
    try:
        done = subprocess.run(
            shlex.split(command), input=body, text=True, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AlertError(f"the command of ALERT_TO did not run: {type(error).__name__}") from None
    if done.returncode:
        raise AlertError(f"the command of ALERT_TO ended with exit code {done.returncode}")
