"""A typed client for both transports, which needs neither the portfolio nor the model's libraries.

Example:
    with HttpClient("http://127.0.0.1:8000") as client:
        response = client.predict(Loan({"region": "north"}, {"annual_income": 52_000}))
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import grpc
import httpx
from pydantic_core import from_json

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.schemas.responses import (
    PredictBatchResponse,
    PredictResponse,
    ProblemDetail,
    ProblemResponse,
    ReloadResponse,
    WorkerState,
)
from loan_default_assets.ports import is_loopback

_REASONS = {"adverse": pb.REASONS_ADVERSE, "all": pb.REASONS_ALL, "none": pb.REASONS_NONE}


class ServiceError(Exception):
    """The service refused a request or cannot be reached.

    Attributes:
        code: The service's error code, or the transport's name of the status.
        details: The faults of the request.
    """

    def __init__(self, code: str, message: str, details: Sequence[ProblemDetail] = ()) -> None:
        text = "; ".join([message, *(f"{each.field}: {each.reason}" for each in details)])
        super().__init__(f"{code}: {text}")
        self.code, self.details = code, tuple(details)


@dataclass(frozen=True)
class Loan:
    """One loan by the portfolio's column names; an omitted column, or None, is a missing value."""

    categorical_features: Mapping[str, str | None] = field(default_factory=dict)
    numerical_features: Mapping[str, float | None] = field(default_factory=dict)
    date_features: Mapping[str, date | None] = field(default_factory=dict)
    as_of: date | None = None
    loan_id: str | None = None
    reasons: Literal["adverse", "all", "none"] = "adverse"

    def body(self) -> dict[str, Any]:
        """The JSON body.

        >>> Loan({"region": "north"}, {"income": 52_000.0}).body()["numerical_features"]
        {'income': 52000.0}
        """
        body: dict[str, Any] = {
            "categorical_features": dict(self.categorical_features),
            "numerical_features": dict(self.numerical_features),
            "reasons": self.reasons,
        }
        # Fields that only some portfolios have are omitted when they are empty.
        if self.date_features:
            body["date_features"] = {n: day and day.isoformat() for n, day in self.date_features.items()}
        if self.as_of:
            body["as_of"] = self.as_of.isoformat()
        if self.loan_id is not None:
            body["loan_id"] = self.loan_id
        return body

    def message(self) -> pb.PredictRequest:
        """The gRPC message."""
        return pb.PredictRequest(
            categorical_features=_present(self.categorical_features),
            numerical_features=_present(self.numerical_features),
            date_features={name: day.isoformat() for name, day in _present(self.date_features).items()},
            as_of=self.as_of.isoformat() if self.as_of else None,
            loan_id=self.loan_id,
            reasons=_REASONS[self.reasons],
        )


