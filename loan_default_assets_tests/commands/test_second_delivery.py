"""The draft of a first file loads what the next delivery brings: a blank, a decimal, a value, or one more column."""

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.commands.init import write
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests import small_bank


def with_a_blank(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(income=frame["income"].astype(object).where(frame.index != 5, ""))


def with_decimals(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(income=frame["income"] + 0.25)


def with_a_new_value(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(purpose=frame["purpose"].where(frame.index != 5, "boat"))


def with_a_new_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(rating="B")


@pytest.mark.parametrize("changed", [with_a_blank, with_decimals, with_a_new_value, with_a_new_column])
def test_the_next_delivery_is_loaded(
    changed: Callable[[pd.DataFrame], pd.DataFrame],
    tmp_path: Path,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    frame = small_bank.loans(days=10)
    frame["income"] = frame["income"].round().astype(int)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    frame.to_csv(first, index=False)
    changed(frame).to_csv(second, index=False)
    drafted = tmp_path / "bank.yaml"
    request = DraftRequest("defaulted", "issued", "loan", horizon_days=3)
    write(str(first), request, str(drafted), today=small_bank.TODAY)
    p = load(str(drafted), source=str(second))
    database = Database(database_url, p.name)
    database.migrate(p)
    keys = sorted(set(frame["issued"]))
    with caplog.at_level(logging.INFO):
        stored = load_partitions(
            p, Loans(database, p), keys, today=small_bank.TODAY, log=logging.getLogger("loads")
        )
    assert stored.check.figures == {"rows": len(frame)}
    new_column = "not read, as the portfolio does not describe them: 'rating'"
    assert (new_column in caplog.text) is (changed is with_a_new_column)
