"""Approval of a promotion over HTTP: by the person of a key, once, of what was looked at, and without a promotion."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from bento.access.api_keys import Keys, key_id
from bento.http_api.approval_routes import approval_routes
from bento.http_api.endpoints import read_only_app
from bento.http_api.middleware import HttpMiddleware
from bento.operations.waiting_promotions import WaitingPromotions
from bento.schemas.approval_requests import PromotionResponse
from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.warehouse.samples import performance

ROLES = ("user", "admin", "explain", "override")
KEYS = {role: f"{role}-key-0123456789" for role in ROLES}
PEOPLE = {name: f"{name}-key-0123456789" for name in ("alice", "bob")}


DOUBT = LeakageDoubt(0.912, 0.88, (("letters", 0.74), ("visits", 0.71)))
DOUBTFUL = PromotionInputs(
    EvaluatedModel("new", 1000, 150, 0.85, 0.7, 0.03, True, True, True, True, doubt=DOUBT),
    None,
    None,
    PromotionLimits(),
)


@dataclass(frozen=True)
class Routes:
    """The routes behind the middleware, on a bank with a champion and a promotion that waits."""

    bank: ServedBank
    version: str
    keys: Keys
    database: Database

    def send(self, method: str, path: str, key: str | None, **fields: Any) -> httpx.Response:
        headers = {"x-api-key": key} if key else {}
        promotions = WaitingPromotions(self.bank.portfolio, self.database)
        runtime: Any = SimpleNamespace(promotions=promotions)

        async def main() -> httpx.Response:
            further = approval_routes(lambda: runtime, self.keys, self.bank.portfolio)
            app = read_only_app(lambda: runtime, b"{}", self.keys, self.bank.root, None, further)
            middleware = HttpMiddleware(app, Settings(), self.keys, lambda *_: None)
            transport = httpx.ASGITransport(middleware)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers, **fields)

        return asyncio.run(main())

    def waiting(self, key: str | None = PEOPLE["alice"]) -> Any:
        return self.send("GET", "/promotions", key).json()["promotions"]

    def approve(self, key: str | None, version: str | None = None, **changed: Any) -> httpx.Response:
        [(number,)] = self.bank.rows(
            "SELECT max(id) FROM oversight_records WHERE action = 'promotion proposed'"
        )
        body = {"proposal": number, "reason": "read the model report"} | changed
        return self.send("POST", f"/promotions/{version or self.version}/approve", key, json=body)

    def recorded(self) -> list[tuple[str, str]]:
        records = OversightLog(self.bank.database).records()
        return [(each.actor, each.reason) for each in records if each.action == "promotion approved"]


@pytest.fixture
def routes(make_bank: Callable[[], ServedBank]) -> Routes:
    bank = make_bank()
    champion, candidate = bank.register(0), bank.register(1)
    bank.promote(champion)
    EvaluationLog(bank.database).record(performance(candidate.version, 0.85), DOUBTFUL.as_dict())
    Promotions(bank.database, {"APPROVALS": 2}).promote(
        candidate.version,
        expected=champion.version,
        verdict="approved",
        reason="F1 0.85",
        prepare=lambda: None,
        automatic=True,
    )
    keys = Keys(*([KEYS[role]] for role in ROLES), {key: name for name, key in PEOPLE.items()})
    return Routes(bank, candidate.version, keys, bank.database)


def test_only_the_role_approve_sees_and_approves(routes: Routes) -> None:
    for key in (None, "unknown-key-0123456789", *KEYS.values(), PEOPLE["alice"]):
        allowed = key in PEOPLE.values()
        expected = 200 if allowed else 403 if key in KEYS.values() else 401
        assert routes.send("GET", "/promotions", key).status_code == expected, key
        response = routes.approve(key)
        code = {200: None, 401: "unauthorized", 403: "forbidden"}[expected]
        assert (response.status_code, response.json().get("code")) == (expected, code), key
    assert routes.send("GET", "/model-info", PEOPLE["alice"]).status_code == 403
    assert [actor for actor, _ in routes.recorded()] == ["alice"]


def test_two_people_approve_and_nothing_is_promoted_by_the_service(routes: Routes) -> None:
    champion = routes.bank.registry.champion()
    assert champion is not None
    [shown] = routes.waiting()
    assert (shown["version"], shown["champion"], shown["verdict"]) == (
        routes.version,
        champion.version,
        "approved",
    )
    assert (shown["reason"], shown["approved_by"], shown["missing"]) == ("F1 0.85", [], 2)
    assert shown["warnings"] == [{"kind": "leakage_doubt", "text": DOUBT.sentence()}]
    assert routes.approve(PEOPLE["alice"]).json()["missing"] == 1
    done = routes.approve(PEOPLE["bob"]).json()
    assert (done["approved_by"], done["missing"]) == (["alice", "bob"], 0)
    PromotionResponse.model_validate(done)
    assert done["warnings"] == shown["warnings"]
    assert routes.bank.registry.champion() == champion
    records = OversightLog(routes.bank.database).records()
    assert [each.details for each in records if each.action == "promotion approved"] == [
        {"key": key_id(PEOPLE[name])} for name in ("alice", "bob")
    ]


def test_the_same_person_approves_once_by_any_key(routes: Routes) -> None:
    second = "alice-has-another-key"
    routes = replace(
        routes, keys=Keys([KEYS["user"]], [], approve={PEOPLE["alice"]: "alice", second: "alice"})
    )
    assert routes.approve(PEOPLE["alice"]).status_code == 200
    for key in (PEOPLE["alice"], second):
        response = routes.approve(key)
        assert (response.status_code, response.json()["code"]) == (409, "not_approved")
        assert "alice has approved" in response.json()["error"]
    assert len(routes.recorded()) == 1


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"version": "c000000000000"}, 404, "no_proposal"),
        ({"proposal": 10**6}, 409, "not_approved"),
        ({"proposal": "1"}, 422, "invalid_request"),
        ({"proposal": 0}, 422, "invalid_request"),
        ({"reason": ""}, 422, "invalid_request"),
        ({"reason": "  "}, 422, "invalid_request"),
        ({"reason": "two\nlines"}, 422, "invalid_request"),
        ({"reason": "x" * 501}, 422, "invalid_request"),
        ({"approved_by": "bob"}, 422, "invalid_request"),
    ],
)
def test_a_wrong_approval_is_refused(routes: Routes, changed: dict[str, Any], status: int, code: str) -> None:
    response = routes.approve(PEOPLE["alice"], **changed)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert routes.recorded() == []


def test_without_keys_nobody_approves(routes: Routes) -> None:
    routes = replace(routes, keys=Keys([], []))
    assert len(routes.waiting(None)) == 1
    for key in (None, PEOPLE["alice"]):
        response = routes.approve(key)
        assert (response.status_code, response.json()["code"]) == (403, "no_approvers")
    assert routes.recorded() == []


def test_an_unreachable_database_is_said_and_no_key_is_logged(
    routes: Routes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        routes.approve(PEOPLE["alice"])
        routes.approve(PEOPLE["alice"])
        away = Database("postgresql://nobody@127.0.0.1:9/none", "small")
        response = replace(routes, database=away).send("GET", "/promotions", PEOPLE["alice"])
    assert (response.status_code, response.json()["code"]) == (503, "records_away")
    printed = caplog.text + "".join(capfd.readouterr())
    assert not [key for key in PEOPLE.values() if key in printed]
