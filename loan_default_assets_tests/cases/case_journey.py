"""The whole way of one file of loans: drafted, loaded, stored, scored, queried by SQL, and sent as requests."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from bento.schemas.request_parsing import Parser
from bento.schemas.requests import GROUPS, RequestTypes
from loan_default_assets.commands.init import write
from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.portfolio.cell_options import NUMBER_OPTIONS
from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.ingest.cell_parsing import parse_cell
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.ingest.sources import read_rows
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.portfolio.ingest.loan_files import everything, read_applications, rows_of

TODAY = date(2026, 6, 1)
_LOG = logging.getLogger("loan_default_assets_tests.cases")


@dataclass(frozen=True)
class Journey:
    """One file on its way: the report of `init`, the accepted draft, and the cells of the file as they are written."""

    report: str
    portfolio: Portfolio
    columns: tuple[str, ...]
    cells: list[list[Any]]

    def use_of(self, name: str) -> str:
        """What a column is used as; its kind, where it is a feature."""
        p = self.portfolio
        special = {p.key: "key", p.as_of: "as_of", p.label.column: "label"}
        if name in special or name in p.ignore:
            return special.get(name, "ignored")
        for use in ("known_after_outcome", "protected"):
            if name in getattr(p, use):
                return use
        return p.columns[name].kind

    @property
    def keys(self) -> list[str]:
        return completed_keys(self.portfolio, None, None, TODAY)

    def column(self, name: str) -> list[Any]:
        """The cells of a column of the portfolio."""
        own = self.portfolio.columns[name].source_name if name in self.portfolio.columns else None
        index = self.columns.index(own or name)
        return [row[index] for row in self.cells]


def drafted(path: Path, request: DraftRequest) -> Journey:
    """Draft a portfolio as `init` does and load it as `run` does.

    Raises: what `init` and `load` raise.
    """
    written = write(str(path), request, str(path.parent / "portfolio.yaml"), today=TODAY)
    portfolio = load(str(written.path), source=str(path))
    layout = inspect_file(path, encoding=request.encoding, fill_short_rows=request.fill_short_rows)
    nested = [name for name, reason in layout.not_needed if reason == "lists or objects"]
    columns = tuple(name for name in layout.columns if name not in nested)
    return Journey(
        written.report, portfolio, columns, rows_of(everything(layout.source(path), columns, nested))
    )


def file_rows(p: Portfolio, keys: Sequence[str]) -> pd.DataFrame:
    """The rows of the portfolio's source in their types; the index is the row number."""
    return pd.concat([rows.frame for rows in read_rows(p, keys, today=TODAY)])


def load_into(database: Database, journey: Journey) -> Loans:
    """Load the file as `run` does; `raw_data` of another portfolio in the same schema is replaced.

    Raises: what `run` raises.
    """
    loans = Loans(database, journey.portfolio)
    load_partitions(journey.portfolio, loans, journey.keys, today=TODAY, log=_LOG)
    return loans


def sql_rows(journey: Journey, folder: Path) -> pd.DataFrame:
    """The rows of a database table whose columns hold the cells of the file as text."""
    url = f"sqlite:///{folder / 'loans.db'}"
    engine = sa.create_engine(url)
    names = [f"c{index}" for index in range(len(journey.columns))]
    table = sa.Table("loans", sa.MetaData(), *(sa.Column(name, sa.Text) for name in names))
    with engine.begin() as connection:
        table.create(connection)
        rows = [dict(zip(names, map(_as_text, row), strict=True)) for row in journey.cells]
        connection.execute(sa.insert(table), rows)
    engine.dispose()
    wanted = [
        f'{name} AS "{own.replace(":", chr(92) + ":").replace(chr(34), chr(34) * 2)}"'
        for name, own in zip(names, journey.columns, strict=True)
    ]
    source = Source(kind="sql", url=url, query=f"SELECT {', '.join(wanted)} FROM loans ORDER BY rowid")
    return file_rows(journey.portfolio.model_copy(update={"source": source}), journey.keys)


def scored_rows(journey: Journey, path: Path) -> pd.DataFrame:
    """The rows of the file as `score` reads them."""
    return read_applications(journey.portfolio, str(path))


class Requests:
    """The cells of a file as requests to the service."""

    def __init__(self, journey: Journey) -> None:
        self._types = RequestTypes(journey.portfolio)
        self._parser = Parser(self._types.predict, journey.portfolio, 1)
        self.sources = self._types.sources
        self._columns = journey.portfolio.columns
        self._texts = {name: journey.column(name) for name in self.sources}

    def values(self, row: int) -> dict[str, Any]:
        """The value of every column that is sent, by the service's own parsing.

        Raises: Refused.
        """
        groups: dict[str, dict[str, Any]] = {}
        for name in self.sources:
            cell = _as_json(self._texts[name][row - 1], self._columns[name])
            if cell is not None:
                groups.setdefault(GROUPS[self._columns[name].kind], {})[name] = cell
        body = json.dumps({"categorical_features": {}, "numerical_features": {}} | groups).encode()
        loan = self._types.loan(self._parser.json(body), TODAY)
        return dict(zip(self.sources, loan.values, strict=True))


def _as_text(cell: Any) -> str | None:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return None if cell is None else str(cell)


def _as_json(cell: Any, column: Column) -> Any:
    """A cell as a client would send it: a plain number as a number, everything else as it is written."""
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    if isinstance(cell, str):
        text = cell.strip()
        described = NUMBER_OPTIONS & column.model_dump(exclude_defaults=True).keys()
        if column.kind == "number" and not described:
            try:
                return parse_cell(Column(kind="number"), text)
            except ValueError:
                return text
        return text or None
    if column.kind == "category":
        return _as_text(cell)
    return None if cell is None or cell != cell else float(cell)


def same(one: Any, other: Any) -> bool:
    """Whether two values of a column are the same; every missing value is the same."""
    one, other = _plain(one), _plain(other)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    return bool(one == other)


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp | datetime):
        return value.date()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
