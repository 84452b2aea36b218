"""Portfolio to checks and tables: Pandera schemas of a raw partition and of its features; column types."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.parts import Column
from loan_default_assets.portfolio.periods import SNAPSHOT
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    import pandera.pandas as pa

EXAMPLES = 20


@dataclass(frozen=True)
class Violation:
    """What a column failed: on how many rows, and the first 20 of them by number (1 = first data row)."""

    column: str
    check: str
    count: int
    rows: tuple[int, ...]

    def __str__(self) -> str:
        rows = f", rows {', '.join(map(str, self.rows))}" if self.rows else ""
        more = ", ..." if self.count > len(self.rows) > 0 else ""
        return f"column {self.column}: must be {self.check}; not so: {self.count}{rows}{more}"


class Inputs(Protocol):
    """Anything with the arrays of `features.Features`."""

    @property
    def numbers(self) -> np.ndarray: ...
    @property
    def categories(self) -> np.ndarray: ...


def pandera_schema(
    p: Portfolio, *, as_of_from: date | None, as_of_to: date | None, today: date
) -> "pa.DataFrameSchema":
    """The schema of a raw partition's frame: `as_of` in [as_of_from, as_of_to) and not after `today`."""
    import pandera.pandas as pa

    dated = p.as_of is not None
    as_of = [_check("not in the future", lambda s: ~(s > pd.Timestamp(today)))] if dated else []
    if as_of_from is not None and as_of_to is not None:
        first, after = pd.Timestamp(as_of_from), pd.Timestamp(as_of_to)
        as_of.append(_check(f"in the partition {as_of_from}", lambda s: ~((s < first) | (s >= after))))
    columns = {
        "loan_id": pa.Column(object, [_check("not empty", lambda s: s != ""), _check("unique", _unique)]),
        "as_of": pa.Column("datetime64[ns]", as_of, nullable=not dated),
        "label": pa.Column("float64", _check("0 or 1", lambda s: s.isin((0.0, 1.0, np.nan))), nullable=True),
        "label_observed_at": pa.Column("datetime64[ns]", nullable=True),
    }
    columns |= {name: _column(column) for name, column in p.columns.items()}
    return pa.DataFrameSchema(columns, strict=True)


def validate(p: Portfolio, frame: pd.DataFrame, key: str, today: date) -> list[Violation]:
    """What is wrong with a raw partition, column by column; an empty list for a good one."""
    first, after = (None, None) if key == SNAPSHOT else p.partition_bounds(key)
    return _violations(pandera_schema(p, as_of_from=first, as_of_to=after, today=today), frame)


def processed_violations(p: Portfolio, features: Inputs, label: np.ndarray | None = None) -> list[Violation]:
    """What is wrong with features: an infinite number, a code beyond its column, a label outside {0, 1}.

    `label` is (n,), with -1 or NaN for a loan without an outcome. Rows are numbered from 1 in the arrays.
    """
    import pandera.pandas as pa

    names = p.features
    index = pd.RangeIndex(1, len(features.numbers) + 1)
    frames = [
        pd.DataFrame(features.numbers, index, names.numbers, copy=False),
        pd.DataFrame(features.categories, index, names.categories, copy=False),
        pd.DataFrame({} if label is None else {"label": label}, index, copy=False),
    ]
    finite = _check("finite or missing", lambda s: ~np.isinf(s))
    columns = {name: pa.Column("float32", finite, nullable=True) for name in names.numbers}
    for name, cardinality in zip(names.categories, names.cardinalities, strict=True):
        columns[name] = pa.Column("int16", _check("a known code", _between(0, cardinality - 1)))
    outcome = _check("0, 1 or none", lambda s: s.isin((-1, 0, 1)) | s.isna())
    columns["label"] = pa.Column(None, outcome, nullable=True, required=label is not None)
    return _violations(pa.DataFrameSchema(columns, strict=True), pd.concat(frames, axis=1))


def postgres_columns(p: Portfolio) -> dict[str, str]:
    """PostgreSQL types of the portfolio's own columns in `raw_data`, in the portfolio's order."""
    types = {"number": "double precision", "category": "text", "text": "text", "date": "date"}
    return {name: "bigint" if c.integer else types[c.kind] for name, c in p.columns.items()}


def _column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    checks = []
    if column.kind == "number":
        checks.append(_check("finite", lambda s: ~np.isinf(s)))
        if column.integer:
            checks.append(_check("a whole number", lambda s: (s % 1 == 0) | ~np.isfinite(s)))
        if column.min is not None:
            low = column.min
            checks.append(_check(f"at least {low:g}", lambda s: ~(s < low)))
        if column.max is not None:
            high = column.max
            checks.append(_check(f"at most {high:g}", lambda s: ~(s > high)))
    elif column.kind == "category" and column.unseen == "forbid":
        checks.append(_check("one of the portfolio's values", _known(frozenset(column.values or ()))))
    dtypes: dict[str, Any] = {"number": "float64", "category": "category", "date": "datetime64[ns]"}
    return pa.Column(dtypes.get(column.kind, object), checks, nullable=column.nullable)


def _check(name: str, function: Callable[[pd.Series], Any]) -> "pa.Check":
    """A check over a whole column at once; missing values must pass it, as nullability is checked apart."""
    import pandera.pandas as pa

    return pa.Check(function, name=name, error=name, ignore_na=False)


def _between(low: int, high: int) -> Callable[[pd.Series], Any]:
    return lambda s: (s >= low) & (s <= high)


def _unique(series: pd.Series) -> pd.Series:
    return ~series.duplicated(keep=False)


def _known(values: frozenset[str]) -> Callable[[pd.Series], Any]:
    def known(series: pd.Series) -> pd.Series:
        table = [value in values for value in series.cat.categories]
        return pd.Series(np.array([*table, True])[series.cat.codes.to_numpy()], series.index)

    return known


def _violations(schema: "pa.DataFrameSchema", frame: pd.DataFrame) -> list[Violation]:
    from pandera.errors import SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        found = [(str(error.reason_code.name), error) for error in errors.schema_errors]
        mistyped = {error.schema.name for reason, error in found if reason == "WRONG_DATATYPE"}
        # A check cannot run on a column of another type: the type itself is the finding.
        kept = [f for f in found if f[0] != "CHECK_ERROR" or f[1].schema.name not in mistyped]
        return [_violation(reason, error, frame) for reason, error in kept]
    return []


def _violation(reason: str, error: Any, frame: pd.DataFrame) -> Violation:
    """One of Pandera's errors without the values that its own message shows."""
    column = str(error.schema.name)
    if reason == "SERIES_CONTAINS_NULLS":
        return _at(column, "not missing", frame[column].isna().to_numpy(), frame)
    if reason == "WRONG_DATATYPE":
        return Violation(column, f"type {error.schema.dtype} (it is {frame[column].dtype})", len(frame), ())
    if reason == "DATAFRAME_CHECK":
        return _at(column, str(error.check.name), ~np.asarray(error.check_output, bool), frame)
    if reason.startswith("COLUMN_NOT_IN"):
        check = "described in the portfolio" if reason == "COLUMN_NOT_IN_SCHEMA" else "present"
        return Violation(str(error.failure_cases), check, len(frame), ())
    raise error


def _at(column: str, check: str, wrong: np.ndarray, frame: pd.DataFrame) -> Violation:
    places = np.flatnonzero(wrong)
    return Violation(column, check, len(places), tuple(int(row) for row in frame.index[places[:EXAMPLES]]))
