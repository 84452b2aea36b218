"""A typed client for both transports; it needs neither the portfolio nor the model's libraries.

>>> with HttpClient("http://127.0.0.1:8000") as client:                                     # doctest: +SKIP
...     answer = client.predict(Loan({"region": "north"}, {"annual_income": 52_000}))
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
)

_REASONS = {"adverse": pb.REASONS_ADVERSE, "all": pb.REASONS_ALL, "none": pb.REASONS_NONE}


class ServiceError(Exception):
    """The service did not answer as asked. `code` is the service's word, or the transport's name of its status."""

    def __init__(self, code: str, message: str, details: Sequence[ProblemDetail] = ()) -> None:
        told = "; ".join([message, *(f"{each.field}: {each.reason}" for each in details)])
        super().__init__(f"{code}: {told}")
        self.code, self.details = code, tuple(details)


@dataclass(frozen=True)
class Loan:
    """One loan by the portfolio's column names; a column that is left out, or None, is missing."""

    categorical_features: Mapping[str, str | None] = field(default_factory=dict)
    numerical_features: Mapping[str, float | None] = field(default_factory=dict)
    date_features: Mapping[str, date | None] = field(default_factory=dict)
    as_of: date | None = None
    loan_id: str | None = None
    reasons: Literal["adverse", "all", "none"] = "adverse"

    def body(self) -> dict[str, Any]:
        """The JSON body; what only some portfolios have is left out when it is not given."""
        body: dict[str, Any] = {
            "categorical_features": dict(self.categorical_features),
            "numerical_features": dict(self.numerical_features),
            "reasons": self.reasons,
        }
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
    """Every method may raise ServiceError. `verify`: the certificate authority of a service with TLS."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 30.0, verify: Path | bool = True
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        trusted = ssl.create_default_context(cafile=verify) if isinstance(verify, Path) else verify
        self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout, verify=trusted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def predict(self, loan: Loan) -> PredictResponse:
        return PredictResponse.model_validate_json(self._ask("POST", "/predict", loan.body()))

    def predict_batch(self, loans: Sequence[Loan]) -> PredictBatchResponse:
        """Up to 1,000 loans, all scored by one model version."""
        body = {"loans": [loan.body() for loan in loans]}
        return PredictBatchResponse.model_validate_json(self._ask("POST", "/predict-batch", body))

    def model_info(self) -> dict[str, Any]:
        return dict(from_json(self._ask("GET", "/model-info")))

    def reload_model(self) -> ReloadResponse:
        """With an administration key; `laggards` is empty when every worker has the champion."""
        return ReloadResponse.model_validate_json(self._ask("POST", "/reload-model", {}))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise ServiceError("unreachable", f"{self._client.base_url}: {error}") from error
        if answer.is_success:
            return answer.content
        try:
            problem = ProblemResponse.model_validate_json(answer.content)
        except ValueError:
            raise ServiceError(str(answer.status_code), answer.reason_phrase) from None
        raise ServiceError(problem.code, problem.error, problem.details)


class GrpcClient:
    """The same over gRPC. `root`: the certificate authority (PEM) of a service with TLS; left out: no TLS."""

    def __init__(
        self, address: str, *, key: str | None = None, timeout: float = 30.0, root: Path | None = None
    ) -> None:
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(root.read_bytes()))
            if root
            else grpc.insecure_channel(address)
        )
        self._stub = pb_grpc.LoanDefaultStub(self._channel)
        self._options = {"timeout": timeout, "metadata": [("authorization", f"Bearer {key}")] if key else []}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def predict(self, loan: Loan) -> PredictResponse:
        return _response(self._ask(self._stub.Predict, loan.message()))

    def predict_batch(self, loans: Sequence[Loan]) -> PredictBatchResponse:
        """Up to 1,000 loans, all scored by one model version."""
        request = pb.PredictBatchRequest(loans=[loan.message() for loan in loans])
        answer = self._ask(self._stub.PredictBatch, request)
        return PredictBatchResponse(
            predictions=tuple(map(_response, answer.predictions)),
            model_version=answer.model_version,
            request_id=answer.request_id,
        )

    def model_info(self) -> dict[str, Any]:
        return dict(from_json(self._ask(self._stub.ModelInfo, pb.ModelInfoRequest()).json))

    def _ask(self, method: Any, message: Any) -> Any:
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
