"""Values with which an application is scored again: of a column of the portfolio, and within its rules."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from loan_default_assets.model.decision_explanation import Value
from loan_default_assets.portfolio.checks.pandera_schema import application_violations
from loan_default_assets.portfolio.errors import did_you_mean
from loan_default_assets.portfolio.spec import Column, Portfolio


class CorrectionError(ValueError):
    """A correction that the portfolio does not allow; neither its text nor that of `column` quotes the value.

    Attributes:
        column: The column; empty where the name is not one, since it may be the value.
    """

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def checked_corrections(portfolio: Portfolio, given: Mapping[str, Any]) -> dict[str, Value]:
    """The values of a JSON object by column.

    Args:
        portfolio: Names the columns.
        given: Number, text, ISO date or None by column.

    Raises:
        CorrectionError: A name or a value is refused.
    """
    return {
        name: checked_value(portfolio, name, _typed(correctable(portfolio, name), name, value))
        for name, value in given.items()
    }


def correctable(portfolio: Portfolio, name: str) -> Column:
    """The column of this name.

    Raises:
        CorrectionError: There is none.
    """
    column = portfolio.columns.get(name)
    if column is None or name in portfolio.known_after_outcome:
        raise CorrectionError("", f"no such column{did_you_mean(name, portfolio.columns)}")
    return column


def checked_value(portfolio: Portfolio, name: str, value: Any) -> Value:
    """A value that the rules of the portfolio allow, as it is scored.

    Args:
        name: A column.
        value: Number, text, date or None.

    Raises:
        CorrectionError: The rules refuse it.
    """
    frame = _frame(name, portfolio.columns[name], value)
    if found := application_violations(portfolio, frame, date.today()):
        raise CorrectionError(name, f"must be {found[0].check}")
    scored: Value = value.isoformat() if isinstance(value, date) else value
    return scored


def _typed(column: Column, name: str, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise CorrectionError(name, "must be a number")
        return float(value)
    if not isinstance(value, str):
        raise CorrectionError(name, "must be a text")
    if column.kind != "date":
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise CorrectionError(name, "must be a date in the format YYYY-MM-DD") from None


def _frame(name: str, column: Column, value: object) -> pd.DataFrame:
    """One application with one value, as the checks of a file take it."""
    dtypes = {"number": "float64", "category": "category", "date": "datetime64[ns]"}
    return pd.DataFrame(
        {
            "loan_id": pd.Series(["-"], dtype=object),
            "as_of": pd.Series([None], dtype="datetime64[ns]"),
            name: pd.Series([value], dtype=dtypes.get(column.kind, "object")),
        }
    )
