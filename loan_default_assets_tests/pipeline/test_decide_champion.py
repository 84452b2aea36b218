from typing import Any

import pytest

from loan_default_assets.model.artifact_files import ArtifactState
from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore, RegisteredModel
from loan_default_assets.pipeline.pipeline_errors import MissingVerdictError, ModelFilesError, NoModelError
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


@pytest.mark.parametrize("verdict", ["approved", "approved_below_target", "provisional"])
def test_a_promoting_verdict_makes_the_challenger_champion(steps: BankSteps, verdict: str) -> None:
    evaluated(steps, "new", verdict)
    decision = steps.decide()
    assert decision.outcome == f"promoted: {verdict}"
    assert (decision.champion.version, decision.champion.status) == ("new", "champion")
    assert (decision.champion.verdict, decision.champion.reason) == (verdict, "Because.")
    assert decision.evaluation is not None
    assert decision.evaluation.verdict == verdict
    assert steps.decide().champion == decision.champion


@pytest.mark.parametrize("verdict", ["rejected", "insufficient_labels"])
def test_another_verdict_keeps_the_champion(steps: BankSteps, verdict: str) -> None:
    evaluated(steps, "old", "approved")
    steps.decide()
    evaluated(steps, "new", verdict, parent="old")
    decision = steps.decide()
    assert decision.outcome == f"kept: challenger new {verdict}"
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
    message = "no model may serve: kept: challenger new rejected under PROMOTION_POLICY=strict"
    with pytest.raises(NoModelError, match=message):
        steps.decide(promotion_policy="strict")
