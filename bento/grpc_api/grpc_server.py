"""The gRPC server of a worker: the typed service, health and reflection; see docs/decisions/grpc-server.md."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from bento.access.api_keys import Keys
from bento.access.client_address import ClientAddresses, networks
from bento.access.rate_limit import RateLimit
from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.grpc_api.conversion import model_info, reloaded, responses, values
from bento.grpc_api.health_service import HealthService
from bento.grpc_api.interceptor import Interceptor, abort
from bento.inference.engine import Engine
from bento.operations.error_location import unexpected
from bento.operations.prometheus_metrics import counter_of
from bento.schemas import problems
from bento.schemas.problems import Detail, Refused
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import MOST_LOANS, RequestTypes
from loan_default_assets.ports import with_port
from loan_default_assets.settings import Settings

logger = logging.getLogger("bentoml.loan_default.grpc")

SERVICE = pb.DESCRIPTOR.services_by_name["LoanDefault"].full_name
Gather = Callable[[], Awaitable[Mapping[str, Any]]]
Reload = Callable[[], Awaitable[Mapping[str, Any]]]


class GrpcService(pb_grpc.LoanDefaultServicer):
    """Checks messages as HTTP bodies are checked, and scores them with the same engine.

    Args:
        engine: Scores the loans.
        types: The request types of the portfolio.
        gather: Returns the content of /model-info.
        reload: Reloads the model, and returns the content of the response of /reload-model.
    """

    def __init__(self, engine: Engine, types: RequestTypes, gather: Gather, reload: Reload) -> None:
        self._engine, self._types, self._gather, self._reload = engine, types, gather, reload
        self._one = Parser(types.predict, types.portfolio, 1)
        self._many = Parser(types.predict_batch, types.portfolio, MOST_LOANS)
        self._dated = "date_features" in types.predict.model_fields
        self._count = counter_of("grpc")

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        """Score one loan."""
        return await self._call("Predict", context, self._predict, request)

    async def PredictBatch(self, request: pb.PredictBatchRequest, context: Any) -> pb.PredictBatchResponse:
        """Score up to 1,000 loans, all by one model version."""
        return await self._call("PredictBatch", context, self._predict_batch, request)

    async def ModelInfo(self, request: pb.ModelInfoRequest, context: Any) -> pb.ModelInfoResponse:
        """The served model, its evaluation, and the workers."""
        return await self._call("ModelInfo", context, self._model_info, request)

    async def ReloadModel(self, request: pb.ReloadModelRequest, context: Any) -> pb.ReloadModelResponse:
        """Let every worker of every replica load the champion now."""
        return await self._call("ReloadModel", context, self._reload_model, request)

    async def _predict(self, request: pb.PredictRequest, started: float) -> pb.PredictResponse:
        loan = self._types.loan(self._one.values(values(request, dated=self._dated)), date.today())
        return responses(await self._engine.score([loan], "grpc", started))[0]

    async def _predict_batch(
        self, request: pb.PredictBatchRequest, started: float
    ) -> pb.PredictBatchResponse:
        if len(request.loans) > MOST_LOANS:
            fault = Detail("loans", f"holds more than {MOST_LOANS} loans")
            raise Refused(problems.INVALID.with_details([fault]))
        valid = self._many.values({"loans": [values(loan, dated=self._dated) for loan in request.loans]})
        today = date.today()
        loans = [self._types.loan(loan, today) for loan in valid.loans]
        scored = await self._engine.score(loans, "grpc", started)
        return pb.PredictBatchResponse(
            predictions=responses(scored),
            model_version=scored.model_version,
            request_id=scored.request_id,
        )

    async def _model_info(self, request: pb.ModelInfoRequest, started: float) -> pb.ModelInfoResponse:
        return model_info(await self._gather())

    async def _reload_model(self, request: pb.ReloadModelRequest, started: float) -> pb.ReloadModelResponse:
        return reloaded(await self._reload())

    async def _call(
        self, name: str, context: Any, work: Callable[[Any, float], Awaitable[Any]], request: Any
    ) -> Any:
        started, status = time.perf_counter(), "CANCELLED"
        try:
            response = await work(request, started)
            status = "OK"
            return response
        except Refused as refused:
            problem = refused.problem
        except Exception as error:  # noqa: BLE001 - the text of an error may quote the request
            problem = unexpected(logger, name, error)
        finally:
            self._count(f"/{SERVICE}/{name}", status, time.perf_counter() - started)
        await abort(context, problem)


class GrpcServer:
    """The server of one worker; its health status is NOT_SERVING while there is no model.

    Args:
        servicer: The typed service.
        settings: Address, certificate and limits.
        keys: The API keys.
    """

    def __init__(self, servicer: GrpcService, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        count = counter_of("grpc")
        rate = RateLimit(settings.service_rate_limit / settings.service_workers)
        addresses = ClientAddresses(networks(settings.trusted_proxies))
        interceptor = Interceptor(keys, lambda method, status: count(method, status, 0.0), rate, addresses)
        self._server = grpc.aio.server(
            interceptors=[interceptor],
            maximum_concurrent_rpcs=-(-settings.service_max_concurrency // settings.service_workers),
            options=[
                ("grpc.so_reuseport", int(settings.service_workers > 1)),
                ("grpc.max_receive_message_length", settings.service_max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", settings.service_max_header_bytes),
                ("grpc.absolute_max_metadata_size", settings.service_max_header_bytes),
                ("grpc.server_handshake_timeout_ms", int(1000 * settings.service_header_seconds)),
                # The connection of a client that is gone without a word is closed.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                # A channel stays with its first worker; after its end the kernel chooses a worker again.
                ("grpc.max_connection_age_ms", 300_000),
            ],
        )
        pb_grpc.add_LoanDefaultServicer_to_server(servicer, self._server)
        self._health = HealthService()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflected = reflection.aio.ReflectionServicer(names)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflected, self._server)

    async def start(self) -> None:
        """Open the port.

        Raises:
            RuntimeError: The port is in use.
        """
        address = with_port(self._settings.service_host, self._settings.service_grpc_port)
        certificate, key = self._settings.service_tls_certificate, self._settings.service_tls_key
        if certificate and key:
            pair = (key.read_bytes(), certificate.read_bytes())
            self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            self._server.add_insecure_port(address)
        await self._server.start()

    async def set_serving(self, ready: bool) -> None:
        """Set the status of the health service."""
        status = (
            health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in ("", SERVICE):
            await self._health.set(name, status)

    async def stop(self, seconds: float) -> None:
        """Refuse new calls and let those in flight complete, for at most `seconds`."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(seconds)
