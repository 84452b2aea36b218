"""From raw columns to model inputs: the one function that training and the service both call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.expressions import Compute
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    import pandas as pd

MISSING, UNKNOWN, FIRST_VALUE = 0, 1, 2


@dataclass(frozen=True)
class Features:
    """The features of n loans.

    Attributes:
        numerical: (n, N) float32, NaN = missing.
        categorical: (n, C) int16: 0 = missing, 1 = unknown category, 2 + i = the i-th of the column's `values`.
    """

    numerical: np.ndarray
    categorical: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """What `transform` needs from a portfolio, prepared once per portfolio."""

    readers: tuple[tuple[str, Callable[[Any, Any], np.ndarray]], ...]
    computes: tuple[Compute, ...]
    codes: tuple[tuple[str, Mapping[Any, int]], ...]
    needed: tuple[str, ...]


def transform(p: Portfolio, columns: "Mapping[str, Any] | pd.DataFrame", as_of: Any = None) -> Features:
    """The features of n loans, in the order of `p.features`.

    Args:
        p: The portfolio.
        columns: N values per source column of a feature: a DataFrame, or arrays or lists by name (None = missing).
        as_of: One date, or n dates. Dates become days before it.

    Returns:
        The features; a number that is not finite, such as a derived one after a division by zero, is missing.

    Raises:
        PortfolioError: A source column is absent.
        ValueError: A cell of a number column is not a number.
    """
    plan = _plan(p)
    try:
        given = [columns[name] for name in plan.needed]
    except KeyError as error:
        raise PortfolioError(f"{p.name}: column {error.args[0]!r} is needed to make features") from None
    rows = len(given[0])
    numerical = np.empty((rows, len(plan.readers) + len(plan.computes)), np.float32)
    categorical = np.empty((rows, len(plan.codes)), np.int16)
    values: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for index, ((name, read), column) in enumerate(zip(plan.readers, given, strict=False)):
            values[name] = read(column, as_of)
            numerical[:, index] = values[name]
        for index, compute in enumerate(plan.computes, start=len(plan.readers)):
            numerical[:, index] = compute(values)
    numerical[~np.isfinite(numerical)] = np.nan
    for index, ((_, codes), column) in enumerate(zip(plan.codes, given[len(plan.readers) :], strict=True)):
        categorical[:, index] = _encode(column, codes)
    return Features(numerical, categorical)


def category_text(value: Any) -> str | None:
    """A category's value as the portfolio writes it: without surrounding blanks, whole numbers without `.0`."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None or _is_undefined(value):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    may_be_fractional = not isinstance(value, int | np.integer)
    if may_be_fractional and hasattr(value, "__float__") and float(value).is_integer():
        return str(int(value))
    return str(value)


def _is_undefined(value: Any) -> bool:
    """Whether a value is NaN, or pandas' NaT or NA; pandas is not imported for a service, which has none of them."""
    try:
        return bool(value != value)
    except TypeError:
        # NA is neither equal nor unequal to itself.
        return True


@lru_cache(maxsize=32)
def _plan(p: Portfolio) -> _Plan:
    used = [name for name in p.features.numerical if name in p.columns]
    readers = tuple((name, _days if p.columns[name].kind == "date" else _numbers) for name in used)
    codes = tuple((name, _code_table(p.columns[name].values or ())) for name in p.features.categorical)
    computes = tuple(expression.compute for expression in p.derived.values())
    return _Plan(readers, computes, codes, (*used, *p.features.categorical))


def _code_table(values: tuple[str, ...]) -> dict[Any, int]:
    return {value: code for code, value in enumerate(values, start=FIRST_VALUE)} | {
        None: MISSING,
        "": MISSING,
    }


def _numbers(column: Any, as_of: Any) -> np.ndarray:
    if hasattr(column, "to_numpy"):
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    return np.asarray(column, np.float64)


def _days(column: Any, as_of: Any) -> np.ndarray:
    """Days from each date to `as_of`, NaN where either is missing."""
    days = _dates(as_of) - _dates(column)
    return np.where(np.isnat(days), np.nan, days.astype(np.float64))


def _dates(values: Any) -> np.ndarray:
    if hasattr(values, "to_numpy"):
        values = values.to_numpy("datetime64[ns]")
    elif isinstance(values, list):
        values = [None if value is None or _is_undefined(value) else value for value in values]
    return np.asarray(values, "datetime64[D]")


def _encode(column: Any, codes: Mapping[Any, int]) -> Any:
    if isinstance(column, list):
        return [_code(codes, value) for value in column]
    import pandas as pd

    if not isinstance(column, pd.Series) or not isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(column).astype("category")
    table = [_code(codes, value) for value in column.cat.categories]
    return np.array([*table, MISSING], np.int16)[column.cat.codes.to_numpy()]


def _code(codes: Mapping[Any, int], value: Any) -> int:
    known = codes.get(value) if type(value) is str else None
    return codes.get(category_text(value), UNKNOWN) if known is None else known
