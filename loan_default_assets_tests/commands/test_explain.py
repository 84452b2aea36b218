"""`loan-default explain`: recorded decisions in applicants' words, and the cases in which nothing can be explained."""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.commands.explain import explain
from loan_default_assets.commands.session import Session
from loan_default_assets.decisions.explained_columns import actionable_columns
from loan_default_assets.decisions.model_scorers import ModelScorer, load_scorer
from loan_default_assets.limits import split_limits
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.model.decision_explanation import DecisionExplanation, DecisionGrade
from loan_default_assets.pipeline.model_storage import save
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets.portfolio.spec import load
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.rendering.explanation_text import explanation_object, explanation_text
from loan_default_assets.warehouse.champion_decisions import operating_system_user
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, copied
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.two_champions import MARCH, serve

COUNT = 40
MARKS: dict[str, dict[str, object]] = {
    "income": {"category": "income", "actionable": True},
    "amount": {"category": "loan", "actionable": True},
    "months_employed": {"category": "income"},
    "purpose": {"category": "loan", "actionable": True},
}
COLUMNS: dict[str, dict[str, object]] = {
    name: {**column, **MARKS.get(name, {})} for name, column in small_bank.DESCRIPTION["columns"].items()
}
TEXTS = {
    "reasons": {"amount": {"en": "Amount requested", "ko": "신청 금액"}},
    "categories": {"income": {"en": "Income and work", "ko": "소득과 직업"}},
}


@pytest.fixture(scope="module")
def explained_bank(
    good_bank: Bank, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bank]:
    """A bank with a champion, trained before its portfolio had what explanations need."""
    with copied(good_bank, postgres, tmp_path_factory.mktemp("explained_bank")) as opened_bank:
        yield opened_bank()


@pytest.fixture(scope="module")
def session(explained_bank: Bank) -> Session:
    return with_portfolio(explained_bank, columns=COLUMNS, **TEXTS)


@pytest.fixture(scope="module")
def request_id(session: Session) -> str:
    [name] = serve(session, MARCH, COUNT, requests=1)
    return name


def with_portfolio(bank: Bank, **changes: object) -> Session:
    path = small_bank.write_portfolio(bank.folder, **changes)
    return replace(bank.session, portfolio=load(str(path), source=str(bank.folder / "loans.csv")))


def scorer_of(session: Session) -> ModelScorer:
    champion = session.registry.champion()
    assert champion is not None
    return load_scorer(session.artifacts.folder(champion), champion.artifact_sha256)


def features_of(session: Session, request_id: str, position: int) -> Mapping[str, object]:
    features = opened(session.database, f"request_id = '{request_id}'")[request_id, position]
    assert features is not None
    return features


@pytest.fixture(scope="module")
def explanations(session: Session, request_id: str) -> list[DecisionExplanation]:
    return [explain(session, request_id, position) for position in range(12)]


