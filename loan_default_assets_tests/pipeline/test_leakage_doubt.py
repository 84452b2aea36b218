"""Features that together know too much of the outcome: the doubt is logged, recorded and told to every reader."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import dagster as dg
import pytest

from bento.access.api_keys import Role
from bento.console.overview_facts import OverviewReader
from bento.console.overview_page import overview_page
from bento.console.page_rendering import Visitor
from bento.console.page_texts import Language
from bento.operations.model_info import ModelInfo
from bento.operations.recorded_decisions import RecordedDecisions
from loan_default_assets.commands import summary
from loan_default_assets.commands.explain import explain
from loan_default_assets.commands.promote import promote
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.score import score_file
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.status import status, text
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.pipeline.model_dossier import dossier_facts
from loan_default_assets.pipeline.model_report import report_figures
from loan_default_assets.pipeline.validation_workbook import validation_figures
from loan_default_assets.policy.state import Limits
from loan_default_assets.reports.rendering.blocks import Paragraph
from loan_default_assets.reports.rendering.explanation_text import explanation_text
from loan_default_assets.reports.rendering.html_page import render
from loan_default_assets.reports.rendering.workbook_sheets import sheets
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets_tests import doubtful_bank
from loan_default_assets_tests.bento.console.overview_samples import service
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_bank import Bank, opening
from loan_default_assets_tests.pipeline.bank_steps import BankSteps


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return [message for message in found if message.startswith("leakage check: ")]


def logged_by(bank: Bank, asset: str) -> list[str]:
    """The warnings on leakage of the newest run that materialized an asset."""
    event = bank.instance.get_latest_materialization_event(dg.AssetKey([bank.session.portfolio.name, asset]))
    assert event is not None
    entries = bank.instance.all_logs(event.run_id)
    found = [entry.user_message for entry in entries if entry.level == logging.WARNING]
    return [message for message in found if message.startswith("leakage check: ")]


def test_every_training_logs_the_doubt_also_one_without_pretraining(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps = BankSteps.open(tmp_path, database_url, doubtful_bank.loans(), **doubtful_bank.CHANGES)
    steps.load()
    steps.features()
    for train in (steps.pretrain, steps.train):
        train()
        (message,) = logged(caplog)
        assert "quick model is 0.9" in message
        assert "calls (0." in message


@pytest.fixture(scope="module")
def bank(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A bank whose first champion is provisional and doubtful."""
    folder = tmp_path_factory.mktemp("doubtful_bank")
    with fresh_database(postgres) as url, opening(url, folder) as opened:
        bank = opened(doubtful_bank.loans(), **doubtful_bank.CHANGES)
        bank.first = bank.run()
        yield bank


def test_a_run_that_also_pretrains_logs_the_doubt_once(bank: Bank) -> None:
    (message,) = logged_by(bank, "classifier")
    assert "calls (0." in message
    assert logged_by(bank, "pretrained_encoder") == [message]


def serving(bank: Bank) -> str:
    champion = bank.session.registry.champion()
    assert champion is not None
    return champion.version


def inputs_of(session: Session) -> ReportInputs:
    return ReportInputs(
        session.portfolio,
        session.loans,
        session.registry,
        session.evaluations,
        PredictionLog(session.database),
        session.artifacts,
        split_limits(session.settings),
        session.database,
    )


def champion_page(bank: Bank, name: str) -> str:
    event = bank.instance.get_latest_materialization_event(
        dg.AssetKey([bank.session.portfolio.name, "champion"])
    )
    assert event is not None
    assert event.asset_materialization is not None
    return " ".join(str(event.asset_materialization.metadata[name].value).split())


def check_page(bank: Bank) -> str:
    key = dg.AssetCheckKey(dg.AssetKey([bank.session.portfolio.name, "evaluation"]), "leakage_is_excluded")
    (found,) = bank.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert found.event is not None
    result = found.event.asset_check_evaluation
    assert result is not None
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    return result.description or ""


def console(bank: Bank, language: Language) -> str:
    session = bank.session
    found = OverviewReader(session.portfolio, session.settings, session.database).read()
    visitor = Visitor.of(Role.ADMIN, signed_in=True)
    page = overview_page(
        service(), found, Limits(), (), portfolio=session.portfolio, visitor=visitor, language=language
    )
    return page.decode()


def model_info(bank: Bank) -> str:
    """The content of /model-info of a worker that has not loaded the champion yet."""
    session = bank.session
    loader = SimpleNamespace(current=None, wanted=session.registry.champion(), error=None, files_problem=None)
    link = SimpleNamespace(workers=(), polling=True, problem=None)
    reports = SimpleNamespace(reports=lambda: ())
    parts: tuple[Any, ...] = (loader, reports, link)
    info = ModelInfo(session.portfolio, session.settings, *parts, session.database, dict).gather()
    return json.dumps(info["evaluation"]["warnings"])


