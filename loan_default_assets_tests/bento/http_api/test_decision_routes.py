"""Explanation, rescoring and override of a recorded decision over HTTP: roles, records, no value in logs."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from bento.access.api_keys import Keys, key_id
from bento.http_api.decision_routes import decision_routes
from bento.http_api.endpoints import read_only_app
from bento.http_api.middleware import HttpMiddleware
from bento.operations.recorded_decisions import RecordedDecisions
from loan_default_assets.commands.erase import subject_of
from loan_default_assets.commands.explain import explain
from loan_default_assets.commands.session import Session
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.reports.rendering.explanation_text import explanation_text
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets.warehouse.erasures import erase
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.warehouse.samples import performance

KEYS = {role: f"{role}-key-0123456789" for role in ("user", "admin", "explain", "override")}
INCOME, DEBT = 31234.5, 5678.25
ROLES = (None, "unknown", *KEYS)
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Routes:
    """The routes behind the middleware, on a bank with recorded predictions."""

    bank: ServedBank
    settings: Settings
    request_id: str
    keys: Keys

    def send(self, method: str, path: str, role: str | None = "explain", **fields: Any) -> httpx.Response:
        """One request with the key of a role; a body given as JSON."""
        headers = {"x-api-key": KEYS.get(role, "unknown-key-0123456789")} if role else {}
        headers |= fields.pop("headers", {})
        decisions = RecordedDecisions(self.bank.portfolio, self.bank.database, artifact_store(self.settings))
        runtime: Any = SimpleNamespace(decisions=decisions)

        async def main() -> httpx.Response:
            further = decision_routes(lambda: runtime, self.keys, self.bank.portfolio)
            app = read_only_app(lambda: runtime, b"{}", self.keys, self.bank.root, None, further)
            middleware = HttpMiddleware(app, self.settings, self.keys, lambda *_: None)
            transport = httpx.ASGITransport(middleware)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers, **fields)

        return asyncio.run(main())

    def explain(
        self, role: str | None = "explain", query: str = "", name: str | None = None
    ) -> httpx.Response:
        return self.send("GET", f"/predictions/{name or self.request_id}{query}", role)

    def rescore(self, corrections: Any, role: str | None = "explain", position: int = 0) -> httpx.Response:
        body = {"position": position, "corrections": corrections}
        return self.send("POST", f"/predictions/{self.request_id}/rescore", role, json=body)

    def override(
        self, role: str | None = "override", key: str | None = None, **changed: Any
    ) -> httpx.Response:
        body = {"position": 0, "decision": 1 - self.decision(0), "reason": "income_verified"} | changed
        headers = {"idempotency-key": key or str(uuid.uuid4())}
        return self.send("POST", f"/predictions/{self.request_id}/override", role, json=body, headers=headers)

    def decision(self, position: int) -> int:
        [(decision,)] = self.bank.rows(
            f"SELECT decision FROM predictions WHERE request_id = '{self.request_id}' AND position = {position}"
        )
        return int(decision)

    def recorded(self) -> list[tuple[str, str]]:
        return [
            (each.action, each.actor)
            for each in OversightLog(self.bank.database).records()
            if each.request_id
        ]


def predict(bank: ServedBank) -> str:
    """Record two predictions of the champion, as the service does; the id of their request."""
    champion = bank.registry.champion()
    assert champion is not None
    predictor = Predictor.from_artifact(
        bank.root / champion.version, reason_texts=bank.portfolio.reason_texts()
    )
    values = [
        {
            "income": INCOME + row,
            "debt": DEBT,
            "children": 2.0,
            "grade": "2",
            "job": "clerk",
            "hired": "2020-05-01",
            "model config": "a",
            "as_of": "2024-06-30",
        }
        for row in range(2)
    ]
    columns = {name: [row.get(name) for row in values] for name in bank.portfolio.columns}
    features = transform(bank.portfolio, columns, np.array(["2024-06-30"] * 2, "datetime64[D]"))
    scored = predictor.predict(features.numerical, features.categorical)
    name = str(uuid.uuid4())
    line = {
        "request_id": name,
        "model_version": champion.version,
        "threshold": predictor.threshold,
        "channel": "http",
        "latency_ms": 1.0,
        "created_at": datetime(2025, 3, 5, tzinfo=UTC).isoformat(),
        "loans": [
            {
                "loan_id": f"loan {row}",
                "features": values[row],
                "probability": float(scored.pd[row]),
                "decision": int(scored.decision[row]),
                "reasons": None,
            }
            for row in range(2)
        ],
    }
    PredictionLog(bank.database).append_lines([json.dumps(line).encode()])
    return name


@pytest.fixture
def routes(make_bank: Callable[[], ServedBank], tmp_path: Any) -> Routes:
    bank = make_bank()
    champion = bank.register(0)
    bank.promote(champion)
    settings = Settings(
        portfolio=str(bank.portfolio_file),
        loan_source="loans.csv",
        loan_default_home=tmp_path,
        artifact_root=str(bank.root),
        database_url=bank.url,
    )
    keys = Keys(*([KEYS[role]] for role in ("user", "admin", "explain", "override")))
    return Routes(bank, settings, predict(bank), keys)


def test_each_route_has_one_role(routes: Routes) -> None:
    for role in ROLES:
        refused = 401 if role in (None, "unknown") else 403
        assert routes.explain(role).status_code == (200 if role == "explain" else refused), role
        assert routes.rescore({"debt": 1}, role).status_code == (200 if role == "explain" else refused), role
        assert routes.override(role).status_code == (200 if role == "override" else refused), role
    assert [action for action, _ in routes.recorded()] == ["application rescored", "decision overridden"]


def test_the_explanation_is_that_of_the_command_in_both_languages(routes: Routes) -> None:
    found = routes.explain(query="?position=1").json()
    session = Session(routes.settings, routes.bank.portfolio, routes.bank.url, routes.bank.database)
    expected = explain(session, routes.request_id, 1)
    assert found["text"] == {"en": explanation_text(expected, "en"), "ko": explanation_text(expected, "ko")}
    assert {each["column"]["code"]: each["value"] for each in found["values"]}["income"] == INCOME + 1
    for language in ("en", "ko"):
        response = routes.explain(query=f"?position=1&language={language}")
        assert response.text == found["text"][language]
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"


def test_the_grade_is_that_of_the_recorded_report(routes: Routes) -> None:
    bank = routes.bank
    champion = bank.registry.champion()
    assert champion is not None
    session = Session(routes.settings, bank.portfolio, bank.url, bank.database)
    session.evaluations.record(performance(champion.version, 0.9))
    assert "No model report of the newest evaluation" in routes.explain().json()["text"]["en"]
    [(number,)] = bank.rows("SELECT max(id) FROM model_performance")
    pd = routes.explain().json()["pd"]
    session.evaluations.record_grades(number, [pd / 2, pd])
    grade = routes.explain().json()["grade"]
    assert (grade["number"], grade["grades"], grade["lowest_pd"]) == (3, 3, pd)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/predictions/no-uuid", 422, "invalid_request"),
        ("/predictions/00000000-0000-4000-8000-000000000000", 404, "no_prediction"),
        ("/predictions/{id}?position=2", 404, "no_prediction"),
        ("/predictions/{id}?position=-1", 422, "invalid_request"),
        ("/predictions/{id}?position=x", 422, "invalid_request"),
        ("/predictions/{id}?language=de", 422, "invalid_request"),
        ("/predictions/{id}/", 404, "not_found"),
        ("/predictions/{id}/delete", 404, "not_found"),
    ],
)
def test_what_is_not_explained(routes: Routes, path: str, status: int, code: str) -> None:
    response = routes.send("GET", path.replace("{id}", routes.request_id))
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_erased_data_are_gone(routes: Routes) -> None:
    erase(routes.bank.database, subject_of(None, routes.request_id))
    response = routes.explain()
    assert (response.status_code, response.json()["code"]) == (410, "prediction_gone")
    assert "were erased" in response.json()["error"]


def test_a_rescoring_is_logged_as_such_and_changes_nothing(routes: Routes) -> None:
    before = routes.bank.rows()
    found = routes.rescore({"income": 999_999, "debt": None, "hired": "2001-02-03"}).json()
    assert [(each["column"]["code"], each["after"]) for each in found["correction"]["values"]] == [
        ("income", 999_999),
        ("debt", None),
        ("hired", "2001-02-03"),
    ]
    assert found["correction"]["pd"] != found["pd"]
    assert "This rescoring is logged as such" in found["text"]["en"]
    assert routes.bank.rows() == before
    promoted_under, record = OversightLog(routes.bank.database).records()
    assert promoted_under.action == "policy changed"
    assert (record.action, record.actor) == ("application rescored", f"key:{key_id(KEYS['explain'])}")
    assert (record.request_id, record.position) == (routes.request_id, 0)
    assert record.decision == found["correction"]["decision"]
    assert record.details == {"columns": ["debt", "hired", "income"], "pd": found["correction"]["pd"]}


@pytest.mark.parametrize(
    ("corrections", "field"),
    [
        ({}, "corrections"),
        ({"income": "987654.3"}, "corrections.income"),
        ({"income": -987654.3}, "corrections.income"),
        ({"income": None}, "corrections.income"),
        ({"987654.3": 1}, "corrections"),
        ({"recovered": 987654.3}, "corrections"),
        ({"grade": "987654.3"}, "corrections.grade"),
        ({"hired": "987654.3"}, "corrections.hired"),
        ({"children": True}, "corrections.children"),
        ([987654.3], "corrections"),
    ],
)
def test_a_wrong_correction_is_refused_without_its_value(
    routes: Routes, corrections: Any, field: str
) -> None:
    response = routes.rescore(corrections)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [each["field"] for each in response.json()["details"]] == [field]
    assert "987654" not in response.text
    assert routes.recorded() == []


def test_an_override_is_recorded_beside_the_prediction(routes: Routes) -> None:
    before, decision = routes.bank.rows(), routes.decision(0)
    found = routes.override().json()
    assert found["recorded_by"] == f"key:{key_id(KEYS['override'])}"
    assert (found["decision"], found["decision_before"], found["decision_of_model"]) == (
        1 - decision,
        decision,
        decision,
    )
    assert routes.bank.rows() == before
    [override] = routes.explain().json()["overrides"]
    assert (override["decision"], override["reason_code"]) == (1 - decision, "income_verified")
    text = routes.explain().json()["text"]
    assert "income was verified" in text["en"]
    assert "소득 증빙 확인" in text["ko"]
    # Back to the decision of the model is another override.
    assert (
        routes.override(decision=decision, reason="affordability").json()["decision_before"] == 1 - decision
    )
    assert len(routes.recorded()) == 2


def test_a_repeated_override_counts_once(routes: Routes) -> None:
    key = str(uuid.uuid4())
    first = routes.override(key=key)
    assert routes.override(key=key.upper()).json() == first.json()
    assert len(routes.recorded()) == 1
    other = routes.override(key=key, reason="collateral")
    assert (other.status_code, other.json()["code"]) == (409, "not_overridden")
    again = routes.override()
    assert (again.status_code, again.json()["code"]) == (409, "not_overridden")
    assert len(routes.recorded()) == 1


@pytest.mark.parametrize(
    ("changed", "headers", "status"),
    [
        ({"reason": "Kim Minsu asked"}, {}, 422),
        ({"decision": 2}, {}, 422),
        ({"decision": True}, {}, 422),
        ({"position": 2}, {}, 404),
        ({"position": -1}, {}, 422),
        ({"note": "Kim Minsu"}, {}, 422),
        ({}, {"idempotency-key": "Kim Minsu"}, 422),
        ({}, {"idempotency-key": ""}, 422),
    ],
)
def test_a_wrong_override_is_refused(
    routes: Routes, changed: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    body = {"position": 0, "decision": 1 - routes.decision(0), "reason": "income_verified"} | changed
    headers = {"idempotency-key": str(uuid.uuid4())} | headers
    response = routes.send(
        "POST", f"/predictions/{routes.request_id}/override", "override", json=body, headers=headers
    )
    assert response.status_code == status
    assert "Kim" not in response.text
    assert routes.recorded() == []


def test_no_log_holds_a_value_of_the_application(
    routes: Routes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        routes.explain()
        routes.rescore({"debt": 4321.75})
        routes.rescore({"grade": "4321.75"})
        routes.override()
        with routes.bank.database.transaction() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE predictions SET probability = probability / 2")
        assert routes.explain().json()["code"] == "not_explained"
    printed = caplog.text + "".join(capfd.readouterr())
    assert not [value for value in (INCOME, DEBT, 4321.75) if str(value) in printed]
    assert not [key for key in KEYS.values() if key in printed]
    oversight = json.dumps(routes.bank.rows("SELECT to_jsonb(o) FROM oversight_records o"))
    assert not [value for value in (INCOME, DEBT, "4321.75", "loan 0") if str(value) in oversight]


def test_the_id_of_a_key_is_stable_and_does_not_hold_it() -> None:
    assert key_id("a" * 16) == key_id("a" * 16) != key_id("a" * 15 + "b")
    assert len(key_id("a" * 16)) == 16