class HttpClient:
    """Requests over HTTP. Every method may raise ServiceError.

    Args:
        url: Such as http://127.0.0.1:8000.
        key: The API key.
        timeout: Seconds per request.
        verify: The certificate authority (PEM file) of a service with TLS; False: no verification.
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 30.0, verify: Path | bool = True
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        trusted = ssl.create_default_context(cafile=verify) if isinstance(verify, Path) else verify
        host = httpx.URL(url).host
        direct = {f"all://[{host}]" if ":" in host else f"all://{host}": None}
        self._client = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=timeout,
            verify=trusted,
            mounts=direct if _on_this_machine(host) else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def predict(self, loan: Loan) -> PredictResponse:
        """Score one loan."""
        return PredictResponse.model_validate_json(self._send("POST", "/predict", loan.body()))

    def predict_batch(self, loans: Sequence[Loan]) -> PredictBatchResponse:
        """Score up to 1,000 loans, all by one model version."""
        body = {"loans": [loan.body() for loan in loans]}
        return PredictBatchResponse.model_validate_json(self._send("POST", "/predict-batch", body))

    def model_info(self) -> dict[str, Any]:
        """The served model, its evaluation, retraining state, and workers."""
        return dict(from_json(self._send("GET", "/model-info")))

    def reload_model(self) -> ReloadResponse:
        """Let every worker of every replica load the champion; needs an administration key if the service has keys.

        Returns:
            The workers; `outdated` is empty when every worker serves the champion.
        """
        return ReloadResponse.model_validate_json(self._send("POST", "/reload-model", {}))

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise ServiceError("unreachable", f"{self._client.base_url}: {error}") from error
        if response.is_success:
            return response.content
        try:
            problem = ProblemResponse.model_validate_json(response.content)
        except ValueError:
            raise ServiceError(str(response.status_code), response.reason_phrase) from None
        raise ServiceError(problem.code, problem.error, problem.details)


class GrpcClient:
    """Requests over gRPC. Every method may raise ServiceError.

    Args:
        address: Such as 127.0.0.1:50051.
        key: The API key.
        timeout: Seconds per request.
        root: The certificate authority (PEM file) of a service with TLS; no TLS when omitted.
    """

    def __init__(
        self, address: str, *, key: str | None = None, timeout: float = 30.0, root: Path | None = None
    ) -> None:
        proxies = not _on_this_machine(address.rpartition(":")[0].strip("[]"))
        options = (("grpc.enable_http_proxy", int(proxies)),)
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(root.read_bytes()), options)
            if root
            else grpc.insecure_channel(address, options)
        )
        self._stub = pb_grpc.LoanDefaultStub(self._channel)
        self._options = {"timeout": timeout, "metadata": [("authorization", f"Bearer {key}")] if key else []}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def predict(self, loan: Loan) -> PredictResponse:
        """Score one loan."""
        return _response(self._send(self._stub.Predict, loan.message()))

    def predict_batch(self, loans: Sequence[Loan]) -> PredictBatchResponse:
        """Score up to 1,000 loans, all by one model version."""
        request = pb.PredictBatchRequest(loans=[loan.message() for loan in loans])
        batch = self._send(self._stub.PredictBatch, request)
        return PredictBatchResponse(
            predictions=tuple(map(_response, batch.predictions)),
            model_version=batch.model_version,
            request_id=batch.request_id,
        )

    def model_info(self) -> dict[str, Any]:
        """The served model, its evaluation, retraining state, and workers."""
        return dict(from_json(self._send(self._stub.ModelInfo, pb.ModelInfoRequest()).json))

    def reload_model(self) -> ReloadResponse:
        """Let every worker of every replica load the champion; needs an administration key if the service has keys.

        Returns:
            The workers; `outdated` is empty when every worker serves the champion.
        """
        made = self._send(self._stub.ReloadModel, pb.ReloadModelRequest())
        states = [
            WorkerState(
                replica=worker.replica,
                worker=worker.worker,
                desired=worker.desired_version or None,
                loaded=worker.loaded_version or None,
                error=worker.error or None,
            )
            for worker in made.workers
        ]
        return ReloadResponse(
            expected=made.expected,
            desired=made.desired_version or None,
            states=tuple(states),
            outdated=tuple(made.outdated),
        )

    def _send(self, method: Any, message: Any) -> Any:
        try:
            return method(message, **self._options)
        except grpc.RpcError as error:
            raise ServiceError(error.code().name, error.details() or "") from error


def _response(message: pb.PredictResponse) -> PredictResponse:
    reasons = [{n: getattr(r, n) for n in ("code", "en", "ko", "contribution")} for r in message.reasons]
    names = ("prediction", "probability", "threshold", "model_version", "request_id")
    return PredictResponse.model_validate({n: getattr(message, n) for n in names} | {"reasons": reasons})


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _on_this_machine(host: str) -> bool:
    """Whether requests stay on this machine, and therefore never go through a proxy of the environment."""
    return host == "localhost" or is_loopback(host)
