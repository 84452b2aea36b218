"""Answers, as they leave the model and before a transport writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loan_default_assets.model.reason_codes import Reason

Channel = Literal["http", "grpc"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One scored loan. `reasons` is empty when none were asked for."""

    prediction: int
    probability: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered request: every loan by the same model."""

    request_id: str
    model_version: str
    threshold: float
    answers: Sequence[Answer]
