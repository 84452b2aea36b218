"""A shadow's comparison on matured outcomes, in every place where an operator decides on it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from bento.shadow.scorer import ShadowScorer
from loan_default_assets.cli import loan_default
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.promote import promote
from loan_default_assets.commands.report import _inputs
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.shadow import shadow
from loan_default_assets.commands.status import status, text
from loan_default_assets.pipeline import model_evaluation
from loan_default_assets.pipeline.model_report import report_figures
from loan_default_assets.shadow_comparison import compare_shadow
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, copied
from loan_default_assets_tests.two_champions import serve

DAY = datetime(2025, 5, 1, tzinfo=UTC)
COUNT = 300


@pytest.fixture(scope="module")
def bank(
    good_bank: Bank, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bank]:
    """A bank with a champion and a challenger that was not promoted."""
    with copied(good_bank, postgres, tmp_path_factory.mktemp("shadowed_bank")) as opened:
        made = opened()
        with pytest.MonkeyPatch.context() as patch:
            # Whether it is better than the champion is a matter of the loans: rejected in any case.
            patch.setattr(model_evaluation, "_smoke_failure", lambda folder, sha256: "exit code 1")
            retrain(made.session, made.instance)
        yield made


@pytest.fixture(scope="module")
def challenger(bank: Bank) -> str:
    champion, newest = bank.session.registry.champion(), bank.session.registry.history()[0]
    assert champion is not None
    assert newest.version != champion.version
    return newest.version


@pytest.fixture(scope="module")
def session(bank: Bank, challenger: str) -> Session:
    """The bank after both models have scored the loans that neither was trained on, and as many that both were."""
    session = bank.session
    trained_to = session.registry.get(challenger).trained_to
    assert trained_to is not None
    frame = small_bank.loans()
    first = int((frame["issued"] <= trained_to.isoformat()).sum())
    scorer = ShadowScorer(session.portfolio, session.artifacts, challenger)
    scorer.poll(session.database)
    serve(session, DAY, COUNT, first=first)
    serve(session, DAY, 60, first=0)
    while scorer.poll(session.database):
        pass
    return session


def test_the_comparison_is_that_of_the_recorded_scores(session: Session, challenger: str) -> None:
    found = compare_shadow(session.database, challenger)
    champion = session.registry.champion()
    assert found is not None
    assert champion is not None
    with session.database.transaction() as cursor:
        cursor.execute(
            "SELECT r.label, p.probability, s.probability, p.decision, s.decision FROM predictions p "
            "JOIN shadow_predictions s USING (request_id, position) JOIN raw_data r USING (loan_id) "
            "WHERE r.as_of > %s AND r.label_observed_at <= (SELECT cutoff FROM data_cutoff)",
            (session.registry.get(challenger).trained_to,),
        )
        label, champion_pd, shadow_pd, champion_decision, shadow_decision = map(
            np.array, zip(*cursor.fetchall(), strict=True)
        )
    assert 100 < len(label) <= COUNT
    assert (found.champion, found.scores.rows, found.scores.positives) == (
        champion.version,
        len(label),
        label.sum(),
    )
    for scores, pd, decision in (
        (found.scores.one, shadow_pd, shadow_decision),
        (found.scores.other, champion_pd, champion_decision),
    ):
        assert scores["roc_auc"] == pytest.approx(roc_auc_score(label, pd))
        assert scores["f1"] == pytest.approx(f1_score(label, decision))
        assert scores["brier"] == pytest.approx(brier_score_loss(label, pd))
    for name, (difference, low, high) in found.scores.differences.items():
        assert difference == pytest.approx(found.scores.one[name] - found.scores.other[name])
        assert low <= difference <= high


def test_status_and_the_command_show_it(session: Session, challenger: str) -> None:
    found = status(session)["shadow"]
    assert (found["version"], found["scored"], found["waiting"]) == (challenger, COUNT + 60, 0)
    assert found["comparison"]["metrics"].keys() == {"roc_auc", "f1", "brier"}
    compared = compare_shadow(session.database, challenger)
    assert compared is not None
    shown = shadow(session, None)
    for where in (text(status(session)), shown):
        assert f"{challenger} beside {compared.champion} on {compared.scores.rows:,} served" in where
        assert re.search(r"ROC-AUC\s+0\.\d+ beside 0\.\d+, difference [+-]0\.\d+ \[", where)


def test_the_report_has_it(session: Session, challenger: str) -> None:
    compared = compare_shadow(session.database, challenger)
    figures = report_figures(_inputs(session), challenger).shadow
    assert figures is not None
    assert compared is not None
    assert (figures.champion, figures.rows) == (compared.champion, compared.scores.rows)
    model, champion, difference = figures.metrics["brier"]
    assert (model, champion) == (compared.scores.one["brier"], compared.scores.other["brier"])
    assert (difference.value, difference.low, difference.high) == compared.scores.differences["brier"]
    assert report_figures(_inputs(session), compared.champion).shadow is None


def test_a_version_is_signed_to_be_a_shadow(session: Session, challenger: str) -> None:
    before = session.artifacts.check(session.registry.get(challenger))
    shadow(session, challenger)
    after = session.artifacts.check(session.registry.get(challenger))
    assert (before.signed_by, bool(after.signed_by)) == (None, True)
    assert session.registry.get(challenger).status != "champion"


def test_what_is_no_model_is_refused(bank: Bank) -> None:
    with pytest.raises(CommandError, match=r"there is no model c0.*\nNext: set SHADOW"):
        shadow(bank.session, "c0")


def test_a_promotion_shows_and_records_it(session: Session, challenger: str) -> None:
    shown = promote(session, challenger, "better as a shadow").splitlines()
    decision = session.registry.decisions()[-1]
    assert (decision.version, shown[0][: len(challenger)]) == (challenger, challenger)
    assert "beside" in shown[1]
    assert decision.reason.startswith("better as a shadow; its verdict was ")
    for line in shown[1:]:
        assert line.strip() in decision.reason
    assert text(status(session)).count(f"shadow      {challenger}: champion") == 1


def test_the_command_line(session: Session, monkeypatch: pytest.MonkeyPatch, bank: Bank) -> None:
    for name, value in small_bank.environment(bank.folder, session.database.url).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(loan_default, ["shadow"])
    assert (result.exit_code, "served applications with known outcome" in result.output) == (0, True)