def test_the_decision_is_the_recorded_one(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    with session.database.transaction() as cursor:
        cursor.execute(
            "SELECT probability, decision, threshold, loan_id, reasons FROM predictions "
            "WHERE request_id = %s AND position < 12 ORDER BY position",
            (request_id,),
        )
        recorded = cursor.fetchall()
    found = [(each.pd, each.decision, each.threshold, each.loan_id) for each in explanations]
    assert found == [row[:4] for row in recorded]
    assert {each.decision for each in explanations} == {0, 1}
    for each, (*_, reasons) in zip(explanations, recorded, strict=True):
        assert each.reasons
        if reasons:
            assert [reason.code for reason in each.reasons] == [reason["code"] for reason in reasons]


def test_the_grade_has_the_pd_within_its_bounds(explanations: list[DecisionExplanation]) -> None:
    grades = [each.grade for each in explanations]
    for each, grade in zip(explanations, grades, strict=True):
        assert isinstance(grade, DecisionGrade)
        assert grade.lowest_pd <= each.pd < grade.highest_pd or grade.number == grade.grades
    assert len({grade.grades for grade in grades if isinstance(grade, DecisionGrade)}) == 1


def test_the_values_are_those_that_were_scored(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    for each in explanations:
        values = {value.column.code: value.value for value in each.values}
        assert values == features_of(session, request_id, each.position)
        assert all(value.used for value in each.values)


def test_the_shares_are_those_of_the_contributions(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    each = explanations[0]
    contributions = scorer_of(session).contributions(features_of(session, request_id, 0))
    # income, amount, months_employed, share (of amount and income), purpose, branch.
    income, amount, months, share, purpose, branch = np.abs(contributions) / np.abs(contributions).sum()
    expected = {"income": income + months + share / 2, "loan": amount + purpose + share / 2, "": branch}
    found = {each.category.code: each.share for each in each.shares}
    assert found == pytest.approx(expected)
    assert sum(found.values()) == pytest.approx(1)
    texts = {each.category.code: each.category.ko for each in each.shares}
    assert texts["income"] == "소득과 직업"
    assert texts["loan"] == "loan"


def test_a_change_alters_the_decision_when_it_is_scored(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    scorer = scorer_of(session)
    assert sum(bool(each.changes) for each in explanations) > 6
    for each in explanations:
        values = features_of(session, request_id, each.position)
        assert each.actionable == 3
        for change in each.changes:
            altered = {value.column.code: value.after for value in change.values}
            assert set(altered) <= {"income", "amount", "purpose"}
            assert all(value.before == values[value.column.code] for value in change.values)
            pd = scorer.score([{**values, **altered}])[0]
            assert int(pd >= each.threshold) == 1 - each.decision
            assert pd == pytest.approx(change.pd, abs=1e-6)


def test_changes_stay_within_the_training_rows_and_the_bounds(explained_bank: Bank, session: Session) -> None:
    encoding = scorer_of(session).predictor.model.encoding
    snapshot = read_snapshot(session.loans, split_limits(session.settings))
    trained = dict(zip(("income", "amount"), snapshot.select(snapshot.split.train).numerical.T, strict=False))
    income, amount, purpose = actionable_columns(session.portfolio, encoding)
    for column in (income, amount):
        values = trained[column.column.code]
        assert (column.levels[0], column.levels[-1]) == pytest.approx((values.min(), values.max()))
        assert list(column.ranks) == sorted(column.ranks)
        middle = np.interp(np.median(values), column.levels, column.ranks)
        assert middle == pytest.approx(0.5, abs=0.02)
    assert purpose.values == ("car", "home", "other")
    bounds = {"income": {**COLUMNS["income"], "min": 20_000, "max": 30_000, "integer": True}}
    bounded = with_portfolio(explained_bank, columns={**COLUMNS, **bounds})
    income = actionable_columns(bounded.portfolio, encoding)[0]
    assert 20_000 <= income.levels[0] < income.levels[-1] <= 30_000
    assert income.integer


def test_a_correction_is_scored_and_logged_without_its_values(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    each = next(each for each in explanations if each.changes and len(each.changes[0].values) == 1)
    change = each.changes[0].values[0]
    before = opened(session.database)
    found = explain(session, request_id, each.position, [f"{change.column.code}={change.after}"])
    assert found.correction is not None
    assert found.correction.decision == 1 - each.decision
    assert found.correction.pd == pytest.approx(each.changes[0].pd, abs=1e-6)
    assert [(value.before, value.after) for value in found.correction.values] == [
        (change.before, change.after)
    ]
    assert replace(found, correction=None) == each
    assert opened(session.database) == before
    logged = session.oversight.records()[-1]
    assert (logged.action, logged.actor) == ("application rescored", operating_system_user())
    assert (logged.request_id, logged.position, logged.decision) == (
        request_id,
        each.position,
        1 - each.decision,
    )
    assert logged.details == {"columns": [change.column.code], "pd": found.correction.pd}
    missing = explain(session, request_id, 0, ["months_employed="]).correction
    assert missing is not None
    assert missing.values[0].after is None


@pytest.mark.parametrize(
    ("correction", "named"),
    [
        ("51234.5", "expected COLUMN=VALUE, there is no ="),
        ("51234.5=income", "expected COLUMN=VALUE, no such column"),
        ("incom=51234.5", "did you mean 'income'?"),
        ("income=51234.5x", "--correct income: not a number"),
        ("income=-51234.5", "--correct income: must be at least 0"),
        ("income=", "--correct income: must be not missing"),
        ("purpose=51234.5", "--correct purpose: must be one of the portfolio's values"),
    ],
)
def test_a_wrong_correction_is_refused_without_its_value(
    session: Session, request_id: str, correction: str, named: str
) -> None:
    with pytest.raises(CommandError) as refused:
        explain(session, request_id, 0, [correction])
    assert named in str(refused.value)
    assert "\nNext: " in str(refused.value)
    assert "51234" not in str(refused.value)


def test_both_languages_say_everything(explanations: list[DecisionExplanation]) -> None:
    for each in explanations:
        english, korean = explanation_text(each, "en"), explanation_text(each, "ko")
        assert len(english.splitlines()) == len(korean.splitlines())
        assert ("adverse (refusal)" in english) == ("거절" in korean) == (each.decision == 1)
        assert "Amount requested: " in english
        assert "신청 금액: " in korean
        assert "Rating grade: " in english
        assert "신용등급: " in korean
        found = json.loads(json.dumps(explanation_object(each)))
        assert datetime.fromisoformat(found["scored_at"]) == MARCH
        assert found["text"] == {"en": english, "ko": korean}
        assert found["values"][1]["column"]["ko"] == "신청 금액"
        assert not any("grouped" in value for value in found["values"])


def test_a_terminal_gets_no_control_characters(explanations: list[DecisionExplanation]) -> None:
    value = replace(explanations[0].values[0], value="\x1b[2Jx")
    year = replace(value, value=1998.0, unit="", grouped=False)
    amount = replace(value, value=1998.0, unit="USD")
    told = explanation_text(replace(explanations[0], values=(year, amount)), "ko")
    assert ": 1998\n" in told
    assert ": 1,998 USD\n" in told
    assert "?[2Jx" in explanation_text(replace(explanations[0], values=(value,), loan_id="a\nb"), "en")
    assert "\n  Loan: a?b\n" in explanation_text(replace(explanations[0], loan_id="a\nb"), "en")


def test_a_portfolio_without_marks_is_explained_with_what_it_has(
    explained_bank: Bank, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    found = explain(with_portfolio(explained_bank), request_id, 0)
    assert (found.pd, found.actionable, found.changes) == (explanations[0].pd, 0, ())
    assert [share.category.code for share in found.shares] == [""]
    text = explanation_text(found, "en")
    assert "data without a category: 100 %" in text
    assert "the portfolio marks no column as actionable" in text


def test_the_command_prints_and_logs_nothing(
    explained_bank: Bank,
    request_id: str,
    explanations: list[DecisionExplanation],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    small_bank.write_portfolio(explained_bank.folder, columns=COLUMNS, **TEXTS)
    home = explained_bank.session.settings.home
    for name, value in small_bank.environment(explained_bank.folder, explained_bank.session.url).items():
        monkeypatch.setenv(name, value)
    before = {file: file.stat().st_mtime_ns for file in home.rglob("*") if file.is_file()}
    with caplog.at_level(logging.DEBUG):
        for language in ("en", "ko"):
            arguments = ["explain", request_id, "--position", "3", "--language", language]
            result = CliRunner().invoke(loan_default, arguments)
            assert result.exit_code == 0, result.output
            assert result.output == explanation_text(explanations[3], language) + "\n"  # type: ignore[arg-type]
        result = CliRunner().invoke(loan_default, ["explain", request_id, "--position", "3", "--json"])
    assert json.loads(result.output)["pd"] == explanations[3].pd
    amount = next(value.value for value in explanations[3].values if value.column.code == "amount")
    assert str(amount) not in caplog.text
    assert {file: file.stat().st_mtime_ns for file in home.rglob("*") if file.is_file()} == before


def test_the_grade_needs_no_rows_of_the_evaluation(
    session: Session, request_id: str, explanations: list[DecisionExplanation]
) -> None:
    smaller = {"retraining_sample_threshold": 20, "retraining_positive_threshold": 1}
    changed = session.settings.model_copy(update=smaller)
    assert explain(replace(session, settings=changed), request_id, 0).grade == explanations[0].grade
    unknown = replace(explanations[0], grade=Omitted("omitted.window_changed"))
    assert "Rating grade: not known. The evaluation window cannot" in explanation_text(unknown, "en")


def test_marks_of_columns_do_not_change_the_model(
    explained_bank: Bank, session: Session, tmp_path: Path
) -> None:
    unmarked = with_portfolio(explained_bank, reasons=TEXTS["reasons"])
    model = scorer_of(session).predictor.model
    snapshot = read_snapshot(session.loans, split_limits(session.settings))
    plain, marked = (
        save(tmp_path / name, model, portfolio, snapshot)
        for name, portfolio in (("plain", unmarked.portfolio), ("marked", session.portfolio))
    )
    assert plain.sha256 == marked.sha256


def test_what_is_not_recorded_is_refused(session: Session, request_id: str) -> None:
    unknown = str(uuid.uuid4())
    for name, position, message in (
        ("no-uuid", 0, "a UUID is expected"),
        (unknown, 0, f"no prediction of request {unknown} is recorded"),
        (request_id, COUNT, f"has no prediction {COUNT}: it has {COUNT}, numbered from 0"),
    ):
        with pytest.raises(CommandError, match=message) as refused:
            explain(session, name, position)
        assert "\nNext: loan-default " in str(refused.value)


def test_erased_data_are_said_to_be_erased(session: Session) -> None:
    erased, kept = serve(session, MARCH, 2, requests=2)
    erase(session, subject_of(None, erased), [])
    with pytest.raises(
        CommandError, match=f"the data of prediction 0 of request {erased} were erased"
    ) as refused:
        explain(session, erased, 0)
    assert f"\nNext: loan-default verify {erased}" in str(refused.value)
    assert explain(session, kept, 0).values


def test_another_portfolio_than_that_of_the_model_is_named(explained_bank: Bank, request_id: str) -> None:
    other = with_portfolio(explained_bank, known_at_application=["income"])
    with pytest.raises(
        CommandError, match="decided under another description of portfolio small_bank"
    ) as refused:
        explain(other, request_id, 0)
    assert "--portfolio FILE" in str(refused.value)


def test_lost_files_of_the_model_are_named(
    session: Session, good_bank: Bank, request_id: str, tmp_path: Path
) -> None:
    # A copied bank also finds the files where they were trained.
    roots = [session.artifacts.root, good_bank.session.artifacts.root]
    moved = [root.rename(tmp_path / str(number)) for number, root in enumerate(roots)]
    try:
        with pytest.raises(ArtifactError, match=r"the files of model c[0-9a-f]+ are missing"):
            explain(session, request_id, 0)
    finally:
        for folder, root in zip(moved, roots, strict=True):
            folder.rename(root)


def test_a_score_that_the_model_does_not_give_is_not_explained(session: Session) -> None:
    [name] = serve(session, MARCH, 1, requests=1)
    with session.database.transaction() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE predictions SET probability = probability / 2 WHERE request_id = %s", (name,))
    with pytest.raises(CommandError, match="does not give the recorded PD") as refused:
        explain(session, name, 0)
    assert f"\nNext: loan-default verify {name}" in str(refused.value)
