"""A small portfolio with every kind of column, for the tests of requests and predictions."""

from typing import Any

from loan_default_assets.portfolio.spec import Portfolio

PORTFOLIO: dict[str, Any] = {
    "name": "corner_bank",
    "source": {"kind": "csv", "path": "loans.csv"},
    "key": "number",
    "as_of": "decided",
    "start": "2024-01-01",
    "label": {"column": "default", "horizon_days": 30},
    "columns": {
        "income": {
            "kind": "number",
            "min": 0,
            "max": 1_000_000,
            "unit": "USD",
            "describe": "Income per year",
        },
        "debt": {"kind": "number", "nullable": True},
        "children": {"kind": "number", "min": 0, "max": 20, "integer": True},
        "grade": {"kind": "category", "values": [1, 2, 3], "unknown": "forbid"},
        "job": {"kind": "category", "values": ["clerk", "farmer"], "nullable": True},
        "hired": {"kind": "date", "nullable": True},
        "remarks": {"kind": "text", "nullable": True},
        "sex": {"kind": "category", "values": ["f", "m"], "unknown": "forbid"},
        "recovered": {"kind": "number", "nullable": True},
        "model config": {"kind": "category", "values": ["a", "b"], "nullable": True},
    },
    "derive": {"burden": "debt / income"},
    "known_after_outcome": ["recovered"],
    "protected": ["sex"],
    "reasons": {
        "income": {"en": "Income", "ko": "소득"},
        "debt": {"en": "Debt", "ko": "부채"},
        "burden": {"en": "Debt", "ko": "부채"},
    },
}


def portfolio() -> Portfolio:
    """The validated portfolio."""
    return Portfolio.model_validate(PORTFOLIO)


def request(**changed: Any) -> dict[str, Any]:
    """A valid request; a keyword changes a column or a field, `...` omits it."""
    columns = {
        "categorical_features": {"grade": "2", "job": "clerk"},
        "numerical_features": {"income": 30_000.0, "debt": 5000.0, "children": 2},
        "date_features": {"hired": "2020-05-01"},
    }
    made: dict[str, Any] = {**{group: dict(values) for group, values in columns.items()}}
    groups = {
        "sex": "categorical_features",
        "model config": "categorical_features",
        "recovered": "numerical_features",
    }
    groups |= {name: group for group, values in columns.items() for name in values}
    for name, value in changed.items():
        target = made[groups[name]] if name in groups else made
        if value is ...:
            target.pop(name, None)
        else:
            target[name] = value
    return made
