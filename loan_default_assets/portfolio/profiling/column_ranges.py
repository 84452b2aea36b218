"""The range of each column of a file, found while its rows pass by, and told no finer than a reader needs."""

import math
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
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
        """`3.5 to 20`, `2015 to 2024`, `always 300,000`; empty for a column without a range.

        Every value of the column lies inside. Two digits and years, rounded outwards: the smallest and the largest
        value are those of single applicants. More digits only where two would hide how close the values are.
        """
        if column not in self.found:
            return ""
        low, high = self.found[column]
        if isinstance(low, date):
            return f"{low.year} to {high.year}" if low.year != high.year else str(low.year)
        if not (math.isfinite(low) and math.isfinite(high)):
            return ""
        if low == high:
            # The value of all applicants tells of none.
            return f"always {_written(Decimal(repr(low)))}"
        first, last = Decimal(repr(low)), Decimal(repr(high))
        return (
            f"{_rounded(first, last - first, ROUND_FLOOR)} to {_rounded(last, last - first, ROUND_CEILING)}"
        )


def _rounded(number: Decimal, spread: Decimal, direction: str) -> str:
    """The number to two digits, or to the digits in which numbers that lie `spread` apart differ."""
    if not number:
        return "0"
    step = min(spread.adjusted(), number.adjusted() - 1)
    return _written(number.quantize(Decimal(1).scaleb(step), rounding=direction))


def _written(number: Decimal) -> str:
    """In full where a reader can count the digits."""
    if not number:
        return "0"
    if -7 < number.adjusted() < 15:
        # Four digits may be years.
        text = f"{number:,f}" if number.adjusted() > 3 else f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{number.normalize():e}"
