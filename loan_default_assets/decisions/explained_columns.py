"""The columns of an application as an explanation shows them: values, categories, and those that can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.model.decision_explanation import ScoredValue
from loan_default_assets.model.nearest_changes import ActionableColumn
from loan_default_assets.model.reason_codes import ReasonText
from loan_default_assets.portfolio.spec import Column, Portfolio
from loan_default_assets.portfolio.ungrouped_numbers import is_ungrouped

if TYPE_CHECKING:
    from loan_default_assets.model.encoding import Encoding

# Codes below it are those of missing and unknown values.
_FIRST_VALUE = 2


def data_categories(portfolio: Portfolio) -> list[list[ReasonText]]:
    """The data categories of every feature, in the model's order."""
    names = (*portfolio.features.numerical, *portfolio.features.categorical)
    return [
        [
            ReasonText(category or "", *(portfolio.category_texts(category) if category else ("", "")))
            for category in portfolio.categories_of(name)
        ]
        for name in names
    ]


def scored_values(portfolio: Portfolio, values: Mapping[str, Any]) -> tuple[ScoredValue, ...]:
    """The values of an application, in the portfolio's order, and whether a feature is made of each."""
    used = {*portfolio.features.numerical, *portfolio.features.categorical}
    used |= {name for expression in portfolio.derived.values() for name in expression.names}
    return tuple(
        ScoredValue(
            column_text(portfolio, name),
            values[name],
            column_unit(column),
            name in used,
            not is_ungrouped(name, column),
        )
        for name, column in portfolio.columns.items()
        if name in values
    )


def actionable_columns(portfolio: Portfolio, encoding: Encoding) -> list[ActionableColumn]:
    """The columns that the portfolio marks, with the values that training rows had, within the column's bounds.

    Args:
        portfolio: That of the model.
        encoding: Of the model: the quantiles and the categories of its training rows.
    """
    features = portfolio.features
    found = []
    for name, column in portfolio.columns.items():
        if not column.actionable:
            continue
        text, unit = column_text(portfolio, name), column_unit(column)
        if column.kind == "category":
            seen = encoding.seen[features.categorical.index(name)]
            values = [
                value
                for code, value in enumerate(column.values or (), start=_FIRST_VALUE)
                if bool(seen[code])
            ]
            found.append(ActionableColumn(text, unit, values=tuple(values)))
            continue
        index = features.numerical.index(name)
        knots = np.asarray(encoding.knots[index], np.float64)
        low = -np.inf if column.min is None else column.min
        high = np.inf if column.max is None else column.max
        inside = (knots >= low) & (knots <= high)
        ranks = [NormalDist().cdf(float(score)) for score in encoding.scores[index][inside]]
        found.append(
            ActionableColumn(
                text,
                unit,
                tuple(knots[inside].tolist()),
                tuple(ranks),
                column.integer,
                grouped=not is_ungrouped(name, column),
            )
        )
    return found


def column_text(portfolio: Portfolio, name: str) -> ReasonText:
    """What a column is, in both languages."""
    return ReasonText(name, portfolio.reason(name, "en"), portfolio.reason(name, "ko"))


def column_unit(column: Column) -> str:
    """The unit of its values; empty without one."""
    return column.unit or ""
