"""The read-only routes: health, model info, model report, metrics, OpenAPI document, its page, and the console.

The page /docs shows the OpenAPI document with BentoML's copy of Swagger UI, since BentoML's own page loads a tracker
from another site.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bento.access.api_keys import Keys, presented_key
from bento.console.page_texts import language_of
from bento.operations.prometheus_metrics import CONTENT_TYPE
from bento.operations.replica_states import counts
from bento.schemas.problems import NO_REPORT
from loan_default_assets.model.artifact_files import ArtifactRootError
from loan_default_assets.report_files import ReportFileError, in_korean, is_version, read_report

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

DOCS = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Loan default: API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="static_content/swagger-ui.css">
<style>
/* Text of Swagger UI whose contrast is below 4.5 to 1. */
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: #1a5fa8 }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #1c6f47 }
.swagger-ui .btn.authorize, .swagger-ui .btn.authorize span { color: #1c6f47 }
.swagger-ui .info a, .swagger-ui .info .url { color: #1a5fa8 }
.swagger-ui .info .title small.version-stamp { background: #4b6b00 }
.swagger-ui .json-schema-2020-12-expand-deep-button, .swagger-ui .parameter__in { color: #505050 }
h1 { position: absolute; clip-path: inset(50%) }
</style></head>
<body><main><h1>Loan default: API</h1><div id="swagger-ui"></div></main>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui"})</script>
</body>
</html>
"""


# The report is one file: whatever a page would load, run or send from it is refused by the browser.
_REPORT_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
}


def read_only_app(
    runtime: Callable[[], "Runtime"],
    document: bytes,
    keys: Keys,
    reports_root: Path,
    refresh_report: Callable[[str], None] | None = None,
    further: Sequence[Route] = (),
) -> Starlette:
    """The application with the read-only routes.

    Args:
        runtime: Returns the parts of this worker.
        document: The OpenAPI document as JSON.
        keys: The API keys; where there are any, health has details for their clients only.
        reports_root: Root of the artifacts, beside which the model reports are.
        refresh_report: Copies the report of a version there, where the root is behind a URL; None for a folder.
        further: Routes of other modules: the console, recorded decisions.
    """

    async def health(request: Request) -> Response:
        worker = runtime()
        current = worker.champion.current
        problem = worker.prediction_log_problem or worker.champion.files_problem
        state = "unavailable" if not worker.ready else "degraded" if problem else "ok"
        body: dict[str, Any] = {"status": state}
        headers = request.headers
        key = presented_key(headers.get("authorization"), headers.get("x-api-key"))
        if keys and keys.role(key) is None:
            return json_response(to_json(body), 200 if worker.ready else 503)
        if current:
            body["model_version"] = current.version
        body["replicas"] = counts(worker.replicas, worker.champion.wanted)
        if reason := worker.champion.error or problem:
            body["reason"] = reason
        return json_response(to_json(body), 200 if worker.ready else 503)

    async def model_info(_: Request) -> Response:
        return json_response(to_json(await runtime().gather(), inf_nan_mode="null"))

    async def metrics(_: Request) -> Response:
        return Response(await runtime().exposition(), media_type=CONTENT_TYPE)

    def newest_report(version: str) -> bytes:
        if refresh_report is not None:
            # While the root is away, the copy of before is sent.
            with suppress(ArtifactRootError):
                refresh_report(version)
        return read_report(reports_root, version)

    async def report(request: Request) -> Response:
        current = runtime().champion.current
        version = request.query_params.get("version") or (current.version if current else "")
        if not is_version(version):
            return json_response(NO_REPORT.body(), NO_REPORT.status)
        try:
            content = await asyncio.to_thread(newest_report, version)
        except ReportFileError:
            return json_response(NO_REPORT.body(), NO_REPORT.status)
        accepted = request.headers.get("accept-language")
        if language_of(request.scope.get("query_string", b""), accepted) == "ko":
            content = in_korean(content)
        return Response(content, media_type="text/html", headers=_REPORT_HEADERS)

    async def openapi(_: Request) -> Response:
        return json_response(document)

    async def docs(_: Request) -> Response:
        return Response(DOCS, media_type="text/html")

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/model-info", model_info),
            Route("/metrics", metrics),
            Route("/report", report),
            Route("/openapi.json", openapi),
            Route("/docs.json", openapi),
            Route("/docs", docs),
            *further,
        ]
    )


def json_response(body: bytes, status: int = 200) -> Response:
    """A JSON response that must not be cached."""
    return Response(body, status, media_type="application/json", headers={"cache-control": "no-store"})
