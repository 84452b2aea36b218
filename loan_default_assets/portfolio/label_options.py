"""The label of a portfolio: which values of the outcome column are a default, and when the outcome is known."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def texts_of_values(values: Any) -> Any:
    """Category values as text: YAML's numbers and booleans are codes, not quantities."""
    if not isinstance(values, list | tuple):
        return values
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values if v is not None)


def _outcome_values(values: Any) -> Any:
    """One value as it is, booleans as text, a list as texts."""
    if isinstance(values, bool):
        return str(values).lower()
    if isinstance(values, list | tuple) and not values:
        raise ValueError("give at least one value")
    return texts_of_values(values)


OutcomeTexts = Annotated[tuple[str, ...], BeforeValidator(texts_of_values)]
OutcomeValues = Annotated[str | int | tuple[str, ...], BeforeValidator(_outcome_values)]


class Label(BaseModel):
    """The outcome column; an empty cell, or a value of `pending`, is a loan without an outcome yet.

    `positive` is the value, or the list of values, that is a default, `negative` that of a loan without default; with
    `at_least`, a number from that threshold on is a default and every other number is none. The outcome is known
    `horizon_days` after as_of, or on the date in the column `observed_at`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    positive: OutcomeValues = 1
    negative: OutcomeValues = 0
    pending: OutcomeTexts = ()
    at_least: float | None = Field(None, allow_inf_nan=False)
    horizon_days: int | None = Field(None, ge=0)
    observed_at: str | None = None

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        if both := sorted(set(self.positives) & set(self.negatives)):
            raise ValueError(f"positive and negative are the same value, {both[0]!r}")
        if both := sorted(set(self.pending) & {*self.positives, *self.negatives}):
            raise ValueError(f"pending: {both[0]!r} is a value of positive or negative too")
        if self.at_least is not None and {"positive", "negative"} & self.model_fields_set:
            raise ValueError("give at_least, or positive and negative, not both")
        if self.horizon_days is not None and self.observed_at is not None:
            raise ValueError("give horizon_days or observed_at, not both")
        return self

    @property
    def positives(self) -> tuple[str, ...]:
        """The values of a default, as texts."""
        return self.positive if isinstance(self.positive, tuple) else (str(self.positive),)

    @property
    def negatives(self) -> tuple[str, ...]:
        """The values of a loan without default, as texts."""
        return self.negative if isinstance(self.negative, tuple) else (str(self.negative),)

    @property
    def default_text(self) -> str:
        """What counts as a default: `2`, `Charged Off or Default`, `at least 90`."""
        return " or ".join(self.positives) if self.at_least is None else f"at least {self.at_least:g}"
