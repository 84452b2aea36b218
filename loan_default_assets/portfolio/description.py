"""The parts of a portfolio: where its rows are, what the outcome is, and what a column holds."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def category_values(values: Any) -> Any:
    """Category values as text: YAML's numbers and booleans are codes, not quantities."""
    if not isinstance(values, list | tuple):
        return values
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values if v is not None)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where the rows are; the options from `signal` on steer the generator.

    `delimiter` is the CSV's. A `query` may use the bind parameters :start and :end (first day, day after
    the last).
    """

    kind: Literal["csv", "parquet", "sql", "synthetic"]
    path: str | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    url: str | None = None
    query: str | None = None
    signal: Literal["strong", "weak"] = "strong"
    rows_per_day: int = Field(80, ge=1)
    seed: int = Field(0, ge=0)
    drift_from: date | None = None
    history_days: int = Field(240, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"csv": ("path",), "parquet": ("path",), "sql": ("url", "query"), "synthetic": ()}[self.kind]
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"kind {self.kind} needs {' and '.join(missing)}")
        return self


class Label(Frozen):
    """The outcome column; an empty cell is a loan without an outcome yet.

    The outcome is known `horizon_days` after as_of, or on the date in the column `observed_at`.
    """

    column: str
    positive: str | int = 1
    negative: str | int = 0
    horizon_days: int | None = Field(None, ge=0)
    observed_at: str | None = None

    @model_validator(mode="after")
    def _two_values(self) -> Self:
        if str(self.positive) == str(self.negative):
            raise ValueError("positive and negative are the same value")
        if self.horizon_days is not None and self.observed_at is not None:
            raise ValueError("give horizon_days or observed_at, not both")
        return self


class Column(Frozen):
    """One column of the source. `format` is how a date is written (strptime), ISO 8601 when left out."""

    kind: Literal["number", "category", "date", "text"]
    min: float | None = Field(None, allow_inf_nan=False)
    max: float | None = Field(None, allow_inf_nan=False)
    integer: bool = False
    values: Annotated[tuple[str, ...] | None, BeforeValidator(category_values)] = None
    nullable: bool = False
    unseen: Literal["allow", "forbid"] = "allow"
    format: str | None = None
    unit: str | None = None
    describe: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        belongs = {"number": {"min", "max", "integer"}, "category": {"values", "unseen"}, "date": {"format"}}
        given = self.model_dump(exclude_defaults=True).keys()
        for kind, options in belongs.items():
            if kind != self.kind and (odd := options & given):
                raise ValueError(f"{', '.join(sorted(odd))}: only for kind {kind}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        if self.kind == "category":
            if not self.values:
                raise ValueError("kind category needs values")
            if len(set(self.values)) < len(self.values) or any(v != v.strip() or not v for v in self.values):
                raise ValueError("values must be different, not empty, and without blanks around them")
            if len(self.values) > 30_000:
                raise ValueError("more than 30000 values: make it kind text")
        return self
