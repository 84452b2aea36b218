"""What a Pandera schema found wrong, by column, check and row number: never the values themselves."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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


def check(name: str, function: Callable[[pd.Series], Any]) -> "pa.Check":
    """A check over a whole column at once; missing values must pass it, as nullability is checked apart."""
    import pandera.pandas as pa

    return pa.Check(function, name=name, error=name, ignore_na=False, n_failure_cases=1)


def violations(schema: "pa.DataFrameSchema", frame: pd.DataFrame) -> list[Violation]:
    """Everything in `frame` that does not fit the schema; an empty list for a good one."""
    from pandera.errors import SchemaErrors

    try:
        with warnings.catch_warnings():
            # Pandera's own tables of failing values, which are not used here, provoke it.
            warnings.simplefilter("ignore", FutureWarning)
            schema.validate(frame, lazy=True, inplace=True)
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
