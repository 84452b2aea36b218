import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.orchestration import run_tracking
from loan_default_assets.orchestration.alerts import Alert, AlertError, deliver

ALERT = Alert("hold:m1:s1", "demo", "demo: retraining is on HOLD", "F1 0.612 is below the target 0.800.")


@contextmanager
def webhook(code: int) -> Iterator[tuple[str, list[bytes]]]:
    """A receiver that answers with this code, and what it was sent."""
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_log_is_told_always() -> None:
    lines: list[str] = []
    deliver(ALERT, None, lines.append)
    assert lines == [f"{ALERT.title}: {ALERT.text} [{ALERT.key}]"]


def test_a_webhook_is_sent_json() -> None:
    with webhook(200) as (url, received):
        deliver(ALERT, url, print)
    assert [json.loads(body)["key"] for body in received] == [ALERT.key]


def test_a_command_reads_json(tmp_path: Path) -> None:
    deliver(ALERT, f"tee '{tmp_path / 'a file'}'", print)
    assert json.loads((tmp_path / "a file").read_text())["text"] == ALERT.text


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:9/secret", "false", "no-such-command-at-all", "'unclosed"], ids=str
)
def test_a_receiver_that_fails_is_an_error_that_does_not_name_it(to: str) -> None:
    with pytest.raises(AlertError) as caught:
        deliver(ALERT, to, print)
    assert to not in str(caught.value)


def test_a_webhook_that_refuses_is_an_error() -> None:
    with webhook(500) as (url, _), pytest.raises(AlertError, match="500"):
        deliver(ALERT, url, print)


def test_a_failure_is_news_once_until_the_same_run_succeeds() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        news = _teller(instance)
        failed, good = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
        assert news(failed, "a") is True
        assert news(failed, "a") is False
        assert news(failed, "b") is True, "another partition"
        assert news(good, "a") is not None
        assert news(failed, "a") is True
        assert news(failed, "a", **{"dagster/will_retry": "true"}) is False


def _teller(instance: dg.DagsterInstance) -> Callable[..., bool]:
    def news(status: dg.DagsterRunStatus, partition: str, **tags: str) -> bool:
        run = instance.add_run(
            dg.DagsterRun(job_name="ingest", status=status, tags={"dagster/partition": partition} | tags)
        )
        return run_tracking.is_news(instance, run)

    return news
