"""The range of each column of a file, found while its rows pass by, and told no finer than a reader needs."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


@dataclass
class ColumnRanges:
    """The ranges of columns of numbers and dates."""

    found: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def add(self, column: str, cells: pa.Array) -> None:
        """Extend the column's range to these cells; cells of other types have none."""
        if not (pa.types.is_floating(cells.type) or pa.types.is_date(cells.type)):
            return
        bounds = pc.min_max(cells).as_py()
        if bounds["min"] is not None:
            low, high = self.found.get(column, (bounds["min"], bounds["max"]))
            self.found[column] = min(low, bounds["min"]), max(high, bounds["max"])

    def text(self, column: str) -> str:
        """`3.5 to 20`, `2015 to 2024`; empty for a column without a range.

        Two digits and years: the smallest and the largest value are those of single applicants.
        """
        return " to ".join(map(_coarse, self.found.get(column, ())))


def _coarse(value: float | date) -> str:
    return str(value.year) if isinstance(value, date) else f"{float(f'{value:.2g}'):g}"
