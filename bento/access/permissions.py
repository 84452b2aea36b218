"""Every path and every gRPC method the service answers, and whose key opens it."""

from bento.access.api_keys import Role

ANYONE: frozenset[Role] = frozenset()
USER = frozenset({Role.USER})
ADMIN = frozenset({Role.ADMIN})
EITHER = USER | ADMIN

# Every path the service answers, and whose key opens it. What is not here does not exist.
ROUTES: dict[str, frozenset[Role]] = {
    "/health": ANYONE,
    "/livez": ANYONE,
    "/healthz": ANYONE,
    "/readyz": ANYONE,
    "/predict": USER,
    "/predict-batch": USER,
    "/reload-model": ADMIN,
    "/model-info": EITHER,
    "/metrics": EITHER,
    "/openapi.json": EITHER,
    "/docs.json": EITHER,
    "/schema.json": EITHER,
    "/": EITHER,
}
STATIC = "/static_content/"

METHODS: dict[str, frozenset[Role]] = {
    "/loan_default.v1.LoanDefault/Predict": USER,
    "/loan_default.v1.LoanDefault/PredictBatch": USER,
    "/loan_default.v1.LoanDefault/ModelInfo": EITHER,
    "/grpc.health.v1.Health/Check": ANYONE,
    "/grpc.health.v1.Health/Watch": ANYONE,
    "/grpc.health.v1.Health/List": ANYONE,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EITHER,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": EITHER,
}


def route_of(path: str) -> str | None:
    """The route that serves a path, as it is written in ROUTES; None where there is none."""
    if path in ROUTES:
        return path
    return STATIC if path.startswith(STATIC) else None
