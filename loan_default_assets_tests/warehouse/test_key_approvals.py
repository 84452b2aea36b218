"""Approvals by API key: recorded for one person once, of what that person has seen, and carried out by the chain."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.key_approvals import (
    KeyApprovalRefused,
    WaitingPromotion,
    record_approval,
    waiting_promotions,
)
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.promotions import ApprovalRefused, PromotionOutcome, Promotions
from loan_default_assets.warehouse.pruned_models import changing_models, mark_pruned
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests import promoting
from loan_default_assets_tests.warehouse.samples import classifier, performance, portfolio

HASH = "hash of the portfolio"


@pytest.fixture
def database(database_url: str) -> Database:
    """A champion `c1`, and the candidates `c2` and `c3`, of which the chain has proposed `c2`; APPROVALS=2."""
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    registry = Registry(database)
    for number, parent in ((1, None), (2, "c1"), (3, "c1")):
        registry.register(classifier(f"c{number}", parent=parent, portfolio_hash=HASH))
        EvaluationLog(database).record(performance(f"c{number}", 0.85, snapshot_hash=f"s{number}"))
        if parent is None:
            promoting.promote(promoting.one_person(database), "c1", expected=None)
    promote(database, "chain", automatic=True)
    return database


def promotions(database: Database, actor: str, approvals: int = 2) -> Promotions:
    return Promotions(database, {"APPROVALS": approvals}, actor=actor)


def promote(database: Database, actor: str, version: str = "c2", **arguments: Any) -> PromotionOutcome:
    given: dict[str, Any] = {"expected": "c1", "verdict": "approved", "reason": "is better"}
    given["prepare"] = lambda: None
    return promotions(database, actor).promote(version, **(given | arguments))


def approve(database: Database, person: str, version: str = "c2", **changed: Any) -> WaitingPromotion:
    [number] = [each.proposal for each in waiting_promotions(database) if each.version == version] or [1]
    given = {"proposal": number, "key_id": "0" * 16, "portfolio_hash": HASH} | changed
    return record_approval(database, version, given.pop("proposal"), person, "seen", **given)


def champion(database: Database) -> str | None:
    found = Registry(database).champion()
    return found.version if found else None


def approvals(database: Database) -> list[str]:
    records = OversightLog(database).records()
    return [each.actor for each in records if each.action == "promotion approved"]


def test_two_people_approve_and_the_chain_carries_it_out(database: Database) -> None:
    [before] = waiting_promotions(database)
    assert (before.version, before.champion, before.verdict, before.f1) == ("c2", "c1", "approved", 0.85)
    assert (before.proposed_by, before.approved_by, before.missing) == ("promotion policy", (), 2)
    assert approve(database, "alice").missing == 1
    assert promotions(database, "chain").approved() == []
    assert promote(database, "chain", automatic=True).champion is None
    after = approve(database, "bob")
    assert (after.approved_by, after.missing) == (("alice", "bob"), 0)
    assert champion(database) == "c1", "the service promotes nothing"
    assert [each.version for each in promotions(database, "chain").approved()] == ["c2"]
    assert promote(database, "chain", automatic=True).champion is not None
    decision = Registry(database).decisions()[-1]
    assert (decision.version, decision.decided_by) == ("c2", "alice, bob")
    assert decision.reason == "is better; approved by alice: seen; bob: seen"
    assert waiting_promotions(database) == promotions(database, "chain").approved() == []
    [first, _] = [each for each in OversightLog(database).records() if each.action == "promotion approved"]
    assert first.details == {"key": "0" * 16}


def test_nobody_approves_by_key_and_by_command(database: Database) -> None:
    approve(database, "alice")
    for again in (approve, lambda found, who: promote(found, who)):
        with pytest.raises(ApprovalRefused, match="alice has approved the promotion of c2 already"):
            again(database, "alice")
    assert approvals(database) == ["alice"]
    assert promote(database, "bob").champion is not None


def test_a_command_carries_out_what_has_its_approvals_and_adds_none(database: Database) -> None:
    for person in ("alice", "bob"):
        approve(database, person)
    assert promote(database, "alice").champion is not None
    assert approvals(database) == ["alice", "bob"]


def test_one_person_twice_at_once_is_one_approval(database: Database) -> None:
    def attempt(_: int) -> bool:
        try:
            approve(database, "alice")
        except KeyApprovalRefused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1
    assert approvals(database) == ["alice"]


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"version": "c3"}, "unknown", "no promotion of c3 waits"),
        ({"proposal": 99}, "other_state", "not 99; look at it again"),
        ({"portfolio_hash": "another"}, "other_state", "another description of the portfolio"),
    ],
)
def test_an_approval_is_refused_where_the_state_is_another_one(
    database: Database, changed: dict[str, Any], kind: str, message: str
) -> None:
    with pytest.raises(KeyApprovalRefused, match=message) as raised:
        approve(database, "alice", **changed)
    assert raised.value.kind == kind
    assert approvals(database) == []


def test_a_later_verdict_and_deleted_files_speak_against_it(database: Database) -> None:
    with changing_models(database) as cursor:
        mark_pruned(cursor, "c2", 1)
    with pytest.raises(KeyApprovalRefused, match="retention has deleted the files of c2"):
        approve(database, "alice")
    EvaluationLog(database).record(performance("c2", 0.3, verdict="rejected", snapshot_hash="later"))
    with pytest.raises(KeyApprovalRefused, match="newest verdict on c2 is rejected"):
        approve(database, "alice")
    assert approvals(database) == []


def test_what_has_its_approvals_takes_no_more(database: Database) -> None:
    for person in ("alice", "bob"):
        approve(database, person)
    with pytest.raises(KeyApprovalRefused, match="has its 2 approvals already"):
        approve(database, "carol")


def test_a_lowered_number_of_approvals_carries_nothing_out_by_itself(database: Database) -> None:
    approve(database, "alice")
    for person in ("alice", "bob"):
        promotions(database, person, approvals=1).record_policy("too slow")
    assert promotions(database, "chain", approvals=1).approved() == []
