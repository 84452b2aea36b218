"""What the assets are handed: the tables of one portfolio, the folder of model artefacts, the attempt in progress."""

from datetime import date
from pathlib import Path
from typing import Literal

import dagster as dg

from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry


class Warehouse(dg.ConfigurableResource):
    """PostgreSQL, one schema a portfolio; migrations are applied when it is first opened."""

    url: str

    def database(self, portfolio: Portfolio) -> Database:
        """The portfolio's schema, migrated. Raises: WarehouseError where the server cannot be reached."""
        database = Database(self.url, portfolio.name)
        database.migrate(portfolio)
        return database

    def loans(self, portfolio: Portfolio) -> Loans:
        return Loans(self.database(portfolio), portfolio)

    def registry(self, portfolio: Portfolio) -> Registry:
        return Registry(self.database(portfolio))

    def evaluations(self, portfolio: Portfolio) -> EvaluationLog:
        return EvaluationLog(self.database(portfolio))


class ModelStore(dg.ConfigurableResource):
    """The folder under which every model version has a folder of its own."""

    root: str

    @property
    def path(self) -> Path:
        path = Path(self.root)
        path.mkdir(parents=True, exist_ok=True)
        return path


class Attempt(dg.ConfigurableResource):
    """Which training this run is: an ordinary one (number 0), or an attempt of the retraining rule.

    `mode`: `full` trains the classifier from the pretrained encoder, `head` fits only the champion's head anew.
    `cutoff`: nothing that became known after this date is used (ISO date; empty: all that is materialized).
    """

    number: int = 0
    mode: Literal["full", "head"] = "full"
    seed_offset: int = 0
    cutoff: str = ""

    @property
    def cutoff_date(self) -> date | None:
        return date.fromisoformat(self.cutoff) if self.cutoff else None
