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
from typing import TYPE_CHECKING, Any

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.log_rotation import rotate
from loan_default_assets.commands.session import Session, environment
from loan_default_assets.ports import free_port
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from bento.client import Loan

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
    loan = _newest_loan(session)
    file = session.settings.home / "loan.json"
    body = {name: value for name, value in loan.body().items() if name != "reasons"}
    file.write_text(json.dumps(body, indent=1, ensure_ascii=False), encoding="utf-8")
    lines = []
    if not session.predictions.has_predictions_of(champion.version):
        with _service(session) as (http, grpc):
            with HttpClient(f"http://{http}") as over_http:
                http_response = over_http.predict(loan)
            with closing(GrpcClient(grpc)) as over_grpc:
                grpc_response = over_grpc.predict(loan)
        for name, response in (("HTTP", http_response), ("gRPC", grpc_response)):
            decision = "default expected" if response.prediction else "no default expected"
            lines.append(f"scored      over {name}: probability {response.probability:.4f}, {decision}")
    return [*lines, *request_lines(session.settings, file)]


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


def _newest_loan(session: Session) -> "Loan":
    """The first loan of the newest partition, without its outcome, as an application has it."""
    from bento.client import Loan

    portfolio = session.portfolio
    frame = session.loans.read_raw(max(session.loans.partitions()))
    row = frame.iloc[0]

    def given(kind: str) -> dict[str, Any]:
        names = [
            n
            for n, c in portfolio.columns.items()
            if c.kind == kind and n not in portfolio.known_after_outcome
        ]
        return {n: row[n] for n in names if row[n] == row[n] and row[n] is not None}

    return Loan(
        categorical_features={name: str(value) for name, value in given("category").items()},
        numerical_features={name: float(value) for name, value in given("number").items()},
        date_features={name: value.date() for name, value in given("date").items()},
        loan_id=str(row["loan_id"]),
    )


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
