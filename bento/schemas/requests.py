"""The request types of one portfolio, derived from its columns.

A column that is known only after the outcome is not a field; a protected column is checked and never a feature.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from bento.schemas import request_fields
from loan_default_assets.portfolio.spec import Column, Portfolio

MOST_LOANS = 1000
GROUPS = {"category": "categorical_features", "number": "numerical_features", "date": "date_features"}
LoanId = Annotated[str, StringConstraints(max_length=200, pattern=request_fields.PRINTABLE)]
ReasonsFor = Literal["adverse", "all", "none"]


class Strict(BaseModel):
    """Refuses unknown fields, NaN and conversions; its errors do not quote their input."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True, frozen=True
    )


@dataclass(frozen=True, slots=True)
class CheckedLoan:
    """One loan of a valid request. `values` are in the order of `RequestTypes.sources`, None for a missing value."""

    values: tuple[Any, ...]
    as_of: date
    loan_id: str | None
    reasons: ReasonsFor


class RequestTypes:
    """The pydantic models of a portfolio's requests.

    Attributes:
        predict: The request with one loan.
        predict_batch: The request with up to MOST_LOANS loans.
        sources: The names of the columns from which features are made, in the order of `CheckedLoan.values`.
    """

    def __init__(self, portfolio: Portfolio) -> None:
        self.portfolio = portfolio
        groups: dict[str, dict[str, Column]] = {"categorical_features": {}, "numerical_features": {}}
        for name, column in portfolio.columns.items():
            if name not in portfolio.known_after_outcome and column.kind in GROUPS:
                groups.setdefault(GROUPS[column.kind], {})[name] = column
        fields: dict[str, Any] = {
            group: self._group_field(group, columns) for group, columns in groups.items()
        }
        if "date_features" in groups:
            about = "The date as of which the loan is scored; today when omitted."
            as_of = request_fields.date_cell(portfolio.date_format)
            fields["as_of"] = (as_of | None, Field(None, description=about))
        about = "The bank's identifier of the loan, stored with the prediction."
        fields["loan_id"] = (LoanId | None, Field(None, description=about))
        about = "The decisions for which reasons are returned."
        fields["reasons"] = (ReasonsFor, Field("adverse", description=about))
        self.predict: type[BaseModel] = create_model("PredictRequest", __base__=Strict, **fields)
        loans: Any = (list[self.predict], Field(min_length=1, max_length=MOST_LOANS))  # type: ignore[name-defined]
        self.predict_batch: type[BaseModel] = create_model(
            "PredictBatchRequest", __base__=Strict, loans=loans
        )
        self._readers = tuple(self._reader(group, columns) for group, columns in groups.items())
        self.sources: tuple[str, ...] = tuple(
            name for columns in groups.values() for name in columns if name not in portfolio.protected
        )

    def loan(self, request: Any, today: date) -> CheckedLoan:
        """The loan of a valid `predict` request."""
        values = tuple(chain.from_iterable(read(request) for read in self._readers))
        return CheckedLoan(values, getattr(request, "as_of", None) or today, request.loan_id, request.reasons)

    def example(self) -> dict[str, Any]:
        """A valid request with one loan."""
        groups: dict[str, dict[str, Any]] = {"categorical_features": {}, "numerical_features": {}}
        for name, column in self.portfolio.columns.items():
            if name not in self.portfolio.known_after_outcome and column.kind in GROUPS:
                groups.setdefault(GROUPS[column.kind], {})[name] = request_fields.example(column)
        return {**groups, "loan_id": "example-1"}

    def _group_field(self, group: str, columns: Mapping[str, Column]) -> Any:
        """The model of one group of columns; the group may be omitted if all of its columns may."""
        fields: dict[str, Any] = {}
        optional = True
        # A column may have any name, also one that pydantic reserves: the name is the field's alias.
        for index, (name, column) in enumerate(columns.items()):
            protected = name in self.portfolio.protected
            cell, about = (
                request_fields.cell_type(column),
                request_fields.description(column, protected=protected),
            )
            if column.nullable or protected:
                cell = request_fields.nullable_type(column, self.portfolio.missing)
                fields[f"f{index}"] = (cell, Field(None, alias=name, description=about))
            else:
                optional = False
                fields[f"f{index}"] = (cell, Field(alias=name, description=about))
        title = "".join(word.capitalize() for word in group.split("_"))
        model = create_model(title, __base__=Strict, **fields)
        return (model, Field(default_factory=model)) if optional else (model, Field())

    def _reader(self, group: str, columns: Mapping[str, Column]) -> Callable[[Any], Iterable[Any]]:
        """A function that reads from a request the group's columns from which features are made, in order."""
        protected = self.portfolio.protected
        names = [f"f{index}" for index, name in enumerate(columns) if name not in protected]
        if len(names) < 2:
            return lambda request: [getattr(getattr(request, group), name) for name in names]
        pick = itemgetter(*names)
        return lambda request: pick(getattr(request, group).__dict__)
