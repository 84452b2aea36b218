"""The BentoML service: HTTP on its routes, and in the same process gRPC beside it.

BentoML imports it (`bento.service:LoanDefault`) in the supervisor and in every worker; `python -m bento` starts it.
Requests are checked and answers written here and not by BentoML, whose logs and errors quote what was sent.
"""

import gc
import time
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import bentoml
from pydantic import create_model
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from bento.access.api_keys import ConfigurationError, check
from bento.access.startup_checks import refuse_taken
from bento.http_api import serialization
from bento.http_api.endpoints import json_response, pages
from bento.http_api.middleware import HttpMiddleware
from bento.operations.prometheus_metrics import counter_of
from bento.packaging import pinned_tag, served_portfolio
from bento.schemas import openapi
from bento.schemas.problems import Refused
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import MOST_LOANS, RequestTypes
from bento.schemas.responses import PredictBatchResponse, PredictResponse, ReloadResponse
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

settings = Settings()
keys = check(settings)
types = RequestTypes(served_portfolio(settings))
parse_one = Parser(types.predict, types.portfolio, 1)
parse_many = Parser(types.predict_batch, types.portfolio, MOST_LOANS)


class Body(bentoml.IODescriptor):
    """A request that BentoML describes and does not read: the route is handed the bytes."""

    __root_input__: ClassVar[bool] = True

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        return await request.body()


class Nothing(Body):
    """A request without content."""


def described(model: Any) -> Any:
    """`model` as BentoML documents it, read as bytes."""
    return create_model(model.__name__, __base__=(Body, model))


async def answered(answer: Callable[[], Awaitable[bytes]]) -> Response:
    """The answer, or the problem that kept us from it."""
    try:
        return json_response(await answer())
    except Refused as refused:
        response = json_response(refused.problem.body(), refused.problem.status)
        if refused.problem.status == 503:
            response.headers["retry-after"] = "1"
        return response


def runtime() -> "Runtime":
    """The parts of this worker."""
    found: Runtime = bentoml.get_current_service().runtime
    return found


document = to_json(openapi.document(types))


class LeanService(bentoml.Service[Any]):
    """BentoML's service without two of its own layers, for which there is no setting.

    Its time limit starts a timer a request that is never cancelled, so that memory grows with the requests of the
    whole period; the gate has its own. Its tracing makes spans that nobody collects.
    """

    def to_asgi(self, is_main: bool = True) -> Any:
        app: Any = super().to_asgi(is_main)
        unwanted = {"TimeoutMiddleware", "OpenTelemetryMiddleware"}
        app.user_middleware = [each for each in app.user_middleware if each.cls.__name__ not in unwanted]
        return app


@bentoml.service(
    name="loan_default",
    service_class=LeanService,
    workers=settings.service_workers,
    http={"host": settings.service_host, "port": settings.service_http_port},
    # Counts are the gate's, and BentoML's lines of access name whatever path was asked for.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(pages(runtime, document), path="/")
class LoanDefault:
    """Loan decisions of the champion model."""

    @bentoml.on_deployment
    def prepare() -> None:
        """Once, in the supervisor: what would make every worker fail."""
        if settings.database_url is None:
            raise ConfigurationError("DATABASE_URL is not set; `python -m bento` starts a database by itself")
        refuse_taken(settings.service_host, settings.service_grpc_port, "SERVICE_GRPC_PORT")

    @bentoml.on_startup
    async def start(self) -> None:
        # The supervisor, which only watches the workers, does without the model's libraries.
        import torch

        from bento.operations.worker import Runtime

        torch.set_num_threads(1)
        self.runtime = Runtime(settings, types, keys, pinned_tag() or settings.service_model_tag)
        await self.runtime.start()
        # BentoML asks for the method at every request, and works its signature out again each time.
        for name in ("predict", "predict_batch", "reload_model"):
            setattr(self, name, getattr(self, name))
        # What is there now stays; without it the garbage collector looks through all of torch again and again.
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        await self.runtime.stop()

    def __is_ready__(self) -> bool:
        return self.runtime.ready

    @bentoml.api(route="/predict", input_spec=described(types.predict), output_spec=PredictResponse)
    async def predict(self, body: bytes, /) -> Response:
        """Scores one loan."""
        started = time.perf_counter()

        async def answer() -> bytes:
            loan = types.loan(parse_one.json(body), date.today())
            return serialization.one(await self.runtime.answer([loan], "http", started))

        return await answered(answer)

    @bentoml.api(
        route="/predict-batch", input_spec=described(types.predict_batch), output_spec=PredictBatchResponse
    )
    async def predict_batch(self, body: bytes, /) -> Response:
        """Scores up to 1,000 loans, all by one model version."""
        started = time.perf_counter()

        async def answer() -> bytes:
            today = date.today()
            loans = [types.loan(loan, today) for loan in parse_many.json(body).loans]
            return serialization.many(await self.runtime.answer(loans, "http", started))

        return await answered(answer)

    @bentoml.api(route="/reload-model", input_spec=Nothing, output_spec=ReloadResponse)
    async def reload_model(self, body: bytes, /) -> Response:
        """Has every worker take up the registry's champion; 202 names those that did not."""
        states = await self.runtime.reload()
        return json_response(to_json(states), 202 if states["laggards"] else 200)


# What the decorator made of the class, which its type does not say.
service: Any = LoanDefault
service.add_asgi_middleware(HttpMiddleware, settings=settings, keys=keys, count=counter_of("http"))
