"""The response types, for the OpenAPI document and the client; the service itself writes plain JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    # A newer service may send more fields than this client has.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class ReasonItem(_Frozen):
    """The contribution of one feature to a score."""

    code: str = Field(description="Name of the feature.")
    en: str
    ko: str
    contribution: float = Field(description="In log-odds; a positive contribution raised the risk.")


class PredictResponse(_Frozen):
    """The prediction of one loan."""

    prediction: Literal[0, 1] = Field(
        description="1 (default) when the probability is at least the threshold."
    )
    probability: float = Field(ge=0, le=1)
    threshold: float = Field(ge=0, le=1)
    reasons: tuple[ReasonItem, ...] = Field(
        description="Largest contribution first; empty when none were requested."
    )
    model_version: str
    request_id: str = Field(description="Identifies the request in the prediction log.")


class PredictBatchResponse(_Frozen):
    """The predictions in the order of the request, all by one model version."""

    predictions: tuple[PredictResponse, ...]
    model_version: str
    request_id: str


class WorkerState(_Frozen):
    """One worker: the version that the model registry names, the loaded version, and why they differ."""

    replica: str | None = Field(None, description="Host or pod, and HTTP port, of its service.")
    worker: str
    pid: int | None = None
    desired: str | None
    loaded: str | None
    error: str | None
    loaded_at: str | None = None
    seen_at: str | None = Field(None, description="When the database last heard of it.")


class ReloadResponse(_Frozen):
    """The living workers of all replicas after a reload; `outdated` names those without the desired version."""

    expected: int = Field(description="How many workers the replicas have, with those that are starting.")
    desired: str | None
    states: tuple[WorkerState, ...]
    outdated: tuple[str, ...]


class ProblemDetail(_Frozen):
    """One fault of a request."""

    field: str
    reason: str


class ProblemResponse(_Frozen):
    """Why a request failed; it holds no value of the request."""

    error: str
    code: str
    details: tuple[ProblemDetail, ...] = ()
