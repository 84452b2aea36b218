"""Request and responses on promotions that wait for approvals."""

from pydantic import Field

from bento.schemas.requests import Strict


class ApprovalRequest(Strict):
    """The approval of one person."""

    proposal: int = Field(
        ge=1, description="Number of the proposal that was looked at, as in GET /promotions."
    )
    reason: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
        description="Why; recorded for good, so without anything about an applicant.",
    )


class WarningResponse(Strict):
    """What a reader of a verdict must know besides."""

    kind: str
    text: str = Field(description="The recorded sentence, with its figures and the next step.")


class PromotionResponse(Strict):
    """A promotion that waits, or that has its approvals and is carried out by the chain within a minute."""

    proposal: int
    version: str
    champion: str | None = Field(description="The present champion.")
    proposed_by: str
    proposed_at: str
    reason: str
    approved_by: list[str]
    required: int
    missing: int = Field(description="People who are still to approve; at 0 the chain promotes.")
    verdict: str | None = Field(description="Of the newest evaluation.")
    f1: float | None = Field(description="Of the newest evaluation.")
    warnings: list[WarningResponse] = Field(description="On that verdict; as in GET /model-info.")


class PromotionsResponse(Strict):
    """The promotions that wait, the oldest first."""

    promotions: list[PromotionResponse]
