"""The form that scores one application: a field per column, and the values that a browser sends for them.

The values are checked like those of /predict, by the same request types. A fault is described by what the column
allows, in both languages, and never quotes the value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bento.console.page_texts import Language, Texts
from bento.schemas.problems import Problem
from bento.schemas.requests import GROUPS, RequestTypes
from loan_default_assets.portfolio.spec import Column, Portfolio
from loan_default_assets.portfolio.ungrouped_numbers import is_ungrouped

_PLAIN_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
LOAN_ID, AS_OF = "loan_id", "as_of"


@dataclass(frozen=True)
class ColumnField:
    """One column as a field of the form. The column's name may be any text, so `input_name` is what HTML gets.

    Attributes:
        group: The group of columns in the request.
        description: The column as the portfolio describes it.
    """

    input_name: str
    column: str
    group: str
    kind: Literal["number", "category", "date"]
    required: bool
    description: Column
    portfolio: Portfolio

    @property
    def options(self) -> tuple[str, ...]:
        """The values of a category."""
        return self.description.values or ()

    @property
    def closed(self) -> bool:
        """Whether a category with another value is refused."""
        return self.description.unknown == "forbid"

    def label(self, language: Language) -> str:
        """What the column is called."""
        return self.portfolio.reason(self.column, language)

    def hint(self, texts: Texts) -> str:
        """What the field accepts."""
        parts = [self.expected(texts)]
        if self.description.unit:
            parts.append(texts("hint.unit", unit=self.description.unit))
        if not self.required:
            parts.append(texts("hint.optional"))
        return " · ".join(parts)

    def expected(self, texts: Texts) -> str:
        """The values that the column allows."""
        column = self.description
        if self.kind == "date":
            return texts("hint.date")
        if self.kind == "category":
            return texts("hint.closed" if self.closed else "hint.open")
        key = "hint.integer" if column.integer else "hint.number"
        separator = "" if is_ungrouped(self.column, column) else ","
        bounds = {
            name: f"{bound:{separator}.12g}"
            for name, bound in (("low", column.min), ("high", column.max))
            if bound is not None
        }
        return texts("_".join([key, *bounds]), **bounds)


@dataclass(frozen=True)
class FieldFault:
    """A fault of one field, by the name of its input, in the language of the page."""

    input_name: str
    label: str
    text: str


class ApplicationForm:
    """The fields of a portfolio.

    Protected columns are no fields: they are never a feature, so the form does not ask for them.

    Args:
        types: The request types of the portfolio.
    """

    def __init__(self, types: RequestTypes) -> None:
        portfolio = types.portfolio
        self.dated = "date_features" in types.predict.model_fields
        self._groups = tuple(name for name in types.predict.model_fields if name in GROUPS.values())
        # In the order of the portfolio file, which is that of the bank's own forms more often than the model's.
        names = [name for name in portfolio.columns if name in types.sources]
        self.fields = tuple(_field(f"c{number}", name, portfolio) for number, name in enumerate(names))

    def request(self, submitted: Mapping[str, str]) -> dict[str, Any]:
        """The fields as a request, not yet checked."""
        request: dict[str, Any] = {group: {} for group in self._groups}
        for field in self.fields:
            text = submitted.get(field.input_name, "").strip()
            if text:
                request[field.group][field.column] = _value(field, text)
        for name in (LOAN_ID, AS_OF) if self.dated else (LOAN_ID,):
            if text := submitted.get(name, "").strip():
                request[name] = text
        return request | {"reasons": "all"}

    def faults(self, problem: Problem, submitted: Mapping[str, str], texts: Texts) -> list[FieldFault]:
        """The faults of a refused request, in the order of the fields."""
        named = {detail.field for detail in problem.details}
        found = [
            FieldFault(field.input_name, field.label(texts.language), _fault(field, submitted, texts))
            for field in self.fields
            if f"{field.group}.{field.column}" in named
        ]
        others = {LOAN_ID: "hint.loan_id", AS_OF: "hint.date"}
        return found + [
            FieldFault(name, texts(f"score.{name}"), texts("fault.expected", expected=texts(hint)))
            for name, hint in others.items()
            if name in named
        ]


def _field(input_name: str, name: str, portfolio: Portfolio) -> ColumnField:
    column = portfolio.columns[name]
    kind: Any = column.kind
    return ColumnField(input_name, name, GROUPS[kind], kind, not column.nullable, column, portfolio)


def _value(field: ColumnField, text: str) -> Any:
    """The value that a program would send; a text that is no plain number is checked as a text of the files."""
    return float(text) if field.kind == "number" and _PLAIN_NUMBER.fullmatch(text) else text


def _fault(field: ColumnField, submitted: Mapping[str, str], texts: Texts) -> str:
    if not submitted.get(field.input_name, "").strip():
        return texts("fault.required")
    return texts("fault.expected", expected=field.expected(texts))
