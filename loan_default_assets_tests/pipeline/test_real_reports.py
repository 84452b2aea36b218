"""Reports of models of public loans: every section is filled, or says the one reason that these data give."""

import os
from datetime import date
from pathlib import Path

import pytest
import yaml

from loan_default_assets.orchestration.partitions import completed_keys
from loan_default_assets.portfolio.spec import load
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.rendering.html_page import render
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.test_model_report import report_figures
from loan_default_assets_tests.small_bank import DESCRIPTION

FOLDER = Path(os.environ.get("LOAN_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))
LIBRARY = Path(__file__).parents[2] / "loan_default_assets" / "portfolio" / "library"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "omitted"),
    [
        (
            "taiwan_credit",
            "taiwan_credit.csv",
            {"swaps": "omitted.no_previous_champion", "vintages": "omitted.no_dates"},
        ),
        (
            "sba_loans",
            "sba_prefix_22k.csv",
            {"swaps": "omitted.no_previous_champion", "groups": "omitted.no_groups"},
        ),
    ],
)
def test_a_report_of_public_loans(
    name: str, file: str, omitted: dict[str, str], tmp_path: Path, database_url: str
) -> None:
    if not (FOLDER / file).exists():
        pytest.skip(f"{FOLDER / file} does not exist")
    described = yaml.safe_load((LIBRARY / f"{name}.yaml").read_text("utf-8"))
    described["training"] = {**DESCRIPTION["training"], "batch_size": 512, "members": 1}  # type: ignore[dict-item]
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    portfolio = load(str(tmp_path / f"{name}.yaml"), source=str(FOLDER / file))
    settings = Settings(portfolio=name, loan_default_home=tmp_path / "home", database_url=database_url)
    database = Database(database_url, portfolio.name)
    database.migrate(portfolio)
    bank = BankSteps(portfolio, settings, database, tmp_path / "models")
    keys = completed_keys(portfolio, None, None, date(2024, 1, 1))
    bank.load(keys)
    bank.features(keys)
    bank.pretrain()
    bank.train()
    evaluated = bank.evaluate()
    figures = report_figures(bank.report_inputs, evaluated.model.version)
    found = {key: value.reason for key, value in vars(figures).items() if isinstance(value, Omitted)}
    assert found == omitted
    assert figures.reproduced == pytest.approx(0, abs=1e-6)
    assert len(render(figures).encode()) < 2_000_000
