"""Violations of a Pandera schema by column, check and row number, without the values themselves."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.errors import ROWS_SHOWN

if TYPE_CHECKING:
    import pandera.pandas as pa

UNIQUE = "unique"


@dataclass(frozen=True)
class Violation:
    """A check that a column fails.

    Attributes:
        column: The column.
        check: What its values must be; completes the sentence "must be ...".
        count: On how many rows it fails.
        rows: Numbers of the first ROWS_SHOWN of them, 1 = first data row; empty when it concerns the whole column.
    """

    column: str
    check: str
    count: int
    rows: tuple[int, ...]

    def __str__(self) -> str:
        rows = f": {', '.join(map(str, self.rows))}" if self.rows else ""
        more = ", ..." if self.count > len(self.rows) > 0 else ""
        unit = "row" if self.count == 1 else "rows"
        return f"column {self.column}: must be {self.check}; fails on {self.count} {unit}{rows}{more}"


def merged(violations: Iterable[Violation]) -> list[Violation]:
    """One violation per column and check, of violations of consecutive parts of the same rows.

    Examples:
        >>> parts = [Violation("age", "at least 18", 2, (4, 9)), Violation("age", "at least 18", 1, (12,))]
        >>> [str(violation) for violation in merged(parts)]
        ['column age: must be at least 18; fails on 3 rows: 4, 9, 12']
    """
    found: dict[tuple[str, str], Violation] = {}
    for each in violations:
        same = found.get((each.column, each.check))
        if same is not None:
            each = replace(same, count=same.count + each.count, rows=(same.rows + each.rows)[:ROWS_SHOWN])
        found[each.column, each.check] = each
    return list(found.values())


def unique_violation(rows: np.ndarray) -> Violation:
    """The violation of rows of one partition that share loan ids.

    Args:
        rows: The numbers of all of them.
    """
    return Violation("loan_id", UNIQUE, len(rows), tuple(sorted(rows.tolist())[:ROWS_SHOWN]))


def column_check(name: str, function: Callable[[pd.Series], Any]) -> "pa.Check":
    """A check over a whole column at once.

    Args:
        name: What the values must be, as in `Violation.check`.
        function: From the column to one truth value per row; true for missing values, whose check is separate.
    """
    import pandera.pandas as pa

    return pa.Check(function, name=name, error=name, ignore_na=False, n_failure_cases=1)


def schema_violations(schema: "pa.DataFrameSchema", frame: pd.DataFrame) -> list[Violation]:
    """Validate `frame` and list everything that does not fit the schema; an empty list when all fits."""
    from pandera.errors import SchemaErrors

    try:
        with warnings.catch_warnings():
            # Raised by Pandera's tables of failing values, which are not used here.
            warnings.simplefilter("ignore", FutureWarning)
            schema.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        by_reason = [(str(error.reason_code.name), error) for error in errors.schema_errors]
        mistyped = {error.schema.name for reason, error in by_reason if reason == "WRONG_DATATYPE"}
        # A check cannot run on a column of another type: the type is the only violation to report.
        return [
            _violation(reason, error, frame)
            for reason, error in by_reason
            if reason != "CHECK_ERROR" or error.schema.name not in mistyped
        ]
    finally:
        # Pandera's accessor and the frame refer to each other: the frames of a large file would stay in memory until
        # the garbage collector finds them, which is many frames later.
        vars(frame).pop("pandera", None)
    return []


def _violation(reason: str, error: Any, frame: pd.DataFrame) -> Violation:
    """One of Pandera's errors, without the values that its own message contains."""
    column = str(error.schema.name)
    if reason == "SERIES_CONTAINS_NULLS":
        return _row_violation(column, "not missing", frame[column].isna().to_numpy(), frame)
    if reason == "WRONG_DATATYPE":
        return Violation(column, f"of type {error.schema.dtype} (got {frame[column].dtype})", len(frame), ())
    if reason == "DATAFRAME_CHECK":
        return _row_violation(column, str(error.check.name), ~np.asarray(error.check_output, bool), frame)
    if reason.startswith("COLUMN_NOT_IN"):
        check = "described in the portfolio" if reason == "COLUMN_NOT_IN_SCHEMA" else "present"
        return Violation(str(error.failure_cases), check, len(frame), ())
    raise error


def _row_violation(column: str, check: str, wrong: np.ndarray, frame: pd.DataFrame) -> Violation:
    positions = np.flatnonzero(wrong)
    return Violation(
        column, check, len(positions), tuple(int(row) for row in frame.index[positions[:ROWS_SHOWN]])
    )
