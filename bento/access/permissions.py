"""Every HTTP path and every gRPC method of the service, and the roles that may use it."""

import re

from bento.access.api_keys import Role

PUBLIC: frozenset[Role] = frozenset()
USER = frozenset({Role.USER})
ADMIN = frozenset({Role.ADMIN})
EITHER = USER | ADMIN
EXPLAIN = frozenset({Role.EXPLAIN})
OVERRIDE = frozenset({Role.OVERRIDE})
APPROVE = frozenset({Role.APPROVE})

# A path that is not listed does not exist.
ROUTES: dict[str, frozenset[Role]] = {
    "/health": PUBLIC,
    "/livez": PUBLIC,
    "/healthz": PUBLIC,
    "/readyz": PUBLIC,
    "/predict": USER,
    "/predict-batch": USER,
    "/reload-model": ADMIN,
    "/model-info": EITHER,
    "/report": ADMIN,
    "/predictions/{request_id}": EXPLAIN,
    "/predictions/{request_id}/rescore": EXPLAIN,
    "/predictions/{request_id}/override": OVERRIDE,
    "/promotions": APPROVE,
    "/promotions/{version}/approve": APPROVE,
    "/metrics": EITHER,
    "/openapi.json": EITHER,
    "/docs.json": EITHER,
    "/schema.json": EITHER,
    "/": EITHER,
    "/docs": EITHER,
    "/score": USER,
    "/login": PUBLIC,
    "/logout": PUBLIC,
    "/console.css": PUBLIC,
    "/icon.svg": PUBLIC,
    "/favicon.ico": PUBLIC,
}
# A request id or a version is part of the path; metrics and logs name the route without it.
_PREDICTION = re.compile(r"/predictions/[^/]+(/rescore|/override)?")
_APPROVAL = re.compile(r"/promotions/[^/]+/approve")
STATIC = "/static_content/"
# What a browser shows: a refusal is a page too, and without a key it leads to the login.
PAGES = frozenset({"/", "/docs", "/score", "/login", "/logout", "/report"})
# Pages that accept a form. Only they accept a session in place of a key for more than reading.
FORMS = frozenset({"/score", "/login", "/logout"})

METHODS: dict[str, frozenset[Role]] = {
    "/loan_default.v1.LoanDefault/Predict": USER,
    "/loan_default.v1.LoanDefault/PredictBatch": USER,
    "/loan_default.v1.LoanDefault/ModelInfo": EITHER,
    "/loan_default.v1.LoanDefault/ReloadModel": ADMIN,
    "/grpc.health.v1.Health/Check": PUBLIC,
    "/grpc.health.v1.Health/Watch": PUBLIC,
    "/grpc.health.v1.Health/List": PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EITHER,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": EITHER,
}


def route_of(path: str) -> str | None:
    """The route that serves a path, as ROUTES names it; None for an unknown path."""
    if path in ROUTES and "{" not in path:
        return path
    if match := _PREDICTION.fullmatch(path):
        return f"/predictions/{{request_id}}{match[1] or ''}"
    if _APPROVAL.fullmatch(path):
        return "/promotions/{version}/approve"
    return STATIC if path.startswith(STATIC) else None
