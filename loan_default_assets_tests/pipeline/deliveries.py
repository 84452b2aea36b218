"""A small bank whose loans are delivered in files of a folder, or stand in a table with a watermark."""

import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loan_default_assets.pipeline.new_rows import NewRows, new_rows, source_state
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database import Database
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

DAYS = ("2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04")
LOANS = small_bank.loans(days=4, rows_per_day=6)


def of_days(*days: str, rows: slice = slice(None)) -> pd.DataFrame:
    """The loans of some days; of each of them the rows of the slice."""
    return pd.concat([LOANS[LOANS["issued"] == day].iloc[rows] for day in days])


def opened(folder: Path, url: str, source: dict[str, Any]) -> BankSteps:
    """The bank on a source, with nothing loaded."""
    path = small_bank.write_portfolio(folder, source=source, ignore=["changed"])
    portfolio = load(str(path))
    database = Database(url, portfolio.name)
    database.migrate(portfolio)
    return BankSteps(portfolio, small_bank.settings(folder, url), database, folder / "models")


def search(steps: BankSteps) -> NewRows:
    """What a tick of the sensor finds."""
    loaded = steps.loans.loaded
    before = loaded.read()
    return new_rows(steps.portfolio, source_state(steps.portfolio, loaded, today=small_bank.TODAY), before)


def load_new(steps: BankSteps) -> list[str]:
    """Load what is found, and its features; the keys."""
    keys = list(search(steps).keys)
    if keys:
        steps.load(keys)
        steps.features(keys)
    return keys


def rows_by_day(steps: BankSteps) -> dict[str, int]:
    """Stored loans with features of each partition."""
    return {key: state.processed_rows for key, state in steps.loans.partitions().items()}


@dataclass(frozen=True)
class Folder:
    """The folder of the deliveries."""

    path: Path

    def source(self, **options: Any) -> dict[str, Any]:
        # Longer than a test of a file that is being written takes.
        return {"kind": "csv", "path": str(self.path / "*.csv"), "settle_seconds": 30} | options

    def deliver(self, name: str, frame: pd.DataFrame, age: float = 60) -> Path:
        """A file that was written so many seconds ago."""
        path = self.path / name
        frame.to_csv(path, index=False)
        os.utime(path, (time.time() - age, time.time() - age))
        return path


@dataclass(frozen=True)
class Table:
    """The table `loans` of a SQLite file with the watermark `changed`."""

    path: Path

    def source(self) -> dict[str, Any]:
        return {
            "kind": "sql",
            "url": f"sqlite:///{self.path}",
            "query": "SELECT * FROM loans WHERE issued >= :start AND issued < :end -- all columns\n;",
            "watermark": "changed",
        }

    def insert(self, frame: pd.DataFrame, changed: int) -> None:
        with sqlite3.connect(self.path) as connection:
            frame.assign(changed=changed).to_sql("loans", connection, if_exists="append", index=False)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(statement, parameters)
