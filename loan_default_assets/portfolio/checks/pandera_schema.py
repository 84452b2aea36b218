"""What a portfolio prescribes for its tables: Pandera schemas of raw rows and of features."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.portfolio.checks.violations import UNIQUE, Violation, column_check, schema_violations
from loan_default_assets.portfolio.description import LARGEST_NUMBER, Column
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    import pandera.pandas as pa

__all__ = [
    "Violation",
    "application_violations",
    "feature_violations",
    "partition_violations",
    "raw_partition_schema",
    "row_violations",
]


class FeatureArrays(Protocol):
    """Any object with the arrays of `features.Features`."""

    @property
    def numerical(self) -> np.ndarray: ...
    @property
    def categorical(self) -> np.ndarray: ...


def raw_partition_schema(
    p: Portfolio, *, as_of_from: date | None, as_of_to: date | None, today: date
) -> "pa.DataFrameSchema":
    """The schema of a raw partition's frame, with `as_of` in [as_of_from, as_of_to) and not after `today`."""
    as_of_checks = []
    if as_of_from is not None and as_of_to is not None:
        first, after = pd.Timestamp(as_of_from), pd.Timestamp(as_of_to)
        as_of_checks.append(
            column_check(f"in the partition {as_of_from}", lambda s: ~((s < first) | (s >= after)))
        )
    return _raw_schema(p, as_of_checks, _is_unique, today)


def partition_violations(p: Portfolio, frame: pd.DataFrame, key: str, today: date) -> list[Violation]:
    """The violations of a raw partition, column by column."""
    first, after = (None, None) if key == UNDATED_PARTITION else p.partition_bounds(key)
    return schema_violations(raw_partition_schema(p, as_of_from=first, as_of_to=after, today=today), frame)


def application_violations(p: Portfolio, frame: pd.DataFrame, today: date) -> list[Violation]:
    """The violations of a frame of `sources.application_batches`.

    The rules are those of a raw partition, but as_of may be missing.
    """
    schema = _raw_schema(p, [], _is_unique, today).select_columns(list(frame.columns))
    return schema_violations(schema.update_column("as_of", nullable=True), frame)


def row_violations(
    p: Portfolio, keys: pd.Categorical, frame: pd.DataFrame, today: date
) -> list[tuple[str, Violation]]:
    """The violations of rows of several partitions, with the partition of each.

    Args:
        p: The portfolio.
        keys: The partition key of each row; the categories are the keys that occur.
        frame: The rows as in a raw partition. A loan id must be unique among the rows of its partition given here.
        today: The last date that an as_of may have.
    """
    names, position = list(keys.categories), keys.codes
    if len(names) > 1 and not _violations_together(p, names, position, frame, today):
        return []
    return [
        (name, violation)
        for number, name in enumerate(names)
        for violation in partition_violations(
            p, frame if len(names) == 1 else frame[position == number], name, today
        )
    ]


def _violations_together(
    p: Portfolio, names: Sequence[str], position: np.ndarray, frame: pd.DataFrame, today: date
) -> list[Violation]:
    """The violations of rows, each of which belongs to the partition names[position]."""
    bounds = np.array([p.partition_bounds(name) for name in names], "datetime64[ns]")

    def in_its_partition(s: pd.Series) -> Any:
        return ~((s < bounds[position, 0]) | (s >= bounds[position, 1]))

    def unique_in_its_partition(s: pd.Series) -> Any:
        return ~pd.DataFrame({"partition": position, "loan_id": s}).duplicated(keep=False)

    checks = [column_check("in its partition", in_its_partition)]
    return schema_violations(_raw_schema(p, checks, unique_in_its_partition, today), frame)


