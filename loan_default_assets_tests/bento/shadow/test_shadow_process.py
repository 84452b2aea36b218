"""A real service with a shadow: the champion answers, both scores are recorded once, and nothing else is different."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

from bento.shadow import supervision
from loan_default_assets_tests.bento.served_process import Served, wait_until
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.test_predictions import wait_for_rows
from loan_default_assets_tests.bento.tiny_models import ServedBank

BOTH = (
    "SELECT p.request_id::text, p.model_version, s.model_version, s.probability FROM predictions p "
    "JOIN shadow_predictions s USING (request_id, position)"
)
# The process of the shadow gets what the other processes of the machine leave.
SECONDS = 90.0


@pytest.fixture
def bank(make_bank: Callable[[], ServedBank]) -> ServedBank:
    made = make_bank()
    made.promote(made.register(0))
    return made


def shadow_process(served: Served) -> psutil.Process:
    """The process of the shadow, once it runs."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for child in psutil.Process(served.process.pid).children():
            if "bento.shadow" in child.cmdline():
                return child
        time.sleep(0.1)
    raise AssertionError(served.output())


def test_both_scores_are_recorded_once_and_after_a_kill(
    bank: ServedBank, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = bank.register(1)
    with serve(bank, ready="/health", artifact_root=bank.root, shadow=shadow.version) as served:

        def answer(count: int) -> list[str]:
            responses = [
                httpx.post(served.http + "/predict", json=request(), timeout=30).json() for _ in range(count)
            ]
            champion = bank.registry.champion()
            assert champion is not None
            assert {each["model_version"] for each in responses} == {champion.version}
            return [each["request_id"] for each in responses]

        names = answer(5)
        wait_for_rows(bank, BOTH, 5, SECONDS)
        process = shadow_process(served)
        assert process.nice() == 19
        process.kill()
        names += answer(5)
        rows = wait_for_rows(bank, BOTH, 10, SECONDS + supervision.RESTART_SECONDS)
        assert sorted(row[0] for row in rows) == sorted(names)
        assert {row[2] for row in rows} == {shadow.version}
        assert len({round(row[3], 6) for row in rows}) == 1
        info = httpx.get(served.http + "/model-info").json()["shadow"]
        assert (info["version"], info["scored"], info["waiting"]) == (shadow.version, 10, 0)
        assert info["state"] == "current"


def test_a_shadow_that_does_not_exist_keeps_no_service_from_starting(
    bank: ServedBank, serve: Callable[..., Any]
) -> None:
    with serve(bank, ready="/health", artifact_root=bank.root, shadow="c0") as served:
        wait_until(served, "/health")
        assert httpx.post(served.http + "/predict", json=request(), timeout=30).status_code == 200
        info = httpx.get(served.http + "/model-info").json()["shadow"]
        assert (info["state"], info["version"]) == ("missing", None)
        assert "there is no model c0" in info["error"]
        assert "there is no shadow yet" in served.output()
