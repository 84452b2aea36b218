"""Predictions as they leave the model, before a transport writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loan_default_assets.model.reason_codes import ReasonCode

Channel = Literal["http", "grpc"]


@dataclass(frozen=True, slots=True)
class ScoredLoan:
    """The prediction of one loan. `reasons` is empty when none were requested."""

    prediction: int
    probability: float
    reasons: tuple[ReasonCode, ...]


@dataclass(frozen=True, slots=True)
class ScoredRequest:
    """The predictions of one request, all by the same model."""

    request_id: str
    model_version: str
    threshold: float
    loans: Sequence[ScoredLoan]