def feature_violations(
    p: Portfolio, features: FeatureArrays, label: np.ndarray | None = None
) -> list[Violation]:
    """The violations of features: infinite numbers, codes beyond their column, labels outside {0, 1}.

    Args:
        p: The portfolio.
        features: The features of n loans.
        label: (n,), with -1 or NaN for a loan without an outcome.

    Returns:
        The violations; rows are numbered from 1 in the arrays.
    """
    import pandera.pandas as pa

    names = p.features
    index = pd.RangeIndex(1, len(features.numerical) + 1)
    frames = [
        pd.DataFrame(features.numerical, index, names.numerical, copy=False),
        pd.DataFrame(features.categorical, index, names.categorical, copy=False),
        pd.DataFrame({} if label is None else {"label": label}, index, copy=False),
    ]
    finite = column_check("finite or missing", lambda s: ~np.isinf(s))
    columns = {name: pa.Column("float32", finite, nullable=True) for name in names.numerical}
    for name, cardinality in zip(names.categorical, names.cardinalities, strict=True):
        columns[name] = pa.Column("int16", column_check("a known code", _is_between(0, cardinality - 1)))
    outcome = column_check("0, 1 or none", lambda s: s.isin((-1, 0, 1)) | s.isna())
    columns["label"] = pa.Column(None, outcome, nullable=True, required=label is not None)
    return schema_violations(pa.DataFrameSchema(columns, strict=True), pd.concat(frames, axis=1))


def _raw_schema(
    p: Portfolio, as_of_checks: list["pa.Check"], is_unique: Callable[[pd.Series], Any], today: date
) -> "pa.DataFrameSchema":
    import pandera.pandas as pa

    dated = p.as_of is not None
    past = [column_check("not in the future", lambda s: ~(s > pd.Timestamp(today)))] if dated else []
    columns = {
        "loan_id": pa.Column(
            object, [column_check("not empty", lambda s: s != ""), column_check(UNIQUE, is_unique)]
        ),
        "as_of": pa.Column("datetime64[ns]", past + as_of_checks, nullable=not dated),
        "label": pa.Column("float64", column_check(_label_rule(p), _is_outcome), nullable=True),
        "label_observed_at": pa.Column("datetime64[ns]", nullable=True),
    }
    columns |= {name: _column(column) for name, column in p.columns.items()}
    return pa.DataFrameSchema(columns, strict=True)


def _label_rule(p: Portfolio) -> str:
    """What a cell of the label must be, with the portfolio lines that say so."""
    if p.label.at_least is not None:
        return f"a number in {p.label.column}, or a text listed under label.pending in the portfolio"
    return (
        f"a value of {p.label.column} that label.positive or label.negative names in the portfolio (list values "
        "without an outcome yet under label.pending)"
    )


def _is_outcome(series: pd.Series) -> Any:
    return series.isin((0.0, 1.0, np.nan))


def _column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    checks = []
    if column.kind == "number":
        checks.append(column_check("finite", lambda s: ~(s.abs() > LARGEST_NUMBER)))
        if column.integer:
            checks.append(column_check("a whole number", lambda s: (s % 1 == 0) | ~np.isfinite(s)))
        if column.min is not None:
            low = column.min
            checks.append(column_check(f"at least {low:g}", lambda s: ~(s < low)))
        if column.max is not None:
            high = column.max
            checks.append(column_check(f"at most {high:g}", lambda s: ~(s > high)))
    elif column.kind == "category" and column.unknown == "forbid":
        checks.append(
            column_check("one of the portfolio's values", _is_known(frozenset(column.values or ())))
        )
    dtypes: dict[str, Any] = {"number": "float64", "category": "category", "date": "datetime64[ns]"}
    return pa.Column(dtypes.get(column.kind, object), checks, nullable=column.nullable)


def _is_unique(series: pd.Series) -> Any:
    return ~series.duplicated(keep=False)


def _is_between(low: int, high: int) -> Callable[[pd.Series], Any]:
    return lambda s: (s >= low) & (s <= high)


def _is_known(values: frozenset[str]) -> Callable[[pd.Series], Any]:
    def is_known(series: pd.Series) -> pd.Series:
        table = [value in values for value in series.cat.categories]
        return pd.Series(np.array([*table, True])[series.cat.codes.to_numpy()], series.index)

    return is_known
