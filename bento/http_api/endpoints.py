"""The read-only routes: health, model info, metrics, OpenAPI document and index page.

The index page shows the OpenAPI document with BentoML's copy of Swagger UI, since BentoML's own page loads a tracker
from another site.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bento.access.api_keys import Keys, presented_key
from bento.operations.prometheus_metrics import CONTENT_TYPE
from bento.operations.replica_states import counts

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

INDEX = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Loan default</title>
<link rel="stylesheet" href="static_content/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui"})</script>
</body>
</html>
"""


def read_only_app(runtime: Callable[[], "Runtime"], document: bytes, keys: Keys) -> Starlette:
    """The application with the read-only routes.

    Args:
        runtime: Returns the parts of this worker.
        document: The OpenAPI document as JSON.
        keys: The API keys; where there are any, health has details for their clients only.
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

    async def openapi(_: Request) -> Response:
        return json_response(document)

    async def index(_: Request) -> Response:
        return Response(INDEX, media_type="text/html")

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/model-info", model_info),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            Route("/docs.json", openapi),
            Route("/", index),
        ]
    )


def json_response(body: bytes, status: int = 200) -> Response:
    """A JSON response that must not be cached."""
    return Response(body, status, media_type="application/json", headers={"cache-control": "no-store"})
