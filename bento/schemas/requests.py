"""The request types of one portfolio, derived from its columns.

A column that is known only after the outcome is no field at all; a protected one is checked and never scored.
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
    """No unknown fields, no NaN, no conversions; and no error that quotes its input."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True, frozen=True
    )


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as it was asked about. `values` are those of `RequestTypes.sources`, None where one is missing."""

    values: tuple[Any, ...]
    as_of: date
    loan_id: str | None
    reasons: ReasonsFor


class RequestTypes:
    """`predict` and `predict_batch` are the pydantic models of a portfolio's two requests."""

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
            about = "The day on which the loan is judged; today when left out."
            fields["as_of"] = (request_fields.DateCell | None, Field(None, description=about))
        about = "The bank's number of the loan, kept with the prediction."
        fields["loan_id"] = (LoanId | None, Field(None, description=about))
        about = "Which decisions come with their reasons."
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

    def loan(self, request: Any, today: date) -> Loan:
        """The loan of a valid `predict` request."""
        values = tuple(chain.from_iterable(read(request) for read in self._readers))
        return Loan(values, getattr(request, "as_of", None) or today, request.loan_id, request.reasons)

    def example(self) -> dict[str, Any]:
        """A request that is valid under the portfolio."""
        groups: dict[str, dict[str, Any]] = {"categorical_features": {}, "numerical_features": {}}
        for name, column in self.portfolio.columns.items():
            if name not in self.portfolio.known_after_outcome and column.kind in GROUPS:
                groups.setdefault(GROUPS[column.kind], {})[name] = request_fields.example(column)
        return {**groups, "loan_id": "example-1"}

    def _group_field(self, group: str, columns: Mapping[str, Column]) -> Any:
        """The model of one group of columns; it may be left out when every one of its columns may."""
        fields: dict[str, Any] = {}
        optional = True
        # A column may have any name, also one that pydantic keeps for itself: it is the field's alias.
        for place, (name, column) in enumerate(columns.items()):
            protected = name in self.portfolio.protected
            cell, about = (
                request_fields.cell_type(column),
                request_fields.description(column, protected=protected),
            )
            if column.nullable or protected:
                fields[f"f{place}"] = (cell | None, Field(None, alias=name, description=about))
            else:
                optional = False
                fields[f"f{place}"] = (cell, Field(alias=name, description=about))
        title = "".join(word.capitalize() for word in group.split("_"))
        model = create_model(title, __base__=Strict, **fields)
        return (model, Field(default_factory=model)) if optional else (model, Field())

    def _reader(self, group: str, columns: Mapping[str, Column]) -> Callable[[Any], Iterable[Any]]:
        """Reads from a request the group's columns that features are made of, in their order."""
        protected = self.portfolio.protected
        places = [f"f{place}" for place, name in enumerate(columns) if name not in protected]
        if len(places) < 2:
            return lambda request: [getattr(getattr(request, group), place) for place in places]
        pick = itemgetter(*places)
        return lambda request: pick(getattr(request, group).__dict__)
