"""How a column's cells are written: the keys of a portfolio's column for numbers, dates and missing values."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator

from loan_default_assets.portfolio.ingest.date_parsing import check_date_format

NUMBER_OPTIONS = frozenset({"decimal", "thousands", "affixes", "multipliers", "negative", "replace"})

_Thousands = Literal[",", ".", " ", "'", "_"]
# Blanks of any width and both apostrophes are read alike.
_SAME_THOUSANDS = dict.fromkeys(["\u00a0", "\u202f", "\u2009", "space"], " ") | {"\u2019": "'"}


def _one_mark(value: Any) -> Any:
    return _SAME_THOUSANDS.get(value, value) if isinstance(value, str) else value


def _mark(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _marks(values: Any) -> Any:
    """A list of texts, numbers and dates as texts; a single one is a list of one."""
    if values is None:
        return ()
    return tuple(map(_mark, values if isinstance(values, list | tuple) else (values,)))


def _pairs(values: Any) -> Any:
    """A mapping as pairs, which are immutable."""
    return (
        tuple((_mark(key), value) for key, value in values.items()) if isinstance(values, Mapping) else values
    )


Marks = Annotated[tuple[str, ...], BeforeValidator(_marks)]
NumberByText = Annotated[tuple[tuple[str, float], ...], BeforeValidator(_pairs)]


class CellOptions(BaseModel):
    """How the cells of one column are written.

    `decimal` and `thousands` are the separators of numbers; `affixes` are texts around a number that are removed;
    `multipliers` are units after a number with their factor (several units in one cell, each smaller than the one
    before, are added up: `5yrs 3mon` with {yrs: 12, mon: 1} is 63); `negative` are the ways a negative number is
    written apart from a leading minus: (1,234) and 1234-; `replace` gives the number of a text. `missing` lists texts
    (in any case), numbers and dates that mean that the cell is missing. `format` is how dates are written, ISO 8601
    when omitted: see `ingest.date_parsing`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decimal: Literal[".", ","] = "."
    thousands: Annotated[_Thousands | None, BeforeValidator(_one_mark)] = None
    affixes: Marks = ()
    multipliers: NumberByText = ()
    negative: tuple[Literal["parentheses", "trailing"], ...] = ()
    replace: NumberByText = ()
    missing: Marks = ()
    format: str | None = None

    @field_validator("format")
    @classmethod
    def _is_date_format(cls, text: str | None) -> str | None:
        return check_date_format(text)

    @field_validator("multipliers", "replace")
    @classmethod
    def _are_finite(cls, pairs: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
        for text, number in pairs:
            if not text.strip() or not math.isfinite(number):
                raise ValueError(f"{text!r}: give a text and a finite number")
        return pairs

    @model_validator(mode="after")
    def _are_unambiguous(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same character")
        if any(not affix.strip() or any(c.isdigit() for c in affix) for affix in self.affixes):
            raise ValueError("affixes must be texts without digits")
        if any(factor <= 0 for _, factor in self.multipliers):
            raise ValueError("multipliers must be greater than 0")
        return self
