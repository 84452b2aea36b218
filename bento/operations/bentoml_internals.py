"""The private parts of BentoML that the service needs, and why; see docs/decisions/bentoml-internals.md.

Everything is imported where it is used, since importing BentoML is slow.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

# BentoML's time limit starts a timer per request that is never cancelled, so memory grows with the requests of a whole
# period; the service's own middleware has a limit. Its tracing makes spans that are never exported.
UNUSED_MIDDLEWARE = frozenset({"TimeoutMiddleware", "OpenTelemetryMiddleware"})


def set_metrics_folder(folder: Path) -> None:
    """Let the workers share their counts in `folder`, which BentoML empties at start.

    BentoML's default is one folder for all services, and it overwrites PROMETHEUS_MULTIPROC_DIR at start.
    """
    from bentoml._internal.configuration.containers import BentoMLContainer

    folder.mkdir(parents=True, exist_ok=True)
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))


def new_model(tag: str, *, store: Path, labels: dict[str, str]) -> Any:
    """`bentoml.models.create` for a store other than the process's own, which is fixed when BentoML is imported."""
    import bentoml
    from bentoml._internal.models import ModelStore

    return bentoml.models.create(tag, labels=labels, _model_store=ModelStore(str(store / "models")))


def use_http_protocol(protocol: type[Any]) -> None:
    """Let the uvicorn that BentoML starts next use this protocol; BentoML passes no protocol on."""
    import uvicorn.config
    import uvicorn.protocols.http.auto as auto

    vars(auto)["AutoHTTPProtocol"] = protocol
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{auto.__name__}:AutoHTTPProtocol"


def delete_bento(tag: str, *, store: Path) -> None:
    """`bentoml.bentos.delete` for a store other than the process's own, also where it or a neighbour is damaged.

    BentoML reads the neighbours after the deletion, to find the newest.
    """
    import bentoml
    from bentoml._internal.bento import BentoStore

    with suppress(bentoml.exceptions.BentoMLException):
        bentoml.bentos.delete(tag, _bento_store=BentoStore(str(store / "bentos")))


def delete_model(tag: str, *, store: Path) -> None:
    """`bentoml.models.delete` for a store other than the process's own, also where it or a neighbour is damaged.

    BentoML reads the neighbours after the deletion, to find the newest.
    """
    import bentoml
    from bentoml._internal.models import ModelStore

    with suppress(bentoml.exceptions.BentoMLException):
        bentoml.models.delete(tag, _model_store=ModelStore(str(store / "models")))


def remove_unused_middleware(app: Any) -> None:
    """Remove from BentoML's application the layers for which it has no setting."""
    app.user_middleware = [each for each in app.user_middleware if each.cls.__name__ not in UNUSED_MIDDLEWARE]


def skip_uv_lookup() -> None:
    """Keep `bentoml.build` from installing uv over the network.

    BentoML looks for uv before it knows whether packages are to be locked. Nothing is locked here, so uv never runs.
    """
    import bentoml._internal.configuration as configuration

    vars(configuration)["get_uv_command"] = lambda: ["uv"]
