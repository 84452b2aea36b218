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

ALERT = Alert(
    "hold:m1:s1",
    "demo",
    "demo: retraining is on HOLD",
    "F1 0.612 is below the target 0.800.",
    kind="hold",
    subject="m1",
)


@contextmanager
def webhook(code: int) -> Iterator[tuple[str, list[bytes]]]:
    """A receiver that responds with this code, and the bodies it received."""
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


def test_every_alert_is_logged() -> None:
    lines: list[str] = []
    deliver(ALERT, None, lines.append)
    assert lines == [f"{ALERT.title}: {ALERT.text} [{ALERT.key}]"]


def test_a_webhook_receives_json() -> None:
    with webhook(200) as (url, received):
        deliver(ALERT, url, print)
    assert [json.loads(body)["key"] for body in received] == [ALERT.key]


def test_a_command_reads_json(tmp_path: Path) -> None:
    deliver(ALERT, f"tee '{tmp_path / 'a file'}'", print)
    assert json.loads((tmp_path / "a file").read_text())["text"] == ALERT.text


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:9/secret", "false", "no-such-command-at-all", "'unclosed"], ids=str
)
def test_a_failing_receiver_raises_an_error_that_does_not_name_it(to: str) -> None:
    with pytest.raises(AlertError) as raised:
        deliver(ALERT, to, print)
    assert to not in str(raised.value)


def test_a_refusing_webhook_raises_an_error() -> None:
    with webhook(500) as (url, _), pytest.raises(AlertError, match="500"):
        deliver(ALERT, url, print)


def test_only_the_first_failure_counts_until_the_same_job_and_partition_succeed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first_failure = _recorder(instance)
        failed, good = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
        assert first_failure(failed, "a") is True
        assert first_failure(failed, "a") is False
        assert first_failure(failed, "b") is True, "another partition"
        first_failure(good, "a")
        assert first_failure(failed, "a") is True
        assert first_failure(failed, "a", **{"dagster/will_retry": "true"}) is False


@pytest.mark.parametrize(
    ("job", "assets", "work"),
    [
        ("ingest", None, "ingest"),
        ("ingest", ("raw_loans",), "ingest"),
        ("__ASSET_JOB", ("raw_loans",), "raw_loans"),
        ("__ASSET_JOB", ("raw_loans", "processed_features"), "processed_features, raw_loans"),
        ("__ASSET_JOB", None, "__ASSET_JOB"),
    ],
)
def test_a_run_is_named_by_its_job_or_by_the_assets_that_were_launched(
    job: str, assets: tuple[str, ...] | None, work: str
) -> None:
    selection = frozenset(dg.AssetKey(["demo", name]) for name in assets) if assets else None
    assert run_tracking.work_of(dg.DagsterRun(job_name=job, asset_selection=selection)) == work


def _recorder(instance: dg.DagsterInstance) -> Callable[..., bool]:
    """Records a run; whether it is a first failure."""

    def first_failure(status: dg.DagsterRunStatus, partition: str, **tags: str) -> bool:
        run = instance.add_run(
            dg.DagsterRun(job_name="ingest", status=status, tags={"dagster/partition": partition} | tags)
        )
        return run_tracking.is_first_failure(instance, run)

    return first_failure
