"""A case: a file that is written by our own code, and what a user expects of it; and how such files are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets_tests.portfolio.ingest.loan_files import csv_text

ROWS = 60
DATED = DraftRequest("bad", "issued", "id", horizon_days=30)
UNDATED = DraftRequest("bad", undated=True)

Columns = dict[str, Sequence[str]]
Write = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    """One file and what a user expects of it.

    Attributes:
        name: The case; also its schema, where the draft's name is not the point.
        write: Writes the file into a folder and returns its path.
        request: The options of `init`.
        uses: By column: its kind in the draft, or key, as_of, label, known_after_outcome, protected, ignored.
        cells: By column: value per row number, from 1; None is a missing value.
        source: Keys under `source` that the draft has, apart from kind and path; None where that is not the point.
        said: Parts of the report of `init`.
        refused: Parts of the error with which `init` ends; none where it drafts.
        violations: Parts of the error with which `run` ends; none where it loads the file.
        bad_cells: By column: a row whose cell `run` names, and which a request and a query do not accept either.
        portfolio_name: The name in the draft, where it is the point.
    """

    name: str
    write: Write
    request: DraftRequest = DATED
    uses: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    said: Sequence[str] = ()
    refused: Sequence[str] = ()
    violations: Sequence[str] = ()
    bad_cells: Mapping[str, int] = field(default_factory=dict)
    portfolio_name: str | None = None


def loans(count: int = ROWS, **changed: Sequence[str] | None) -> Columns:
    """Columns of generated loans with an honest income, a date per loan and every seventh a default.

    A changed column is repeated down the rows; one that is None is omitted; a new one stands before the label.
    """
    numbers = range(count)
    columns: dict[str, Sequence[str]] = {
        "id": [f"K{1000 + n}" for n in numbers],
        "issued": [f"2018-{n % 12 + 1:02d}-{n * 5 % 28 + 1:02d}" for n in numbers],
        "amount": [str(1000 + 137 * n % 9000) for n in numbers],
        "purpose": [("car", "home", "study")[n * 5 % 11 % 3] for n in numbers],
    }
    outcome = {"bad": [str(int(n % 7 == 0)) for n in numbers]}
    for name, cells in changed.items():
        where = outcome if name in outcome else columns
        where.pop(name, None) if cells is None else where.update({name: cells})
    return {name: [cells[n % len(cells)] for n in numbers] for name, cells in (columns | outcome).items()}


def rows_in(columns: Columns) -> list[list[str]]:
    """The rows of columns."""
    return [list(row) for row in zip(*columns.values(), strict=True)]


def text_of(columns: Columns, names: Sequence[str] | None = None, **layout: Any) -> str:
    """Columns as delimited text; `layout` is that of `csv_text`."""
    return csv_text(rows_in(columns), list(columns) if names is None else names, **layout)


def file(data: str | bytes, name: str = "loans.csv") -> Write:
    """Writes this file."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def column_case(
    name: str, column: str, values: Mapping[str, Any], use: str, *, count: int = ROWS, **expected: Any
) -> Case:
    """A case of one column: its texts, each with the value that it is."""
    cells = dict(enumerate(values.values(), start=1))
    return Case(
        name,
        file(text_of(loans(count, **{column: list(values)}))),
        uses={column: use},
        cells={column: cells} if use in ("number", "category", "date") else {},
        **expected,
    )
