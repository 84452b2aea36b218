"""What is checked of a case: the draft, and the same values by `run`, `score`, a SQL source and requests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bento.schemas.problems import Refused
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.profiling.undecided import UndecidedError
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.cases.case_files import Case
from loan_default_assets_tests.cases.case_journey import (
    Journey,
    Requests,
    drafted,
    file_rows,
    load_into,
    same,
    scored_rows,
    sql_rows,
)


def check_case(case: Case, folder: Path, database_url: str) -> None:
    """Take the case's file the whole way."""
    path = case.write(folder)
    if case.refused:
        with pytest.raises((PortfolioError, UndecidedError)) as error:
            drafted(path, case.request)
        _has_all(case, str(error.value), case.refused)
        assert not (folder / "portfolio.yaml").exists()
        return
    journey = drafted(path, case.request)
    _check_draft(case, journey)
    name = case.portfolio_name or case.name
    portfolio = journey.portfolio.model_copy(update={"name": name})
    with Database(database_url, name).connected() as database:
        database.migrate(portfolio)
        if case.violations:
            _check_refused_rows(case, journey, folder, database)
            return
        loans = load_into(database, journey)
        stored = pd.concat(list(loans.read_raw_batches(journey.keys)))
    rows = file_rows(journey.portfolio, journey.keys)
    for column, cells in case.cells.items():
        for row, value in cells.items():
            assert same(rows[column][row], value), (
                f"{column}, row {row}: {rows[column][row]!r} is not {value!r}"
            )
    _check_same("run", rows.set_index("loan_id"), stored.set_index("loan_id"))
    _check_same("SQL", rows, sql_rows(journey, folder))
    scored = scored_rows(journey, path)
    _check_same("score", rows[[name for name in scored.columns if name in rows]], scored)
    _check_requests(journey, rows)


def _check_draft(case: Case, journey: Journey) -> None:
    p = journey.portfolio
    used = {column.source_name or name for name, column in p.columns.items()} | {
        p.key,
        p.as_of,
        p.label.column,
    }
    assert set(journey.columns) <= used | set(p.ignore), "a column of the file is not accounted for"
    uses = {name: journey.use_of(name) for name in case.uses}
    assert uses == dict(case.uses)
    if case.source is not None:
        found = p.source.model_dump(exclude_defaults=True)
        assert {key: found[key] for key in found if key not in ("kind", "path", "names")} == dict(case.source)
    if case.portfolio_name:
        assert p.name == case.portfolio_name
    _has_all(case, journey.report, case.said)


def _check_refused_rows(case: Case, journey: Journey, folder: Path, database: Database) -> None:
    """`run` names the rows and stores nothing; a query and a request do not take the cells either."""
    with pytest.raises((SourceError, ChecksFailedError)) as error:
        load_into(database, journey)
    _has_all(case, str(error.value), case.violations)
    assert Loans(database, journey.portfolio).counts()["raw_data"] == 0
    if not case.bad_cells:
        return
    with pytest.raises(SourceError) as of_query:
        sql_rows(journey, folder)
    requests = Requests(journey)
    for column, row in case.bad_cells.items():
        assert column in str(of_query.value)
        assert str(row) in str(of_query.value)
        with pytest.raises(Refused) as refused:
            requests.values(row)
        assert any(column in detail.field for detail in refused.value.problem.details)


def _check_same(way: str, expected: pd.DataFrame, found: pd.DataFrame) -> None:
    assert len(found) == len(expected)
    assert expected.index.is_unique
    for column in expected.columns:
        others = found[column].to_dict()
        for row, value in expected[column].to_dict().items():
            other = others[row]
            assert same(value, other), f"by {way}, {column}, row {row}: {other!r} is not {value!r}"


def _check_requests(journey: Journey, rows: pd.DataFrame) -> None:
    requests = Requests(journey)
    columns: dict[str, list[Any]] = {name: rows[name].tolist() for name in requests.sources}
    for row in range(1, len(rows) + 1):
        for name, value in requests.values(row).items():
            expected = columns[name][row - 1]
            assert same(expected, value), f"by request, {name}, row {row}: {value!r} is not {expected!r}"


def _has_all(case: Case, text: str, parts: Sequence[str]) -> None:
    for part in parts:
        assert part in text, f"{case.name}: {part!r} is not in:\n{text}"
