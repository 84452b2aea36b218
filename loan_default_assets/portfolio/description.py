"""The keys of a portfolio file and their types: source, label, columns, and what surrounds them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from loan_default_assets.portfolio.calendar import Cadence
from loan_default_assets.portfolio.cell_options import NUMBER_OPTIONS, CellOptions, Marks
from loan_default_assets.portfolio.documentation import Documentation
from loan_default_assets.portfolio.expressions import Expression, parse
from loan_default_assets.portfolio.ingest.date_parsing import check_date_format
from loan_default_assets.portfolio.label_options import Label, texts_of_values
from loan_default_assets.portfolio.source_options import Source

# Features are float32: a larger number would silently become a missing value.
LARGEST_NUMBER = float(np.finfo(np.float32).max)

_SYSTEM_SCHEMAS = ("public", "information_schema", "loan_default")


def _rename_former_keys(values: Any, present_names: Mapping[str, str]) -> Any:
    """The values of a model with the keys of earlier releases under their present names.

    Args:
        values: The input that the model is validated from; anything but a mapping is returned unchanged.
        present_names: Present name by former name.

    Raises:
        ValueError: A key is given under both names.
    """
    if not isinstance(values, Mapping):
        return values
    for former, present in present_names.items():
        if former in values and present in values:
            raise ValueError(f"{former}: the former name of {present}; give the key once, as {present}")
    return {present_names.get(key, key): value for key, value in values.items()}


class PortfolioPart(BaseModel):
    """A part of a portfolio: unknown keys are refused, and instances are immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(CellOptions):
    """One column of the source; how its cells are written is described in `CellOptions`.

    `unknown` decides whether a category that is not among `values` is scored as the unknown category or refused.
    `source_name` is the column's name in the file or query, where the portfolio cannot use that name. `category` names
    the kind of data that an explanation of a decision counts the column to; `actionable`: whether the applicant can
    change the value, so that an explanation may suggest another one.
    """

    kind: Literal["number", "category", "date", "text"]
    source_name: str | None = None
    min: float | None = Field(None, allow_inf_nan=False)
    max: float | None = Field(None, allow_inf_nan=False)
    integer: bool = False
    values: Annotated[tuple[str, ...] | None, BeforeValidator(texts_of_values)] = None
    nullable: bool = False
    unknown: Literal["allow", "forbid"] = "allow"
    unit: str | None = None
    describe: str | None = None
    category: str | None = Field(None, min_length=1)
    actionable: bool = False

    @model_validator(mode="before")
    @classmethod
    def _former_keys(cls, values: Any) -> Any:
        return _rename_former_keys(values, {"unseen": "unknown"})

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        options_by_kind = {
            "number": {"min", "max", "integer"} | NUMBER_OPTIONS,
            "category": {"values", "unknown"},
            "date": {"format"},
        }
        given = self.model_dump(exclude_defaults=True).keys()
        for kind, options in options_by_kind.items():
            if kind != self.kind and (misplaced := options & given):
                raise ValueError(f"{', '.join(sorted(misplaced))}: only for kind {kind}")
        if self.actionable and self.kind not in ("number", "category"):
            raise ValueError("actionable: only for kind number or category")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        if self.kind == "category":
            if not self.values:
                raise ValueError("kind category needs values")
            if len(set(self.values)) < len(self.values) or any(v != v.strip() or not v for v in self.values):
                raise ValueError("values must be distinct, not empty, and without surrounding blanks")
            if len(self.values) > 30_000:
                raise ValueError("more than 30000 values; use kind text")
            if both := sorted(set(self.values) & set(self.missing)):
                raise ValueError(f"missing: {both[0]!r} is one of values too")
        return self


class LoanEconomics(PortfolioPart):
    """What a decision is worth in the model report, as shares of a loan's amount."""

    lgd: float = Field(0.45, gt=0, le=1)
    margin: float = Field(0.05, gt=0, le=1)


@dataclass(frozen=True)
class FeatureNames:
    """The features in the model's order.

    Attributes:
        numerical: Number columns, then dates (as days before `as_of`), then derived columns.
        categorical: Category columns.
        cardinalities: Number of codes per categorical feature: missing, unknown, and one per value.
    """

    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    cardinalities: tuple[int, ...]


