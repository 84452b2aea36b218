"""A bank with two evaluated models, trained once; each module of its tests has a copy."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loan_default_assets.pipeline.training_settings import TrainingAttempt
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

CHANGES = {"protected": ["branch"], "segments": ["purpose"], "economics": {"lgd": 0.6, "margin": 0.1}}


@dataclass(frozen=True)
class ReportedBank:
    """The bank's database and folder. No test alters them."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def reported_bank(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReportedBank]:
    folder = tmp_path_factory.mktemp("reported_bank")
    with fresh_database(postgres) as url:
        steps = BankSteps.open(folder, url, **CHANGES)
        steps.load()
        steps.features()
        steps.pretrain()
        for number in (1, 2):
            steps.train(TrainingAttempt(number, "full", number))
            steps.evaluate()
            steps.decide()
        # No copy finds the files under the registered folders.
        yield ReportedBank(url, folder.rename(folder.with_name("moved_reported_bank")))


@pytest.fixture(scope="module")
def bank(
    reported_bank: ReportedBank, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BankSteps]:
    """A copy of the bank; the second model was compared with the first. Its branch is protected."""
    folder = tmp_path_factory.mktemp("copied_bank")
    shutil.copytree(reported_bank.folder, folder, dirs_exist_ok=True)
    with fresh_database(postgres, reported_bank.url) as url:
        yield BankSteps.open(folder, url, **CHANGES)


@pytest.fixture(scope="module")
def newest(bank: BankSteps) -> str:
    """The version that was compared with the champion before it."""
    evaluations = [each.evaluation for each in bank.evaluations.history() if each.evaluation.compared_with]
    return evaluations[-1].model_version
