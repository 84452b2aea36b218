from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from loan_default_assets.limits import decision_policy, retraining_limits
from loan_default_assets.model.artifact_files import ArtifactState
from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore, RegisteredModel
from loan_default_assets.pipeline.pipeline_errors import MissingVerdictError, ModelFilesError, NoModelError
from loan_default_assets.policy import retraining
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets.warehouse.key_approvals import record_approval, waiting_promotions
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.warehouse import samples


@pytest.fixture(autouse=True)
def store_of_intact_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The challengers of these tests are rows of the registry without files."""

    def check(store: ArtifactStore, model: RegisteredModel) -> ArtifactCheck:
        state: ArtifactState = "missing" if model.version == "lost" else "intact"
        return ArtifactCheck(model.version, state, store.root, "lost", signed_by="a key")

    monkeypatch.setattr(ArtifactStore, "check", check)


def challenger(steps: BankSteps, version: str, **changes: Any) -> str:
    """A registered challenger of the bank's portfolio."""
    steps.registry.register(samples.classifier(version, portfolio_hash=steps.portfolio.hash, **changes))
    return version


def evaluated(steps: BankSteps, version: str, verdict: str, **changes: Any) -> str:
    """A registered challenger with a recorded verdict."""
    challenger(steps, version, **changes)
    steps.evaluations.record(samples.performance(version, 0.9, verdict=verdict, reason="Because."))
    return version


def test_a_challenger_without_a_verdict_is_not_decided(steps: BankSteps) -> None:
    challenger(steps, "new")
    with pytest.raises(
        MissingVerdictError, match="challenger new has no recorded verdict; materialize evaluation"
    ):
        steps.decide()
    assert steps.registry.get("new").status == "candidate"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("approved", "approved"),
        ("approved_below_target", "approved below the target"),
        ("provisional", "provisional"),
    ],
)
def test_a_promoting_verdict_makes_the_challenger_champion(
    steps: BankSteps, verdict: str, words: str
) -> None:
    evaluated(steps, "new", verdict)
    decision = steps.decide()
    assert (decision.outcome, decision.rejection) == (f"promoted: {words}", "")
    assert (decision.champion.version, decision.champion.status) == ("new", "champion")
    assert (decision.champion.verdict, decision.champion.reason) == (verdict, "Because.")
    assert decision.evaluation is not None
    assert decision.evaluation.verdict == verdict
    assert steps.decide().champion == decision.champion


@pytest.mark.parametrize(
    ("verdict", "words"), [("rejected", "rejected"), ("insufficient_labels", "too few labels")]
)
def test_another_verdict_keeps_the_champion(steps: BankSteps, verdict: str, words: str) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", verdict, parent="old")
    decision = steps.decide()
    assert decision.outcome == f"kept: challenger new: {words}"
    assert decision.rejection == f"{verdict}: Because."
    assert decision.champion.version == "old"
    rejected = steps.registry.get("new")
    assert (rejected.status, rejected.reason) == ("rejected", f"{verdict}: Because.")


def test_a_challenger_without_its_files_is_neither_promoted_nor_rejected(steps: BankSteps) -> None:
    evaluated(steps, "lost", "approved")
    with pytest.raises(ModelFilesError):
        steps.decide()
    assert steps.registry.get("lost").status == "candidate"


def test_a_challenger_of_a_former_champion_is_rejected(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "late", "approved", parent=None, attempt=2)
    decision = steps.decide()
    assert decision.champion.version == "old"
    assert decision.outcome == "kept: challenger late trained to challenge None, which is no longer champion"
    assert steps.registry.get("late").status == "rejected"


def test_without_any_champion_the_error_names_the_policy(steps: BankSteps) -> None:
    evaluated(steps, "new", "rejected")
    message = (
        r"no model may serve: challenger new: rejected under PROMOTION_POLICY=strict\nNext: loan-default"
    )
    with pytest.raises(NoModelError, match=message):
        steps.decide(promotion_policy="strict")


def two_people(steps: BankSteps, actor: str = "chain") -> Promotions:
    policy = decision_policy(steps.settings) | {"APPROVALS": 2}
    return Promotions(steps.database, policy, actor=actor)