class Description(PortfolioPart):
    """A portfolio file whose keys have been checked one by one; `spec.Portfolio` also checks that they agree.

    `date_format` is the format of `as_of` and of the label's `observed_at`, like `format` of a column; ISO 8601 when
    omitted. `missing` lists the cells of any column that mean a missing value, like `missing` of a column.
    `known_after_outcome`: columns that exist only after the outcome; refused as features. `known_at_application`: a
    human's attestation that these columns are known at application. `protected`: columns that are reported on and
    refused as features. `segments`: columns by whose groups the model report shows results. `economics`: loss given
    default and margin of its cut-off table. `owners`: who answers for the loans and their model, as Dagster shows them:
    e-mail addresses, or teams as `team:credit-risk`. `ignore`: columns of the source that are not read, as a list or,
    with the reasons, as `{email: personal data}`; `ignored_because` has these reasons. `new_columns`: a source with
    columns that are neither described nor ignored is refused, or they are not read, and are named. `categories`: texts
    of the categories that columns name, for explanations. `documentation`: what no table records, for the dossier.
    """

    name: str
    title: str | None = None
    owners: tuple[str, ...] = ()
    source: Source
    key: str | None = None
    as_of: str | None = None
    date_format: str | None = None
    missing: Marks = ()
    cadence: Cadence = "daily"
    start: date | None = None
    end: date | None = None
    refresh: str | None = None
    label: Label
    columns: dict[str, Column] = Field(min_length=1)
    derive: dict[str, str] = Field(default_factory=dict)
    known_after_outcome: tuple[str, ...] = ()
    known_at_application: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    economics: LoanEconomics | None = None
    new_columns: Literal["refuse", "ignore"] = "refuse"
    ignore: tuple[str, ...] = ()
    ignored_because: dict[str, str] = Field(default_factory=dict)
    reasons: dict[str, dict[Literal["en", "ko"], str]] = Field(default_factory=dict)
    categories: dict[str, dict[Literal["en", "ko"], str]] = Field(default_factory=dict)
    documentation: Documentation = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _is_schema_name(cls, name: str) -> str:
        if (
            not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name)
            or name.startswith("pg_")
            or name in _SYSTEM_SCHEMAS
        ):
            raise ValueError(
                "must be at most 50 lower-case letters, digits and _, start with a letter, and not be a system schema"
            )
        return name

    @field_validator("owners")
    @classmethod
    def _are_owners(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not re.fullmatch(r"team:\S.*|[^@\s]+@[^@\s]+\.[^@\s]+", owner):
                raise ValueError(
                    f"{owner!r} is neither an e-mail address nor a team such as team:credit-risk"
                )
        return owners

    @field_validator("refresh")
    @classmethod
    def _is_cron(cls, refresh: str | None) -> str | None:
        if refresh is not None and len(refresh.split()) != 5:
            raise ValueError(f"{refresh!r} is not a cron expression of five fields")
        return refresh

    @field_validator("date_format")
    @classmethod
    def _is_date_format(cls, text: str | None) -> str | None:
        return check_date_format(text)

    @field_validator("derive", mode="after")
    @classmethod
    def _is_arithmetic(cls, derive: dict[str, str]) -> dict[str, str]:
        for name, text in derive.items():
            try:
                parse(text)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return derive

    @model_validator(mode="before")
    @classmethod
    def _former_keys(cls, values: Any) -> Any:
        return _rename_former_keys(values, {"never": "known_after_outcome"})

    @model_validator(mode="before")
    @classmethod
    def _ignored_with_reasons(cls, values: Any) -> Any:
        given = values.get("ignore") if isinstance(values, Mapping) else None
        if not isinstance(given, Mapping):
            return values
        reasons = {name: reason for name, reason in given.items() if reason is not None}
        return {**values, "ignore": tuple(given), "ignored_because": reasons}

    @cached_property
    def features(self) -> FeatureNames:
        """The model's inputs: columns known after the outcome, protected columns and text columns are omitted."""
        used = {
            n: c
            for n, c in self.columns.items()
            if n not in self.known_after_outcome and n not in self.protected
        }
        categorical = {n: len(c.values or ()) + 2 for n, c in used.items() if c.kind == "category"}
        numerical = [n for kind in ("number", "date") for n, c in used.items() if c.kind == kind]
        return FeatureNames((*numerical, *self.derive), tuple(categorical), tuple(categorical.values()))

    @cached_property
    def derived(self) -> Mapping[str, Expression]:
        """The parsed expression per derived column."""
        return {name: parse(text) for name, text in self.derive.items()}
