"""Promotions that need several people: who may approve, what ends a proposal, exactly one promotion, the policy."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest

from loan_default_assets.warehouse.champion_decisions import announce
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.model_records import RegistryError, promote_version
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.policy_records import FIRST, UNEXPLAINED
from loan_default_assets.warehouse.promotions import (
    PROMOTION_POLICY,
    ApprovalRefused,
    PromotionOutcome,
    Promotions,
)
from loan_default_assets.warehouse.pruned_models import changing_models
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests import promoting
from loan_default_assets_tests.warehouse.samples import classifier, portfolio


@pytest.fixture
def database(database_url: str) -> Database:
    """A champion `c1`, promoted alone, and the candidates `c2` and `c3`."""
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    registry = Registry(database)
    for number, parent in ((1, None), (2, "c1"), (3, "c1")):
        registry.register(classifier(f"c{number}", parent=parent))
        if parent is None:
            promoting.promote(promotions(database, "eve", 1, F1_SCORE_THRESHOLD=0.7), "c1", expected=None)
    return database


def promote_around_the_rule(database: Database, version: str) -> None:
    """A promotion whose transaction asks nobody."""
    with changing_models(database) as cursor:
        announce(cursor, "mallory", signed=False)
        promote_version(cursor, version, expected="c1", verdict="approved", reason="alone", signer=None)


def promotions(database: Database, actor: str, approvals: int = 2, **policy: Any) -> Promotions:
    return Promotions(database, {"APPROVALS": approvals, "F1_SCORE_THRESHOLD": 0.8} | policy, actor=actor)


def promote(
    database: Database, actor: str, version: str = "c2", *, approvals: int = 2, **arguments: Any
) -> PromotionOutcome:
    given: dict[str, Any] = {"expected": "c1", "verdict": "approved", "reason": "is better"}
    given["prepare"] = lambda: None
    return promotions(database, actor, approvals).promote(version, **(given | arguments))


def approve(database: Database, actor: str, version: str = "c2", **arguments: Any) -> PromotionOutcome:
    given: dict[str, Any] = {"expected": "c1", "verdict": "approved", "reason": "seen"}
    given["prepare"] = lambda: None
    return promotions(database, actor).approve(version, **(given | arguments))


def champion(database: Database) -> str | None:
    found = Registry(database).champion()
    return found.version if found else None


def recorded(database: Database) -> list[tuple[str, str]]:
    """Action and actor of every record after that of the policy under which `c1` was promoted."""
    first, *others = ((each.action, each.actor) for each in OversightLog(database).records())
    assert first == ("policy changed", "eve")
    return others


def test_one_person_promotes_where_none_other_is_required(database: Database) -> None:
    outcome = promote(database, "alice", approvals=1)
    assert outcome.champion is not None
    assert champion(database) == "c2"
    assert Registry(database).decisions()[-1].decided_by == "alice"
    assert recorded(database) == [("policy changed", "alice")]


def test_a_promotion_waits_for_a_second_person(database: Database) -> None:
    outcome = promote(database, "alice")
    assert (outcome.champion, outcome.missing, champion(database)) == (None, 1, "c1")
    done = approve(database, "bob", reason="read the report")
    assert done.champion is not None
    assert champion(database) == "c2"
    decision = Registry(database).decisions()[-1]
    assert (decision.action, decision.version, decision.decided_by) == ("promoted", "c2", "alice, bob")
    assert decision.reason == "is better; approved by alice: is better; bob: read the report"
    assert promotions(database, "carol").waiting() == []
    assert recorded(database) == [
        ("policy changed", "alice"),
        ("promotion proposed", "alice"),
        ("promotion approved", "alice"),
        ("promotion approved", "bob"),
    ]


def test_the_chain_proposes_and_two_people_approve(database: Database) -> None:
    for _ in range(2):
        outcome = promote(database, "dagster", automatic=True)
        assert (outcome.champion, outcome.missing) == (None, 2)
    assert [each.actor for each in promotions(database, "alice").waiting()] == [PROMOTION_POLICY]
    # The user as whom the chain runs has approved nothing by that.
    assert approve(database, "dagster").missing == 1
    assert champion(database) == "c1"
    assert approve(database, "bob").champion is not None


@pytest.mark.parametrize("again", [promote, approve])
def test_nobody_approves_twice(database: Database, again: Callable[..., PromotionOutcome]) -> None:
    promote(database, "alice")
    with pytest.raises(ApprovalRefused, match="alice has approved the promotion of c2 already") as refused:
        again(database, "alice")
    assert "\nNext: another person runs loan-default approve c2" in str(refused.value)
    assert champion(database) == "c1"
    # Nor with a statement that goes around the program.
    with pytest.raises(WarehouseError, match="one_approval_per_actor"), database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO oversight_records (action, actor, reason, version, proposal) "
            "SELECT action, actor, reason, version, proposal FROM oversight_records "
            "WHERE action = 'promotion approved'"
        )


def test_a_second_promote_of_another_person_approves(database: Database) -> None:
    promote(database, "alice")
    assert promote(database, "bob").champion is not None
    assert champion(database) == "c2"


@pytest.mark.parametrize("end", ["declined", "rejected", "another champion", "rolled back"])
def test_what_ends_a_proposal(database: Database, end: str) -> None:
    promote(database, "alice")
    registry = Registry(database)
    if end == "declined":
        promotions(database, "bob").decline("c2", "too few months")
        assert registry.get("c2").status == "rejected"
        assert registry.get("c2").reason == "declined: too few months"
    elif end == "rejected":
        registry.reject("c2", "the newest evaluation rejects it")
    else:
        for actor in ("bob", "carol"):
            promote(database, actor, "c3")
        assert champion(database) == "c3"
        if end == "rolled back":
            # The champion is that of the proposal again, whose evaluation is not.
            registry.rollback("it was worse")
            assert champion(database) == "c1"
    with pytest.raises(ApprovalRefused, match="no promotion of c2 waits for approval"):
        approve(database, "dave", expected=champion(database))
    assert registry.get("c2").status != "champion"


def test_only_a_candidate_is_rejected_by_declining(database: Database) -> None:
    Registry(database).reject("c2", "worse")
    promote(database, "alice")
    promotions(database, "bob").decline("c2", "still worse")
    assert Registry(database).get("c2").reason == "worse"
    assert promotions(database, "bob").waiting() == []


def test_concurrent_approvals_promote_once(database: Database) -> None:
    promote(database, "dagster", automatic=True)

    def give(actor: str) -> bool:
        try:
            return approve(database, actor).champion is not None
        except RegistryError:
            return False

    with ThreadPoolExecutor(8) as pool:
        promoted = list(pool.map(give, [f"person {number % 4}" for number in range(8)]))
    assert promoted.count(True) == 1
    assert champion(database) == "c2"
    assert [each.version for each in Registry(database).decisions() if each.action == "promoted"] == [
        "c1",
        "c2",
    ]
    approvals = [actor for action, actor in recorded(database) if action == "promotion approved"]
    assert len(approvals) == len(set(approvals)) == 2


def test_what_fails_before_the_promotion_leaves_neither_approval_nor_champion(database: Database) -> None:
    promote(database, "alice")

    def killed() -> None:
        raise OSError("no signing key")

    with pytest.raises(OSError, match="no signing key"):
        approve(database, "bob", prepare=killed)
    assert champion(database) == "c1"
    [waiting] = promotions(database, "bob").waiting()
    assert waiting.approved_by == ("alice",)
    assert approve(database, "bob").champion is not None


def test_the_database_refuses_a_promotion_without_approvals(database: Database) -> None:
    promote(database, "alice")
    with pytest.raises(WarehouseError, match="version c2 has 1 of the 2 approvals"):
        promote_around_the_rule(database, "c2")
    with pytest.raises(WarehouseError, match="version c3 has 0 of the 2 approvals"):
        promote_around_the_rule(database, "c3")
    assert champion(database) == "c1"


def test_a_rollback_does_not_wait(database: Database) -> None:
    promote(database, "alice")
    approve(database, "bob")
    assert Registry(database, decided_by="carol").rollback("defaults doubled").version == "c1"
    decision = Registry(database).decisions()[-1]
    assert (decision.action, decision.decided_by) == ("rolled back", "carol")
    # A former champion that is promoted again is no rollback.
    with pytest.raises(WarehouseError, match="version c2 has 0 of the 2 approvals"):
        promote_around_the_rule(database, "c2")


def test_one_person_raises_the_number_of_approvals_and_several_lower_it(database: Database) -> None:
    promote(database, "alice", "c2", approvals=1)
    promotions(database, "alice", 2).record_policy("four eyes from now on")
    lowered = promotions(database, "mallory", 1)
    # A setting that asks for fewer approvals than the recorded policy changes nothing by itself.
    assert lowered.promote(
        "c3", expected="c2", verdict="approved", reason="alone", prepare=lambda: None
    ).missing
    assert champion(database) == "c2"
    state = lowered.record_policy("one person is enough")
    assert (state.required, state.differing) == (2, {"APPROVALS": (2, 1)})
    with pytest.raises(ApprovalRefused, match="mallory has proposed this policy already"):
        lowered.record_policy("one person is enough")
    # Who proposes other settings does not support these.
    promotions(database, "carol", 1, F1_SCORE_THRESHOLD=0.5).record_policy("a lower target")
    assert lowered.policy().required == 2
    state = promotions(database, "bob", 1).record_policy("agreed")
    assert (state.required, state.differing) == (1, {})
    last = OversightLog(database).records()[-1]
    assert (last.action, last.actor) == ("policy changed", "mallory, bob")
    assert last.reason == "mallory: one person is enough; bob: agreed"


def test_a_changed_setting_is_recorded_with_who_and_when(database: Database) -> None:
    promote(database, "alice", "c2", approvals=1)
    changed = promotions(database, "bob", 1, F1_SCORE_THRESHOLD=0.5)
    assert changed.policy().differing == {"F1_SCORE_THRESHOLD": (0.8, 0.5)}
    changed.promote("c3", expected="c2", verdict="approved", reason="better", prepare=lambda: None)
    policies = [each for each in OversightLog(database).records() if each.action == "policy changed"]
    assert [(each.actor, each.details["F1_SCORE_THRESHOLD"]) for each in policies] == [
        ("eve", 0.7),
        ("alice", 0.8),
        ("bob", 0.5),
    ]
    assert [each.reason for each in policies] == [FIRST, UNEXPLAINED, UNEXPLAINED]
    with pytest.raises(ApprovalRefused, match="are the recorded policy already"):
        changed.record_policy("nothing new")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE oversight_records SET actor = 'nobody'",
        "DELETE FROM oversight_records",
        "TRUNCATE oversight_records",
        "UPDATE evaluation_grades SET bounds = '{}'",
    ],
)
def test_the_tables_are_append_only(database: Database, statement: str) -> None:
    promote(database, "alice")
    with pytest.raises(WarehouseError, match="is append-only"), database.transaction() as cursor:
        cursor.execute(statement)


def test_a_proposal_without_its_version_is_refused(database: Database) -> None:
    with pytest.raises((WarehouseError, psycopg2.Error)):
        promote(database, "alice", "unknown")
    assert promotions(database, "alice").waiting() == []
