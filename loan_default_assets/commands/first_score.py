"""The end of `demo`: one loan scored by the service over HTTP and over gRPC."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.example_loan import example_loan
from loan_default_assets.commands.log_rotation import rotate
from loan_default_assets.commands.session import Session, environment
from loan_default_assets.ports import free_port
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from bento.schemas.responses import PredictResponse

_START_SECONDS = 120
_PUBLIC_SERVICE_SETTINGS = (
    "SERVICE_API_KEYS",
    "SERVICE_ADMIN_KEYS",
    "SERVICE_EXPLAIN_KEYS",
    "SERVICE_OVERRIDE_KEYS",
    "SERVICE_APPROVE_KEYS",
    "SERVICE_TLS_CERTIFICATE",
    "SERVICE_TLS_KEY",
    "SERVICE_MODEL_TAG",
)


def first_score(session: Session) -> list[str]:
    """Lines for the summary: both predictions (where the champion has made none yet), and how to request them again.

    Raises: CommandError where the service does not start, naming its log.
    """
    from bento.client import GrpcClient, HttpClient

    champion = session.registry.champion()
    if champion is None:
        return []
    example = example_loan(session, champion)
    file = session.settings.home / "loan.json"
    body = {name: value for name, value in example.loan.body().items() if name != "reasons"}
    file.write_text(json.dumps(body, indent=1, ensure_ascii=False), encoding="utf-8")
    lines = []
    if not session.predictions.has_predictions_of(champion.version):
        with _service(session) as (http, grpc):
            with HttpClient(f"http://{http}") as over_http:
                by_http = over_http.predict(example.loan)
            with closing(GrpcClient(grpc)) as over_grpc:
                by_grpc = over_grpc.predict(example.loan)
        lines = [
            f"scored      loan {example.chosen}",
            *(
                f"            over {name}: {decision(made)}"
                for name, made in (("HTTP", by_http), ("gRPC", by_grpc))
            ),
            *reason_lines(by_http),
            f"explain     loan-default explain {by_http.request_id} --language en    (ko: 한국어)",
        ]
    return [*lines, *request_lines(session.settings, file)]


def decision(made: "PredictResponse") -> str:
    """PD, threshold and decision of one application."""
    predicted = "default predicted" if made.prediction else "no default predicted"
    return (
        f"PD {made.probability:.4f}, threshold {made.threshold:.4f}: decision {made.prediction}, {predicted}"
    )


def reason_lines(made: "PredictResponse") -> list[str]:
    """The reason codes in both languages, one per line; a decision 0 has none."""
    return [
        f"{'' if position else 'because':12}{reason.en} ({reason.ko}): {reason.contribution:+.2f} log-odds"
        for position, reason in enumerate(made.reasons)
    ]


def request_lines(settings: Settings, file: Path) -> list[str]:
    """How to score the loan in `file` again, as lines to copy.

    With a database of its own the demo may run in a container, with a service that this machine does not reach.
    """
    elsewhere = settings.database_url is not None
    key = '-H "authorization: Bearer $KEY" ' if settings.service_api_keys else ""
    return [
        *(["try again   in containers: docs/deployment.md; elsewhere:"] if elsewhere else []),
        f"{'' if elsewhere else 'try again':12}loan-default up &",
        f"            curl -s http://127.0.0.1:{settings.service_http_port}/predict "
        f"{key}-H 'content-type: application/json' -d {shlex.quote(f'@{file}')}",
        f"            grpcurl -plaintext {key}-d @ 127.0.0.1:{settings.service_grpc_port} "
        f"loan_default.v1.LoanDefault/Predict < {shlex.quote(str(file))}",
    ]


@contextmanager
def _service(session: Session) -> Iterator[tuple[str, str]]:
    """Run the service as a child of this process; yields its HTTP and gRPC addresses."""
    http, grpc = (
        free_port(session.settings.service_http_port),
        free_port(session.settings.service_grpc_port),
    )
    log = session.settings.home / "logs" / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    child = os.environ | environment(session)
    child |= {"SERVICE_HTTP_PORT": str(http), "SERVICE_GRPC_PORT": str(grpc), "SERVICE_HOST": "127.0.0.1"}
    # Keys and certificates belong to the public service; this one is reached from this machine only.
    child |= dict.fromkeys(_PUBLIC_SERVICE_SETTINGS, "")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bento", "--with-parent"], env=child, stdout=output, stderr=output
        )
    try:
        _wait_until_ready(process, http, log)
        yield f"127.0.0.1:{http}", f"127.0.0.1:{grpc}"
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import httpx

    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise CommandError(f"the service did not become ready; the reason is in {log}\nNext: loan-default doctor")
