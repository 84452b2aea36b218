"""Every command that needs a model, with the model's files lost in every way: a state and a next command."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from bento.inference.champion_loader import Champion
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.run import fingerprint, run
from loan_default_assets.commands.session import open_session
from loan_default_assets.commands.status import status
from loan_default_assets.limits import promotion_limits, split_limits
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation, evaluate_models
from loan_default_assets.pipeline.pipeline_errors import ModelFilesError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.commands.moved_bank import MovedBank, bank
from loan_default_assets_tests.damages import DAMAGES
from loan_default_assets_tests.databases import fresh_database

__all__ = ["bank"]


# A command, the model that it needs, and what it is called with.
COMMANDS: dict[str, tuple[str, Callable[[MovedBank], tuple[str, ...]]]] = {
    "score": ("champion", lambda bank: ("score", str(bank.folder / "loans.csv"))),
    "rollback": ("former", lambda bank: ("rollback",)),
    "promote": ("former", lambda bank: ("promote", bank.former)),
    "doctor": ("champion", lambda bank: ("doctor",)),
    "status": ("champion", lambda bank: ("status",)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_command_that_needs_a_lost_model(bank: MovedBank, damage: str) -> None:
    """One copy of the bank serves all commands, since none of them may change anything."""
    for version in (bank.champion, bank.former):
        bank.damage(damage, version)
    before = fingerprint(bank.session)
    for name, (needed, arguments) in COMMANDS.items():
        version = getattr(bank, needed)
        result = bank.command(*arguments(bank))
        assert result.exit_code == (0 if name == "status" else 1), (name, result.output)
        assert f"the files of model {version} are " in result.output, (name, result.output)
        assert "loan-default" in result.output.partition(version)[2], (name, result.output)
        for word in ("Traceback", "[Errno", "Error:"):
            assert word not in result.output, (name, result.output)
    assert fingerprint(bank.session) == before
    service = Champion(bank.session.portfolio, bank.session.artifacts, bank.session.registry.champion)
    assert service.poll() == "refused"
    assert f"{bank.champion} is refused: the files of model {bank.champion} are " in (service.error or "")


def test_a_moved_home_serves_as_before(bank: MovedBank) -> None:
    assert status(bank.session)["champion"]["files"] == {
        "state": "intact",
        "folder": str(bank.models / bank.champion),
        "problem": None,
    }
    assert bank.command("doctor").output.count(f"{bank.champion} loads and scores") == 1
    assert len(bank.scores().splitlines()) == 2401
    assert bank.command("rollback").exit_code == 0


def test_no_verdict_is_recorded_on_lost_files(bank: MovedBank) -> None:
    """A verdict is final, and the files may come back."""
    session = bank.session
    before = fingerprint(session)

    def evaluate() -> WindowEvaluation:
        return evaluate_models(
            session.portfolio,
            session.loans,
            session.registry,
            session.evaluations,
            session.artifacts,
            limits=promotion_limits(session.settings),
            split_limits=split_limits(session.settings),
            seed=0,
            log=logging.getLogger(__name__),
        )

    assert evaluate().model.version == bank.champion
    recorded = fingerprint(session)
    bank.damage("deleted folder", bank.champion)
    with pytest.raises(ModelFilesError, match="or loan-default retrain where the same rows were trained on"):
        evaluate()
    challenger = replace(session.registry.get(bank.former), version="c00000000000", parent=bank.champion)
    session.registry.register(replace(challenger, artifact_sha256="0" * 64))
    with pytest.raises(ModelFilesError, match="the files of model c00000000000 are missing"):
        evaluate()
    after = fingerprint(session)
    assert after["model_performance"] == recorded["model_performance"]
    assert {name for name in after if after[name] != before[name]} <= {"model_metadata", "model_performance"}


def test_after_a_backup_and_a_restore_a_run_trains_nothing(
    bank: MovedBank, postgres: LocalPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, before = bank.scores(), fingerprint(bank.session)
    backup(bank.session.settings, tmp_path / "backup")
    (tmp_path / "home").rename(tmp_path / "gone")
    with fresh_database(postgres) as url:
        portfolio = tmp_path / "home" / "portfolio" / "small_bank.yaml"
        changed = {"database_url": SecretStr(url), "portfolio": str(portfolio)}
        settings = bank.session.settings.model_copy(update=changed)
        restore(settings, tmp_path / "backup")
        monkeypatch.setenv("DATABASE_URL", url)
        with open_session(settings) as session, dg.DagsterInstance.ephemeral() as instance:
            assert fingerprint(session) == before
            assert replace(bank, session=session).scores() == scores
            assert run(session, instance, today=small_bank.TODAY).changed == ()


TRAINING_DAMAGES = [
    name if name == "deleted folder" else pytest.param(name, marks=pytest.mark.slow) for name in DAMAGES
]


@pytest.mark.parametrize("damage", TRAINING_DAMAGES)
def test_run_trains_the_lost_models_again_and_gets_the_same_bytes(bank: MovedBank, damage: str) -> None:
    """The former champion is the model of these rows; its encoder is lost as well."""
    bank.command("rollback")
    scores, before = bank.scores(), fingerprint(bank.session)
    for version in (bank.former, bank.encoder):
        bank.damage(damage, version)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = run(bank.session, instance, today=small_bank.TODAY)
    assert outcome.changed == ()
    assert fingerprint(bank.session) == before
    assert status(bank.session)["champion"]["files"]["state"] == "intact"
    assert bank.scores() == scores


@pytest.mark.parametrize("damage", TRAINING_DAMAGES)
def test_retrain_replaces_a_lost_champion(bank: MovedBank, damage: str) -> None:
    bank.damage(damage, bank.champion)
    with dg.DagsterInstance.ephemeral() as instance:
        retrain(bank.session, instance)
    newest = bank.session.registry.history()[0]
    assert newest.version not in (bank.former, bank.champion)
    assert newest.hyper_parameters["mode"] == "full", "no head is fitted on a model that is lost"
    champion = bank.session.registry.champion()
    assert champion is not None
    assert champion.version == newest.version, newest.reason
    recorded = bank.session.evaluations.latest(newest.version)
    assert f"Champion {bank.champion} cannot score these rows and is not compared." in recorded.reason
    assert status(bank.session)["champion"]["files"]["state"] == "intact"
