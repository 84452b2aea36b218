"""Requests and responses on a recorded decision: rescoring with corrected data, and an override."""

from typing import Any, Literal

from pydantic import Field

from bento.schemas.requests import Strict
from loan_default_assets.policy.override_reasons import OVERRIDE_REASONS

Position = Field(0, ge=0, le=1_000_000, description="Application of the request, from 0.")
ReasonCode = Literal[OVERRIDE_REASONS]  # type: ignore[valid-type]


class RescoreRequest(Strict):
    """Corrected values with which the model that decided scores the application again."""

    position: int = Position
    # The values are checked against the portfolio, whose errors do not quote them.
    corrections: dict[str, Any] = Field(
        min_length=1, max_length=1000, description="Number, text, ISO date or null by column."
    )


class OverrideRequest(Strict):
    """The decision of an underwriter instead of that of the model."""

    position: int = Position
    decision: int = Field(ge=0, le=1, description="1 refuses the application, 0 approves it.")
    reason: ReasonCode = Field(description="Reason code.")


class OverrideResponse(Strict):
    """The recorded override."""

    request_id: str
    position: int
    decision: Literal[0, 1]
    decision_before: Literal[0, 1]
    decision_of_model: Literal[0, 1]
    reason: str
    model_version: str
    recorded_by: str = Field(description="`key:` and the id of the key.")
    recorded_at: str
