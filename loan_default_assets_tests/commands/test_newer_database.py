"""A database that a newer release has migrated is refused by every entry point, and is not changed."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from loan_default_assets.commands.dagster_home import ROOT
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.database_errors import NewerDatabase
from loan_default_assets_tests import small_bank

NEWER = "INSERT INTO loan_default.migrations VALUES ('small_bank', 999, '999_of_the_future.sql', 'x')"
DEFINITIONS = "from loan_default_assets.definitions import defs; defs()"
ENTRY_POINTS = {
    "status": ["-m", "loan_default_assets", "status"],
    "run": ["-m", "loan_default_assets", "run"],
    "migrate": ["-m", "loan_default_assets", "migrate"],
    "score": ["-m", "loan_default_assets", "score", "loans.csv"],
    "up": ["-m", "loan_default_assets", "up"],
    "service": ["-m", "bento"],
    "bento": ["-m", "bentoml", "serve", "bento.service:LoanDefault"],
    "dagster": ["-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml")],
}


@pytest.fixture
def newer(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a home whose database is newer."""
    small_bank.bank(tmp_path)
    portfolio = str(tmp_path / "small_bank.yaml")
    Database(database_url, "small_bank").migrate(load(portfolio, source=str(tmp_path / "loans.csv")))
    _execute(database_url, NEWER)
    (tmp_path / "dagster").mkdir()
    return os.environ | {
        "DATABASE_URL": database_url,
        "LOAN_DEFAULT_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "PORTFOLIO": portfolio,
        "LOAN_SOURCE": str(tmp_path / "loans.csv"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("status", "service", "dagster") else pytest.mark.slow)
        for name in ENTRY_POINTS
    ],
)
def test_it_is_refused_with_what_to_do(newer: dict[str, str], name: str, tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, *ENTRY_POINTS[name]],
        env=newer, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "999_of_the_future.sql" in output
    assert "run the newer release again, or restore the backup" in output
    assert "Traceback" not in output or name in ("bento", "dagster")


def test_the_check_alone_changes_nothing_and_needs_no_database(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, "small_bank")
    database.refuse_newer()
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regnamespace('loan_default') IS NULL")
        assert cursor.fetchall() == [(True,)]
    Database("postgresql://nobody@127.0.0.1:1/none", "small_bank").refuse_newer()
    small_bank.bank(tmp_path)
    database.migrate(load(str(tmp_path / "small_bank.yaml"), source=str(tmp_path / "loans.csv")))
    database.refuse_newer()
    _execute(database_url, NEWER)
    with pytest.raises(NewerDatabase):
        database.refuse_newer()
    Database(database_url, "another_bank").refuse_newer()


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(dsn(url))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
