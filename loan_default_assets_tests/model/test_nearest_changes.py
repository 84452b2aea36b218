"""Every change that the search names alters the decision when it is scored, and what exists is found."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from loan_default_assets.model.decision_explanation import DecisionChange
from loan_default_assets.model.nearest_changes import ActionableColumn, nearest_changes
from loan_default_assets.model.reason_codes import ReasonText

Row = Mapping[str, float | str | None]
PD = Callable[[Row], float]


def number(name: str, low: float = 0, high: float = 100, *, integer: bool = False) -> ActionableColumn:
    return ActionableColumn(ReasonText(name, name, name), "", (low, high), (0.0, 1.0), integer)


def category(name: str, *values: str) -> ActionableColumn:
    return ActionableColumn(ReasonText(name, name, name), values=values)


def scored(pd: PD) -> Callable[[Sequence[Row]], np.ndarray]:
    return lambda rows: np.array([pd(row) for row in rows])


def named(changes: Sequence[DecisionChange]) -> list[dict[str, object]]:
    return [{change.column.code: change.after for change in each.values} for each in changes]


def debt(row: Row) -> float:
    return float(row["debt"] or 0) / 100


def debt_and_income(row: Row) -> float:
    return 0.5 + (float(row["debt"] or 0) - float(row["income"] or 0)) / 200


def both_needed(row: Row) -> float:
    return 0.2 if float(row["debt"] or 0) <= 10 and row["purpose"] == "car" else 0.8


def dip(row: Row) -> float:
    """Below the threshold near 20 and near 70 only."""
    value = float(row["debt"] or 0)
    return 0.2 if 15 < value < 25 or 65 < value < 75 else 0.8


CASES: dict[str, tuple[PD, Row, list[ActionableColumn], list[dict[str, object]]]] = {
    "a lower debt": (debt, {"debt": 80.0}, [number("debt")], [{"debt": 49.9}]),
    "a higher debt refuses": (debt, {"debt": 20.0}, [number("debt")], [{"debt": 50.1}]),
    "whole numbers": (debt, {"debt": 80.0}, [number("debt", integer=True)], [{"debt": 49}]),
    "no fraction of a whole number": (
        lambda row: 0.2 if float(row["debt"] or 0) < 1 else 0.8,
        {"debt": 80.0},
        [number("debt", 0.5, 100, integer=True)],
        [],
    ),
    "bounds of the column": (debt, {"debt": 80.0}, [number("debt", 60, 100)], []),
    "the nearer side": (dip, {"debt": 50.0}, [number("debt")], [{"debt": 65.1}]),
    "a missing value": (
        lambda row: 0.8 if row["debt"] is None else 0.2,
        {"debt": None},
        [number("debt")],
        [{}],
    ),
    "a category": (
        lambda row: {"car": 0.1, "home": 0.3}.get(str(row["purpose"]), 0.9),
        {"purpose": "other"},
        [category("purpose", "home", "car", "other")],
        [{"purpose": "car"}],
    ),
    "one change per column, the nearest first": (
        debt_and_income,
        {"debt": 60.0, "income": 30.0},
        [number("income"), number("debt", 0, 400)],
        [{"debt": 29.9}, {"income": 60.1}],
    ),
    "a pair where no single one does": (
        both_needed,
        {"debt": 80.0, "purpose": "other"},
        [number("debt"), category("purpose", "car", "other")],
        [{"debt": 0, "purpose": "car"}],
    ),
    "nothing alters it": (lambda row: 0.9, {"debt": 80.0}, [number("debt")], []),
    "nothing is actionable": (debt, {"debt": 80.0}, [], []),
}


@pytest.mark.parametrize(("pd", "row", "columns", "expected"), CASES.values(), ids=CASES)
def test_the_nearest_changes_are_found_and_alter_the_decision(
    pd: PD, row: Row, columns: list[ActionableColumn], expected: list[dict[str, object]]
) -> None:
    found = nearest_changes(row, columns, scored(pd), 0.5)
    assert len(found) == len(expected)
    for each, values, change in zip(found, expected, named(found), strict=True):
        if values:
            assert change == pytest.approx(values)

        assert each.pd == pd({**row, **change})
        assert (each.pd >= 0.5) != (pd(row) >= 0.5)
        assert all(value.before == row[value.column.code] for value in each.values)


@pytest.mark.parametrize("seed", range(20))
def test_changes_of_random_models_alter_the_decision_within_the_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, threshold = rng.normal(0, 0.02, 4), float(rng.uniform(0.2, 0.8))

    def pd(row: Row) -> float:
        values = np.array([float(row[name] or 0) for name in "abcd"]) - 50
        return float(1 / (1 + np.exp(-(weights * values).sum() - 0.5 * np.sin(values).sum())))

    row: Row = {name: float(rng.integers(0, 100)) for name in "abcd"}
    columns = [number("a", 10, 90), number("b", integer=True), number("c", 0, 40)]
    for change in named(nearest_changes(row, columns, scored(pd), threshold)):
        assert (pd({**row, **change}) >= threshold) != (pd(row) >= threshold)
        assert set(change) <= {"a", "b", "c"}
        assert 10 <= float(change.get("a", 10)) <= 90  # type: ignore[arg-type]
        assert float(change.get("b", 0)).is_integer()  # type: ignore[arg-type]
        assert 0 <= float(change.get("c", 0)) <= 40  # type: ignore[arg-type]
