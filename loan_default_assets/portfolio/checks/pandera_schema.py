"""Portfolio to checks and tables: Pandera schemas of a raw partition and of its features; column types."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.portfolio.checks.violations import Violation, check, violations
from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.ingest.sources import RawPartition
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    import pandera.pandas as pa

__all__ = [
    "Violation",
    "application_violations",
    "pandera_schema",
    "postgres_columns",
    "processed_violations",
    "validate",
    "validated",
]


# Values are scored as float32; what does not fit there would silently become a missing value.
_LARGEST = float(np.finfo(np.float32).max)


class Inputs(Protocol):
    """Anything with the arrays of `features.Features`."""

    @property
    def numerical(self) -> np.ndarray: ...
    @property
    def categorical(self) -> np.ndarray: ...


def pandera_schema(
    p: Portfolio, *, as_of_from: date | None, as_of_to: date | None, today: date
) -> "pa.DataFrameSchema":
    """The schema of a raw partition's frame: `as_of` in [as_of_from, as_of_to) and not after `today`."""
    inside = []
    if as_of_from is not None and as_of_to is not None:
        first, after = pd.Timestamp(as_of_from), pd.Timestamp(as_of_to)
        inside.append(check(f"in the partition {as_of_from}", lambda s: ~((s < first) | (s >= after))))
    return _raw_schema(p, inside, _unique, today)


def validate(p: Portfolio, frame: pd.DataFrame, key: str, today: date) -> list[Violation]:
    """What is wrong with a raw partition, column by column; an empty list for a good one."""
    first, after = (None, None) if key == UNDATED_PARTITION else p.partition_bounds(key)
    return violations(pandera_schema(p, as_of_from=first, as_of_to=after, today=today), frame)


def application_violations(p: Portfolio, frame: pd.DataFrame, today: date) -> list[Violation]:
    """What is wrong with the loans of `sources.applications`; an empty list for good ones.

    The rules are those of a raw partition, but a loan may lack its date.
    """
    schema = _raw_schema(p, [], _unique, today).select_columns(list(frame.columns))
    return violations(schema.update_column("as_of", nullable=True), frame)


def validated(
    p: Portfolio, partitions: Iterable[RawPartition], today: date, *, batch_rows: int = 100_000
) -> Iterator[tuple[RawPartition, list[Violation]]]:
    """Each partition with what `validate` says of it; small ones are looked at together, `batch_rows` a pass."""
    batch: list[RawPartition] = []
    for partition in partitions:
        batch.append(partition)
        if sum(len(held.frame) for held in batch) >= batch_rows:
            yield from _validated(p, batch, today)
            batch = []
    yield from _validated(p, batch, today)


def _validated(
    p: Portfolio, batch: list[RawPartition], today: date
) -> Iterator[tuple[RawPartition, list[Violation]]]:
    good = len(batch) > 1 and not _together(p, batch, today)
    for partition in batch:
        yield partition, [] if good else validate(p, partition.frame, partition.key, today)


def _together(p: Portfolio, batch: list[RawPartition], today: date) -> list[Violation]:
    """What is wrong with the partitions as one frame; the rows are those of the frame, not of the source."""
    sizes = [len(partition.frame) for partition in batch]
    frame = pd.concat([partition.frame for partition in batch], ignore_index=True)
    place = np.repeat(np.arange(len(batch)), sizes)
    bounds = np.array([p.partition_bounds(partition.key) for partition in batch], "datetime64[ns]")

    def inside(s: pd.Series) -> Any:
        return ~((s < bounds[place, 0]) | (s >= bounds[place, 1]))

    def unique(s: pd.Series) -> Any:
        return ~pd.DataFrame({"place": place, "loan_id": s}).duplicated(keep=False)

    return violations(_raw_schema(p, [check("in its partition", inside)], unique, today), frame)


