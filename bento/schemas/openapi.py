"""The OpenAPI document of one portfolio's service, with bounds, allowed values, and a valid example.

BentoML's own document omits mounted routes, `additionalProperties` behind references, and keys; see
docs/decisions/http-middleware-and-openapi.md.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bento.schemas.approval_requests import ApprovalRequest, PromotionResponse, PromotionsResponse
from bento.schemas.decision_requests import OverrideRequest, OverrideResponse, RescoreRequest
from bento.schemas.requests import RequestTypes
from bento.schemas.responses import (
    PredictBatchResponse,
    PredictResponse,
    ProblemResponse,
    ReloadResponse,
)

API_VERSION = "1"
_REFERENCE = "#/components/schemas/{model}"
_PROBLEMS = {
    "400": "Not a JSON object",
    "401": "No key, or an unknown key",
    "403": "A key of another role",
    "404": "The served model has no report, or there is no such prediction or waiting promotion",
    "409": "The decision cannot be explained, or the override or approval was not recorded",
    "410": "The prediction or its data were deleted",
    "413": "The body is too large",
    "415": "Not JSON",
    "422": "Fields that the portfolio does not allow",
    "429": "Too many requests",
    "431": "The headers are too large",
    "500": "The service failed; the text has the number under which its log has the location",
    "503": "No model, too many loans waiting, or a prediction log that cannot be written",
    "504": "No response in time",
}


def document(types: RequestTypes) -> dict[str, Any]:
    """The document (OpenAPI 3.1) as JSON values."""
    models = [
        (types.predict, "validation"),
        (types.predict_batch, "validation"),
        *((model, "serialization") for model in (PredictResponse, PredictBatchResponse, ReloadResponse)),
        *((model, "validation") for model in (RescoreRequest, OverrideRequest, ApprovalRequest)),
        *((model, "serialization") for model in (OverrideResponse, PromotionsResponse, ProblemResponse)),
    ]
    _, schema = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    example = types.example()
    portfolio = types.portfolio
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}, {}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Loan default: {portfolio.title or portfolio.name}",
            "version": API_VERSION,
            "description": "Predictions of the champion model. The same predictions are available over gRPC.",
        },
        "paths": {
            "/predict": {
                "post": _post("predict", "Score one loan", types.predict, PredictResponse, example, keys)
            },
            "/predict-batch": {
                "post": _post(
                    "predict_batch",
                    "Score up to 1,000 loans, all by one model version",
                    types.predict_batch,
                    PredictBatchResponse,
                    {"loans": [example]},
                    keys,
                )
            },
            "/reload-model": {"post": _reload(keys)},
            "/model-info": {
                "get": _get("model_info", "The served model, when and why it was promoted", keys)
            },
            "/report": {
                "get": _get(
                    "report", "The model report of the served model (role admin)", keys, media="text/html"
                )
            },
            "/predictions/{request_id}": {"get": _explanation(keys)},
            "/predictions/{request_id}/rescore": {
                "post": _on_prediction(
                    "rescore",
                    "Score an application again with corrected data, logged as such (role explain)",
                    RescoreRequest,
                    _EXPLANATION,
                    keys,
                )
            },
            "/predictions/{request_id}/override": {
                "post": _on_prediction(
                    "override",
                    "Record another decision beside a prediction (role override)",
                    OverrideRequest,
                    _response("The recorded override", OverrideResponse),
                    keys,
                    [_IDEMPOTENCY_KEY],
                )
            },
            "/promotions": {"get": _waiting_promotions(keys)},
            "/promotions/{version}/approve": {"post": _approval(keys)},
            "/health": {"get": _get("health", "Whether loans can be scored now", [])},
            "/metrics": {"get": _get("metrics", "Metrics for Prometheus", keys, media="text/plain")},
        },
        "components": {
            "schemas": schema.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _post(
    name: str,
    summary: str,
    request: type[BaseModel],
    response: type[BaseModel],
    example: dict[str, Any],
    keys: list[dict[str, list[str]]],
) -> dict[str, Any]:
    body = {"schema": {"$ref": _REFERENCE.format(model=request.__name__)}, "example": example}
    return {
        "operationId": name,
        "summary": summary,
        "security": keys,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": _response("The predictions", response),
            **_problems(*(status for status in _PROBLEMS if status not in ("404", "409", "410"))),
        },
    }


def _reload(keys: list[dict[str, list[str]]]) -> dict[str, Any]:
    return {
        "operationId": "reload_model",
        "summary": "Let every worker of every replica load the champion of the model registry now",
        "security": keys,
        "responses": {
            "200": _response("Every worker serves the champion", ReloadResponse),
            "202": _response("Some workers do not serve the champion (yet)", ReloadResponse),
            **_problems("401", "403", "413", "415", "429", "503", "504"),
        },
    }


def _get(
    name: str, summary: str, keys: list[dict[str, list[str]]], media: str = "application/json"
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"} if media == "application/json" else {"type": "string"}
    success = {"description": summary, "content": {media: {"schema": schema}}}
    refused = _problems("401", "403", "429") if keys else _problems("429")
    unavailable = {**success, "description": "Loans cannot be scored; the body gives the reason"}
    unready = {"503": unavailable} if name == "health" else {}
    if name == "report":
        unready = _problems("404")
    return {
        "operationId": name,
        "summary": summary,
        "security": keys,
        "responses": {"200": success, **refused, **unready},
    }


_EXPLANATION = {
    "description": "The explanation, with its text in both languages",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_REQUEST_ID = {
    "name": "request_id",
    "in": "path",
    "required": True,
    "description": "As in the response to the request.",
    "schema": {"type": "string", "format": "uuid"},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names this override, so that a repeated request counts once.",
    "schema": {"type": "string", "format": "uuid"},
}


def _explanation(keys: list[dict[str, list[str]]]) -> dict[str, Any]:
    position = {"type": "integer", "minimum": 0, "default": 0}
    language = {"type": "string", "enum": ["en", "ko"]}
    about = "Text alone, in this language."
    return {
        "operationId": "explain",
        "summary": "The explanation of a recorded decision (role explain)",
        "security": keys,
        "parameters": [
            _REQUEST_ID,
            {"name": "position", "in": "query", "schema": position},
            {"name": "language", "in": "query", "description": about, "schema": language},
        ],
        "responses": {
            "200": _EXPLANATION,
            **_problems("401", "403", "404", "409", "410", "422", "429", "503", "504"),
        },
    }


def _on_prediction(
    name: str,
    summary: str,
    request: type[BaseModel],
    response: dict[str, Any],
    keys: list[dict[str, list[str]]],
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    body = {"schema": {"$ref": _REFERENCE.format(model=request.__name__)}}
    return {
        "operationId": name,
        "summary": summary,
        "security": keys,
        "parameters": [_REQUEST_ID, *parameters],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": response, **_problems(*_PROBLEMS)},
    }


def _waiting_promotions(keys: list[dict[str, list[str]]]) -> dict[str, Any]:
    return {
        "operationId": "promotions",
        "summary": "The promotions that wait for approvals (role approve)",
        "security": keys,
        "responses": {
            "200": _response("The oldest first", PromotionsResponse),
            **_problems("401", "403", "429", "503", "504"),
        },
    }


def _approval(keys: list[dict[str, list[str]]]) -> dict[str, Any]:
    body = {"schema": {"$ref": _REFERENCE.format(model=ApprovalRequest.__name__)}}
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": "approve_promotion",
        "summary": "Approve a promotion that waits, as the person to whom the key belongs (role approve)",
        "security": keys,
        "parameters": [version],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": _response("The promotion with this approval", PromotionResponse),
            **_problems(*(status for status in _PROBLEMS if status != "410")),
        },
    }


def _response(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: str) -> dict[str, Any]:
    # Whatever the route.
    always = ("431", "500")
    return {status: _response(_PROBLEMS[status], ProblemResponse) for status in sorted({*statuses, *always})}