def test_with_two_approvals_the_challenger_waits_and_the_champion_stays(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", "approved", parent="old")
    for _ in range(2):
        decision = steps.decide(promotions=two_people(steps))
        assert decision.champion.version == "old"
        assert decision.outcome == (
            "kept: challenger new is approved and waits for 2 of 2 approvals: "
            "loan-default approve new --reason TEXT"
        )
    assert steps.registry.get("new").status == "candidate"
    assert [each.version for each in two_people(steps).waiting()] == ["new"]


def approve_by_key(steps: BankSteps, *people: str) -> None:
    for person in people:
        [waiting] = waiting_promotions(steps.database)
        record_approval(
            steps.database,
            waiting.version,
            waiting.proposal,
            person,
            "seen",
            key_id="0" * 16,
            portfolio_hash=steps.portfolio.hash,
        )


def test_what_was_approved_by_key_is_carried_out_and_signed(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", "approved", parent="old")
    steps.decide(promotions=two_people(steps))
    approve_by_key(steps, "alice")
    assert steps.decide(promotions=two_people(steps)).champion.version == "old"
    approve_by_key(steps, "bob")
    signed: list[str] = []
    decision = steps.decide(
        promotions=two_people(steps), sign=lambda found: signed.append(found.version) or "key"
    )
    assert (decision.champion.version, decision.outcome) == ("new", "promoted: new, approved by alice, bob")
    assert signed == ["new"]
    assert steps.decide(promotions=two_people(steps)).outcome == "kept: no challenger is pending"


def test_what_was_approved_by_key_and_rejected_since_is_not_carried_out(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", "approved", parent="old")
    steps.decide(promotions=two_people(steps))
    approve_by_key(steps, "alice", "bob")
    later = samples.performance("new", 0.3, verdict="rejected", reason="Worse now.", snapshot_hash="later")
    steps.evaluations.record(replace(later, evaluated_at=datetime(2025, 1, 1, tzinfo=UTC)))
    decision = steps.decide(promotions=two_people(steps))
    assert (decision.champion.version, decision.outcome) == ("old", "kept: challenger new: rejected")


def test_an_approved_promotion_without_its_files_fails_and_waits(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "lost", "approved", parent="old")
    two_people(steps).promote(
        "lost", expected="old", verdict="approved", reason="r", prepare=lambda: None, automatic=True
    )
    approve_by_key(steps, "alice", "bob")
    with pytest.raises(ModelFilesError):
        steps.decide(promotions=two_people(steps))
    assert [each.version for each in two_people(steps).approved()] == ["lost"]


def test_a_challenger_that_waits_is_rejected_by_a_later_verdict(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", "approved", parent="old")
    steps.decide(promotions=two_people(steps))
    later = samples.performance("new", 0.3, verdict="rejected", reason="Worse now.", snapshot_hash="later")
    steps.evaluations.record(replace(later, evaluated_at=datetime(2025, 1, 1, tzinfo=UTC)))
    assert steps.decide(promotions=two_people(steps)).outcome == "kept: challenger new: rejected"
    assert two_people(steps).waiting() == []


def test_the_first_model_waits_too(steps: BankSteps) -> None:
    evaluated(steps, "new", "provisional")
    for _ in range(2):
        with pytest.raises(NoModelError) as refused:
            steps.decide(promotions=two_people(steps))
        assert str(refused.value) == (
            "no model serves yet: challenger new is provisional and waits for 2 of 2 approvals\n"
            "Next: loan-default approve new --reason TEXT"
        )
    for actor in ("alice", "bob"):
        two_people(steps, actor).approve(
            "new", expected=None, verdict="provisional", reason="first", prepare=lambda: None
        )
    assert steps.decide(promotions=two_people(steps)).champion.version == "new"


def test_the_retraining_waits_while_a_promotion_waits(steps: BankSteps) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", "approved", parent="old")
    steps.decide(promotions=two_people(steps))
    state = retraining_facts.state(steps.database, steps.portfolio)
    action = retraining.decide(state, retraining_limits(steps.settings))
    assert (action.kind, action.reason) == ("wait", "approval_pending")
    assert "new waits for approval" in action.explanation
    two_people(steps, "alice").decline("new", "no")
    state = retraining_facts.state(steps.database, steps.portfolio)
    assert retraining.decide(state, retraining_limits(steps.settings)).reason != "approval_pending"
