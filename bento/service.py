"""The BentoML service: the HTTP routes, with gRPC in the same process.

BentoML imports it (`bento.service:LoanDefault`) in the supervisor and in every worker; `python -m bento` starts it.
Requests are parsed and responses written here and not by BentoML, whose logs and errors quote the request; see
docs/decisions/http-middleware-and-openapi.md.
"""

import asyncio
import gc
import time
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import bentoml
from pydantic import create_model
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from bento.access.api_keys import ConfigurationError
from bento.access.startup_checks import check, require_free_port
from bento.console.console_routes import ConsoleRoutes
from bento.http_api import header_limits, serialization
from bento.http_api.answers import respond
from bento.http_api.approval_routes import approval_routes
from bento.http_api.decision_routes import decision_routes
from bento.http_api.endpoints import read_only_app
from bento.http_api.middleware import HttpMiddleware
from bento.operations import bentoml_internals
from bento.operations.prometheus_metrics import counter_of
from bento.packaging import pinned_tag, served_portfolio
from bento.schemas import openapi
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import MOST_LOANS, RequestTypes
from bento.schemas.responses import PredictBatchResponse, PredictResponse, ReloadResponse
from loan_default_assets.garbage import collect_rarely
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.private_files import restrict_new_files
from loan_default_assets.process_output import keep_values_out, report_loop_error
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

settings = Settings()
keys = check(settings)
copies = artifact_cache(settings)
types = RequestTypes(served_portfolio(settings))
parse_one = Parser(types.predict, types.portfolio, 1)
parse_many = Parser(types.predict_batch, types.portfolio, MOST_LOANS)


class Body(bentoml.IODescriptor):
    """The body of a request as bytes, which BentoML documents and does not parse."""

    __root_input__: ClassVar[bool] = True

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        """The body of the request."""
        return await request.body()


class NoContent(Body):
    """A request without content."""


def documented(model: Any) -> Any:
    """A type that BentoML documents like `model` and does not parse."""
    return create_model(model.__name__, __base__=(Body, model))


def runtime() -> "Runtime":
    """The parts of this worker."""
    worker: Runtime = bentoml.get_current_service().runtime
    return worker


document = to_json(openapi.document(types))


class LeanService(bentoml.Service[Any]):
    """BentoML's service without its own time limit and tracing, for which it has no setting."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The ASGI application."""
        app: Any = super().to_asgi(is_main)
        bentoml_internals.remove_unused_middleware(app)
        return app


@bentoml.service(
    name="loan_default",
    service_class=LeanService,
    workers=settings.service_workers,
    http={"host": settings.service_host, "port": settings.service_http_port},
    # The middleware counts requests, and BentoML's access log would contain the requested paths.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(
    read_only_app(
        runtime,
        document,
        keys,
        settings.artifact_folder,
        copies.refresh_report if copies else None,
        [
            *ConsoleRoutes(runtime, types, keys, None if copies else settings.artifact_folder).routes(),
            *decision_routes(runtime, keys, types.portfolio),
            *approval_routes(runtime, keys, types.portfolio),
        ],
    ),
    path="/",
)
class LoanDefault:
    """Predictions of the champion model."""

    @bentoml.on_deployment
    def prepare() -> None:
        """Check once, in the supervisor, the conditions without which every worker would fail."""
        if settings.database_url is None:
            raise ConfigurationError(
                "DATABASE_URL is not set: set it, or use `python -m bento`, which starts a database"
            )
        require_free_port(settings.service_host, settings.service_grpc_port, "SERVICE_GRPC_PORT")
        Database(settings.database_url.get_secret_value(), types.portfolio.name).refuse_newer()

    @bentoml.on_startup
    async def start(self) -> None:
        """Start the parts of this worker."""
        keep_values_out()
        restrict_new_files()
        collect_rarely()
        asyncio.get_running_loop().set_exception_handler(report_loop_error)
        # Importing makes a million objects that stay: no garbage is searched among them.
        gc.disable()
        # Imported here because the supervisor does not need the model's libraries.
        import torch

        from bento.operations.worker import Runtime

        torch.set_num_threads(1)
        self.runtime = Runtime(settings, types, keys, pinned_tag() or settings.service_model_tag)
        await self.runtime.start()
        # BentoML looks the method up at every request and computes its signature each time.
        for name in ("predict", "predict_batch", "reload_model"):
            setattr(self, name, getattr(self, name))
        # Otherwise every garbage collection examines all objects of torch. A search before it takes a quarter of a
        # second for one object in a hundred.
        gc.freeze()
        gc.enable()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Stop the parts of this worker."""
        await self.runtime.stop()

    def __is_ready__(self) -> bool:
        return self.runtime.ready

    @bentoml.api(route="/predict", input_spec=documented(types.predict), output_spec=PredictResponse)
    async def predict(self, body: bytes, /) -> Response:
        """Score one loan."""
        started = time.perf_counter()

        async def work() -> tuple[bytes, int]:
            loan = types.loan(parse_one.json(body), date.today())
            return serialization.one(await self.runtime.score([loan], "http", started)), 200

        return await respond("/predict", work)

    @bentoml.api(
        route="/predict-batch", input_spec=documented(types.predict_batch), output_spec=PredictBatchResponse
    )
    async def predict_batch(self, body: bytes, /) -> Response:
        """Score up to 1,000 loans, all by one model version."""
        started = time.perf_counter()

        async def work() -> tuple[bytes, int]:
            today = date.today()
            loans = [types.loan(loan, today) for loan in parse_many.json(body).loans]
            return serialization.many(await self.runtime.score(loans, "http", started)), 200

        return await respond("/predict-batch", work)

    @bentoml.api(route="/reload-model", input_spec=NoContent, output_spec=ReloadResponse)
    async def reload_model(self, body: bytes, /) -> Response:
        """Let every worker of every replica load the champion; status 202 when some are outdated."""

        async def work() -> tuple[bytes, int]:
            states = await self.runtime.reload()
            return to_json(states), 202 if states["outdated"] else 200

        return await respond("/reload-model", work)


# The decorator turns the class into a service, which its type hint does not show.
service: Any = LoanDefault
bentoml_internals.ignore_forwarded_headers()
bentoml_internals.use_http_protocol(header_limits.protocol(settings))
service.add_asgi_middleware(HttpMiddleware, settings=settings, keys=keys, count=counter_of("http"))