def processed_violations(p: Portfolio, features: Inputs, label: np.ndarray | None = None) -> list[Violation]:
    """What is wrong with features: an infinite number, a code beyond its column, a label outside {0, 1}.

    `label` is (n,), with -1 or NaN for a loan without an outcome. Rows are numbered from 1 in the arrays.
    """
    import pandera.pandas as pa

    names = p.features
    index = pd.RangeIndex(1, len(features.numerical) + 1)
    frames = [
        pd.DataFrame(features.numerical, index, names.numerical, copy=False),
        pd.DataFrame(features.categorical, index, names.categorical, copy=False),
        pd.DataFrame({} if label is None else {"label": label}, index, copy=False),
    ]
    finite = check("finite or missing", lambda s: ~np.isinf(s))
    columns = {name: pa.Column("float32", finite, nullable=True) for name in names.numerical}
    for name, cardinality in zip(names.categorical, names.cardinalities, strict=True):
        columns[name] = pa.Column("int16", check("a known code", _between(0, cardinality - 1)))
    outcome = check("0, 1 or none", lambda s: s.isin((-1, 0, 1)) | s.isna())
    columns["label"] = pa.Column(None, outcome, nullable=True, required=label is not None)
    return violations(pa.DataFrameSchema(columns, strict=True), pd.concat(frames, axis=1))


def postgres_columns(p: Portfolio) -> dict[str, str]:
    """PostgreSQL types of the portfolio's own columns in `raw_data`, in the portfolio's order."""
    types = {"number": "double precision", "category": "text", "text": "text", "date": "date"}
    return {name: "bigint" if c.integer else types[c.kind] for name, c in p.columns.items()}


def _raw_schema(
    p: Portfolio, inside: list["pa.Check"], unique: Callable[[pd.Series], Any], today: date
) -> "pa.DataFrameSchema":
    import pandera.pandas as pa

    dated = p.as_of is not None
    past = [check("not in the future", lambda s: ~(s > pd.Timestamp(today)))] if dated else []
    columns = {
        "loan_id": pa.Column(object, [check("not empty", lambda s: s != ""), check("unique", unique)]),
        "as_of": pa.Column("datetime64[ns]", past + inside, nullable=not dated),
        "label": pa.Column("float64", check("0 or 1", lambda s: s.isin((0.0, 1.0, np.nan))), nullable=True),
        "label_observed_at": pa.Column("datetime64[ns]", nullable=True),
    }
    columns |= {name: _column(column) for name, column in p.columns.items()}
    return pa.DataFrameSchema(columns, strict=True)


def _column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    checks = []
    if column.kind == "number":
        checks.append(check("finite", lambda s: ~(s.abs() > _LARGEST)))
        if column.integer:
            checks.append(check("a whole number", lambda s: (s % 1 == 0) | ~np.isfinite(s)))
        if column.min is not None:
            low = column.min
            checks.append(check(f"at least {low:g}", lambda s: ~(s < low)))
        if column.max is not None:
            high = column.max
            checks.append(check(f"at most {high:g}", lambda s: ~(s > high)))
    elif column.kind == "category" and column.unknown == "forbid":
        checks.append(check("one of the portfolio's values", _known(frozenset(column.values or ()))))
    dtypes: dict[str, Any] = {"number": "float64", "category": "category", "date": "datetime64[ns]"}
    return pa.Column(dtypes.get(column.kind, object), checks, nullable=column.nullable)


def _unique(series: pd.Series) -> Any:
    return ~series.duplicated(keep=False)


def _between(low: int, high: int) -> Callable[[pd.Series], Any]:
    return lambda s: (s >= low) & (s <= high)


def _known(values: frozenset[str]) -> Callable[[pd.Series], Any]:
    def known(series: pd.Series) -> pd.Series:
        table = [value in values for value in series.cat.categories]
        return pd.Series(np.array([*table, True])[series.cat.codes.to_numpy()], series.index)

    return known
