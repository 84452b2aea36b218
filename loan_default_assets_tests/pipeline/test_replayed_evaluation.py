"""A replay of an earlier data cutoff is no news of a model that was evaluated on what is known now."""

from datetime import timedelta

import pytest

from loan_default_assets.pipeline.evaluate_models import WindowEvaluation, _is_replay
from loan_default_assets.pipeline.evaluated_version import evaluated_version
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets.warehouse.recent_activity import champion_evaluations, newest_versions
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.reported_bank import bank, newest

__all__ = ["bank", "newest"]


@pytest.fixture(scope="module")
def champion(bank: BankSteps) -> str:
    found = bank.registry.champion()
    assert found is not None
    return found.version


@pytest.fixture(scope="module")
def before(bank: BankSteps, champion: str) -> int:
    """Number of the champion's evaluation on all that is known."""
    bank.evaluate()
    return bank.evaluations.history(champion)[-1].id


@pytest.fixture(scope="module")
def replay(bank: BankSteps, before: int) -> WindowEvaluation:
    cutoff = bank.snapshot().cutoff
    assert cutoff is not None
    return bank.evaluate(cutoff - timedelta(days=2))


def test_the_newest_evaluation_is_that_of_what_is_known_now(
    bank: BankSteps, champion: str, before: int, replay: WindowEvaluation
) -> None:
    history = bank.evaluations.history(champion)
    assert history[-1].id > before
    assert history[-1].evaluation.snapshot_hash == replay.snapshot.digest != bank.snapshot().digest
    assert history[-1].inputs is not None
    assert history[-1].inputs["as_of"] == PromotionInputs.from_dict(history[-1].inputs).as_of.isoformat()  # type: ignore[union-attr]
    (now,) = (each.evaluation for each in history if each.id == before)
    assert bank.evaluations.latest(champion) == now
    assert evaluated_version(bank.report_inputs, champion).found.id == before
    facts = retraining_facts.state(bank.database, bank.portfolio, max_rows=0)
    assert facts.champion_evaluations[-1].snapshot == now.snapshot_hash
    assert replay.snapshot.digest not in {each.snapshot for each in facts.evaluations}
    with bank.database.transaction() as cursor:
        assert champion_evaluations(cursor, 1)[0].evaluated_at == now.evaluated_at
        (shown,) = (each for each in newest_versions(cursor, 9) if each.version == champion)
    assert (shown.f1, shown.verdict, shown.role) == (now.metrics["f1"], now.verdict, now.role)


def test_a_model_that_was_only_replayed_is_shown_with_that(
    bank: BankSteps, champion: str, replay: WindowEvaluation
) -> None:
    with bank.database.transaction() as cursor:
        cursor.execute("ALTER TABLE model_performance DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE evaluation_inputs DISABLE TRIGGER USER")
        cursor.execute(
            "CREATE TEMP TABLE kept AS SELECT evaluation FROM evaluation_inputs WHERE inputs ->> 'as_of' IS NULL"
        )
        cursor.execute("SELECT count(*) FROM counted_evaluations WHERE model_version = %s", (champion,))
        ((counted,),) = cursor.fetchall()
        cursor.execute(
            'UPDATE evaluation_inputs SET inputs = inputs || \'{"as_of": "2025-01-01"}\' '
            "WHERE evaluation IN (SELECT id FROM model_performance WHERE model_version = %s)",
            (champion,),
        )
        cursor.execute("SELECT count(*) FROM counted_evaluations WHERE model_version = %s", (champion,))
        ((replayed,),) = cursor.fetchall()
        cursor.connection.rollback()
    assert replayed == counted + 1 == len(bank.evaluations.history(champion))


@pytest.mark.parametrize(("days", "replayed"), [(None, False), (0, False), (2, True)])
def test_what_is_asked_for_up_to_today_is_no_replay(
    bank: BankSteps, days: int | None, replayed: bool
) -> None:
    limits, today = bank.report_inputs.split_limits, bank.snapshot().cutoff
    assert today is not None
    cutoff = None if days is None else today - timedelta(days=days)
    assert _is_replay(bank.loans, limits, cutoff, read_snapshot(bank.loans, limits, cutoff)) == replayed
