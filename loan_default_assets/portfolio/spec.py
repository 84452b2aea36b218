"""The description of a loan: read from YAML, checked against itself, and hashed."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Column, Frozen, Label, Source
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.expressions import Expression, parse
from loan_default_assets.portfolio.validation import problems
from loan_default_assets.portfolio.yaml_loader import library, load_as

__all__ = ["Column", "FeatureNames", "Label", "Portfolio", "PortfolioError", "Source", "library", "load"]

_SYSTEM_SCHEMAS = ("public", "information_schema", "loan_default")


@dataclass(frozen=True)
class FeatureNames:
    """Feature order: number columns, dates (days before `as_of`) and derived columns; then categories.

    `cardinalities[i]` counts the codes of `categories[i]`: missing, unseen, and one a value.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    cardinalities: tuple[int, ...]


class Portfolio(Frozen):
    """One bank's loans: source, key, time, label, columns, and which of them may be used for a decision.

    `date_format` is how `as_of` and the label's `observed_at` are written (strptime), ISO 8601 when left out.
    """

    name: str
    title: str | None = None
    source: Source
    key: str | None = None
    as_of: str | None = None
    date_format: str | None = None
    cadence: calendar.Cadence = "daily"
    start: date | None = None
    end: date | None = None
    refresh: str | None = None
    label: Label
    columns: dict[str, Column] = Field(min_length=1)
    derive: dict[str, str] = Field(default_factory=dict)
    never: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    reasons: dict[str, dict[Literal["en", "ko"], str]] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _identifier(cls, name: str) -> str:
        if (
            not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name)
            or name.startswith("pg_")
            or name in _SYSTEM_SCHEMAS
        ):
            raise ValueError("lower-case letters, digits and _ only, at most 50, not a schema of the system")
        return name

    @field_validator("refresh")
    @classmethod
    def _cron(cls, refresh: str | None) -> str | None:
        if refresh is not None and len(refresh.split()) != 5:
            raise ValueError(f"{refresh!r} is not a cron expression of five fields")
        return refresh

    @field_validator("derive", mode="after")
    @classmethod
    def _arithmetic(cls, derive: dict[str, str]) -> dict[str, str]:
        for name, text in derive.items():
            try:
                parse(text)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return derive

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := problems(self):
            raise ValueError("\n".join(found))
        return self

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that determines rows and features; texts, source and training do not."""
        kept = {"date_format", "columns", "derive", "never", "protected", "label", "key", "as_of", "cadence"}
        spec = self.model_dump(mode="json", include=kept, exclude_defaults=True)
        # An order of columns is an order of features, so pairs, which JSON keeps in order.
        spec["columns"] = [
            [name, column.model_dump(mode="json", exclude_defaults=True, exclude={"unit", "describe"})]
            for name, column in self.columns.items()
        ]
        spec["derive"] = list(self.derive.items())
        spec["never"], spec["protected"] = sorted(self.never), sorted(self.protected)
        return hashlib.sha256(json.dumps(spec, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @cached_property
    def features(self) -> FeatureNames:
        """Names and sizes of the model's inputs; `never`, `protected` and text columns are left out."""
        used = {n: c for n, c in self.columns.items() if n not in self.never and n not in self.protected}
        categories = {n: len(c.values or ()) + 2 for n, c in used.items() if c.kind == "category"}
        numbers = [n for kind in ("number", "date") for n, c in used.items() if c.kind == kind]
        return FeatureNames((*numbers, *self.derive), tuple(categories), tuple(categories.values()))

    @cached_property
    def derived(self) -> Mapping[str, Expression]:
        """The parsed expression of every derived column."""
        return {name: parse(text) for name, text in self.derive.items()}

    def reason(self, feature: str, language: Literal["en", "ko"]) -> str:
        """The text that a person is given for a feature: in the language, in English, or the plain name."""
        texts = self.reasons.get(feature, {})
        column = self.columns.get(feature)
        return texts.get(language) or texts.get("en") or (column.describe if column else None) or feature

    def partition_of(self, day: date) -> str:
        """The key of the partition that holds `day`."""
        return calendar.first_day(day, self.cadence).isoformat() if self.as_of else calendar.SNAPSHOT

    def partition_bounds(self, key: str) -> tuple[date, date]:
        """First day, and day after the last, of a partition; PortfolioError for a key that names none."""
        try:
            first = date.fromisoformat(key)
        except ValueError:
            first = None
        if self.as_of is None or first is None or calendar.first_day(first, self.cadence) != first:
            raise PortfolioError(f"{self.name}: {key!r} is not the first day of a {self.cadence} partition")
        return first, calendar.next_first(first, self.cadence)

    def partition_keys(self, first: date, last: date) -> list[str]:
        """Keys of all partitions from the one that holds `first` to the one that holds `last`."""
        if self.as_of is None:
            return [calendar.SNAPSHOT]
        return [day.isoformat() for day in calendar.firsts(first, last, self.cadence)]


def load(name_or_path: str, *, source: str | None = None) -> Portfolio:
    """The portfolio of that name in the library, or in that file.

    `source` (a CSV or Parquet path, or a SQL URL) fills `${...}` placeholders; a portfolio without any has
    its own source replaced by it. Raises PortfolioError naming file and key path.
    """
    return load_as(Portfolio, name_or_path, source)