def summary_sheet(bank: Bank) -> str:
    first, *_ = sheets(validation_figures(inputs_of(bank.session), serving(bank)))
    return " ".join(block.message.text("en") for block in first.blocks if isinstance(block, Paragraph))


def scored_application(bank: Bank) -> str:
    """The request of one application that the champion scored."""
    file = bank.folder / "application.csv"
    doubtful_bank.loans().head(1).to_csv(file, index=False)
    score_file(bank.session, str(file), str(bank.folder / "scored.csv"))
    with bank.session.database.transaction() as cursor:
        cursor.execute("SELECT request_id FROM predictions ORDER BY created_at DESC LIMIT 1")
        [(name,)] = cursor.fetchall()
    return str(name)


def explanation(bank: Bank, language: Literal["en", "ko"]) -> str:
    return explanation_text(explain(bank.session, scored_application(bank), 0), language)


def explanation_over_http(bank: Bank) -> str:
    """The content of /predictions/{id}."""
    session = bank.session
    decisions = RecordedDecisions(session.portfolio, session.database, session.artifacts)
    return json.dumps(decisions.explain(scored_application(bank), 0)["model"]["warnings"])


def dossier(bank: Bank, group: str) -> str:
    found = dossier_facts(inputs_of(bank.session), serving(bank), bank.folder / "small_bank.yaml")
    return " ".join(f"{fact.name}={fact.value}" for fact in found.groups[group])


ENGLISH, KOREAN = "Leakage is not excluded", "정보 누출 가능성이 배제되지 않았습니다"
PLACES: dict[str, tuple[Callable[[Bank], str], tuple[str, ...]]] = {
    "summary of run": (
        lambda bank: summary.text(bank.session, bank.first),  # type: ignore[arg-type]
        ("  WARN Leakage is not excluded: a quick model", "calls (0.", "  Next: list those that change"),
    ),
    "status": (lambda bank: text(status(bank.session)), ("  WARN Leakage is not excluded", "calls (0.")),
    "status --json": (
        lambda bank: json.dumps(status(bank.session)["champion"]["warnings"]),
        ('"kind": "leakage_doubt"', ENGLISH),
    ),
    "champion in Dagster": (lambda bank: champion_page(bank, "warnings"), (ENGLISH, "calls (0.")),
    "reason in Dagster": (lambda bank: champion_page(bank, "reason"), (ENGLISH, "calls (0.")),
    "check in Dagster": (check_page, (ENGLISH, "calls (0.")),
    "console": (
        lambda bank: console(bank, "en"),
        ('<p class="notice warning">', "and leakage is not excluded"),
    ),
    "console in Korean": (
        lambda bank: console(bank, "ko"),
        ('<p class="notice warning">', "정보 누출 가능성이 배제되지 않았습니다", "정보 누출 미배제"),
    ),
    "/model-info": (model_info, ('"kind": "leakage_doubt"', ENGLISH, "calls (0.")),
    "explain": (lambda bank: explanation(bank, "en"), ("Warning on the verdict: leakage is not excluded",)),
    "explain in Korean": (lambda bank: explanation(bank, "ko"), ("판정에 대한 경고", "배제되지 않았습니다")),
    "/predictions/{id}": (explanation_over_http, ('"kind": "leakage_doubt"', ENGLISH, "calls (0.")),
    "report": (
        lambda bank: render(report_figures(inputs_of(bank.session), serving(bank))),
        (ENGLISH, KOREAN, "calls (0.", "All figures hold only if", "신청 시점에 알려진 경우에만 유효합니다"),
    ),
    "workbook": (summary_sheet, (ENGLISH, "calls (0.")),
    "verdict of the dossier": (lambda bank: dossier(bank, "evaluation"), (ENGLISH, "calls (0.")),
    "rules of the dossier": (
        lambda bank: dossier(bank, "rules"),
        ("candidate.doubt.roc_auc=0.", "doubt.telling.0.0=calls"),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_doubt_is_shown(bank: Bank, place: str) -> None:
    show, expected = PLACES[place]
    shown = show(bank)
    assert [phrase for phrase in expected if phrase not in shown] == []


def test_a_retraining_and_a_promotion_by_an_operator_end_with_the_doubt(bank: Bank) -> None:
    session, first = bank.session, serving(bank)
    retrained = retrain(session, bank.instance)
    assert len(logged_by(bank, "classifier")) == 1
    newest = next(record for record in session.registry.history() if record.kind == "classifier")
    other = newest.version if serving(bank) == first else first
    for said, begin in (
        (retrained, "attempt "),
        (promote(session, other, "a trial"), f"{other} is the champion"),
    ):
        lines = said.splitlines()
        assert lines[0].startswith(begin)
        assert lines[1].startswith("  WARN Leakage is not excluded: a quick model")
        assert lines[2].startswith("  Next: list those that change after the loan is granted")
