"""A record of the cells that cannot be read, by column and problem, with their row numbers and never their values."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from loan_default_assets.portfolio.errors import ROWS_SHOWN, SourceError, row_list


@dataclass
class CellErrors:
    """Cells that cannot be read: count and first rows per (column, problem), and what would help."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    hints: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, column: str, problem: str, rows: Iterable[int], hint: str = "") -> None:
        """Record that the cells of `column` in `rows` (1 = first data row) have the problem.

        Args:
            column: The column's name.
            problem: What is wrong, without the value.
            rows: Row numbers.
            hint: What the user can do.
        """
        numbers = [int(row) for row in rows]
        if numbers:
            key = (column, problem)
            self.counts[key] = self.counts.get(key, 0) + len(numbers)
            self.rows.setdefault(key, []).extend(numbers[: ROWS_SHOWN - len(self.rows.get(key, []))])
            if hint:
                self.hints[key] = f"; {hint}"

    def raise_if_any(self, location: str, consequence: str = "") -> None:
        """Raise SourceError with one line per problem and a last one with the consequence, if there is a problem."""
        if self.counts:
            lines = [
                f"{location}: column {column}: {problem}: {count} cell{'s' if count > 1 else ''} "
                f"({row_list(self.rows[column, problem], count)}){self.hints.get((column, problem), '')}"
                for (column, problem), count in self.counts.items()
            ]
            raise SourceError("\n".join([*lines, *filter(None, [consequence])]))
