"""`promote`, `approve`, `decline`, `policy` and `status` where a promotion needs two people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.policy import policy
from loan_default_assets.commands.promote import approve, decline, promote, rollback
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.status import champion_lines, status, text
from loan_default_assets.commands.verify import text as verification_text
from loan_default_assets.commands.verify import verify
from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.key_approvals import record_approval, waiting_promotions
from loan_default_assets_tests.two_champions import TwoChampions
from loan_default_assets_tests.verification.recorded_bank import copied


@contextmanager
def acting(name: str) -> Iterator[None]:
    """The user of the operating system has this name."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("promotions", "registry"):
            patch.setattr(f"loan_default_assets.warehouse.{module}.operating_system_user", lambda: name)
        yield


@pytest.fixture
def session(two_champions: TwoChampions, postgres: LocalPostgres, tmp_path: Path) -> Iterator[Session]:
    """A copy of the bank under APPROVALS=2, which nobody has recorded yet."""
    with copied(two_champions, postgres, tmp_path / "bank") as bank, bank.session() as opened:
        yield replace(opened, settings=opened.settings.model_copy(update={"approvals": 2}))


def champion(session: Session) -> str | None:
    found = session.registry.champion()
    return found.version if found else None


def test_two_people_promote_and_every_step_is_seen(session: Session, two_champions: TwoChampions) -> None:
    former, serving = two_champions.former, two_champions.champion
    with acting("alice"):
        said = promote(session, former, "fewer false refusals")
        assert f"the promotion of {former} waits for 1 more of 2 approvals" in said
        assert f"champion is {serving} until then" in said
        with pytest.raises(WarehouseError, match="alice has approved the promotion"):
            approve(session, former, "me again")
    found = status(session)
    [waiting] = found["approvals"]["waiting"]
    assert (waiting["version"], waiting["approved_by"], waiting["missing"]) == (former, ["alice"], 1)
    assert f"approval    {former} waits for 1 of 2 people" in text(found)
    assert found["champion"]["version"] == serving
    assert [each["version"] for each in found["versions"]] == [serving, former]
    assert f"models      {former} of " in text(found)
    assert found["retraining"]["state"] == "WAITING"
    json.dumps(found)
    with acting("bob"):
        assert approve(session, former, "compared the swap set") == (
            f"{former} is the champion in place of {serving}"
        )
    assert champion(session) == former
    assert status(session)["approvals"]["waiting"] == []
    verified = verify(session, None)
    assert not verified.deviations
    assert "1 with the required approvals" in verification_text(verified)
    with acting("carol"):
        assert (
            rollback(session, "defaults doubled") == f"{serving} is the champion again in place of {former}"
        )
    assert session.registry.decisions()[-1].decided_by == "carol"


def test_the_job_promotes_and_signs_what_a_key_approved_last(
    session: Session, two_champions: TwoChampions
) -> None:
    former = two_champions.former
    with acting("alice"):
        promote(session, former, "fewer false refusals")
    [waiting] = waiting_promotions(session.database)
    record_approval(
        session.database,
        former,
        waiting.proposal,
        "bob",
        "read the report",
        key_id="0" * 16,
        portfolio_hash=session.portfolio.hash,
    )
    assert f"approval    {former} has its 2 approvals, by alice, bob; the chain promotes it" in text(
        status(session)
    )
    graph = build_definitions(
        settings=session.settings,
        portfolio=session.portfolio,
        resources={"warehouse": Warehouse(url=session.url)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = graph.get_repository_def().get_job("promote")
        assert job.execute_in_process(instance=instance).success
    assert champion(session) == former
    assert session.registry.decisions()[-1].decided_by == "alice, bob"
    assert status(session)["champion"]["signature"]["key"]
    verified = verify(session, None)
    assert not verified.deviations
    assert "1 with the required approvals" in verification_text(verified)


def test_a_first_model_that_waits_for_approval_is_no_missing_model() -> None:
    assert champion_lines(None, None, ["c1"]) == ["champion    none yet: the promotion of c1 is proposed"]
    assert champion_lines(None, None) == ["champion    none yet: loan-default run"]
    assert champion_lines(None, None, rejected="c2") == [
        "champion    none yet: c2 may not serve; why, and what to do: loan-default report c2"
    ]


def test_a_declined_promotion_leaves_the_champion(session: Session, two_champions: TwoChampions) -> None:
    with acting("alice"):
        promote(session, two_champions.former, "why not")
    with acting("bob"):
        assert "is declined; the champion stays" in decline(session, two_champions.former, "no need")
        with pytest.raises(WarehouseError, match=r"no promotion of .* waits for approval"):
            approve(session, two_champions.former, "after all")
    assert champion(session) == two_champions.champion
    assert not verify(session, None).deviations


def test_an_unknown_version_is_refused(session: Session) -> None:
    with pytest.raises(CommandError, match="there is no version c000000000000"):
        approve(session, "c000000000000", "seen")


def test_a_lower_setting_is_named_and_takes_two_people(session: Session, two_champions: TwoChampions) -> None:
    with acting("alice"):
        assert "APPROVALS                       2" in policy(session, "four eyes")
    assert "REQUIRE_SIGNATURE               unset" in policy(session, None)
    alone = replace(session, settings=session.settings.model_copy(update={"approvals": 1}))
    found = status(alone)
    assert found["approvals"]["required"] == 2
    assert "policy      differs from the recorded one: APPROVALS 2 -> 1" in text(found)
    with acting("mallory"):
        assert "waits for 1 more of 2" in promote(alone, two_champions.former, "alone")
        assert "proposed by mallory; 2 different people must run" in policy(alone, "too slow")
    with acting("bob"):
        assert "recorded" in policy(alone, "agreed")
    assert status(alone)["approvals"]["required"] == 1
    assert champion(alone) == two_champions.champion
