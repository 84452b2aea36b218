"""The answers as types, for the OpenAPI document and the client; the service itself writes plain JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    # A newer service may say more than this client knows.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Reason(_Frozen):
    """One feature's part in this very score."""

    code: str = Field(description="The feature.")
    en: str
    ko: str
    contribution: float = Field(description="In log-odds; above zero it raised the risk.")


class PredictResponse(_Frozen):
    """One scored loan."""

    prediction: Literal[0, 1] = Field(
        description="1, default, when the probability is not below the threshold."
    )
    probability: float = Field(ge=0, le=1)
    threshold: float = Field(ge=0, le=1)
    reasons: tuple[Reason, ...] = Field(description="The weightiest first; empty when none were asked for.")
    model_version: str
    request_id: str = Field(description="Names the answer in the journal.")


class PredictBatchResponse(_Frozen):
    """The scored loans in the order of the request, all by one model version."""

    predictions: tuple[PredictResponse, ...]
    model_version: str
    request_id: str


class WorkerState(_Frozen):
    """One worker: the version the registry wants, the one it answers with, and why they differ."""

    worker: str
    desired: str | None
    loaded: str | None
    error: str | None
    loaded_at: str | None


class ReloadResponse(_Frozen):
    """The workers after a reload; `laggards` names those that do not answer with the desired version."""

    expected: int = Field(description="How many workers the service has.")
    desired: str | None
    states: tuple[WorkerState, ...]
    laggards: tuple[str, ...]


class ProblemDetail(_Frozen):
    """One fault of a request."""

    field: str
    reason: str


class ProblemResponse(_Frozen):
    """Why a request was not answered; it holds no value of the request."""

    error: str
    code: str
    details: tuple[ProblemDetail, ...] = ()
