"""Who gets which page of the console: roles, refusals as pages, and the reports of models."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from bento.access.permissions import FORMS, PAGES, ROUTES
from bento.http_api.endpoints import read_only_app
from loan_default_assets.report_files import store_report
from loan_default_assets_tests.bento.console.console_visits import (
    ADMIN,
    HTML,
    NO_KEYS,
    OWN,
    USER,
    WRONG,
    Worker,
    login,
    visit,
)
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.overview_samples import FORMER, VERSION
from loan_default_assets_tests.bento.console.test_application_form import submitted

pytestmark = pytest.mark.usefixtures("no_time_for_rates")

MATRIX = [
    # no session, user, admin
    ("GET", "/", (303, 200, 200)),
    ("GET", "/score", (303, 200, 403)),
    ("POST", "/score", (401, 200, 403)),
    ("GET", "/docs", (303, 200, 200)),
    ("GET", "/report", (303, 403, 200)),
    ("GET", f"/report?version={FORMER}", (303, 403, 200)),
    ("GET", "/openapi.json", (401, 200, 200)),
    ("GET", "/model-info", (401, 500, 500)),
    ("GET", "/login", (200, 200, 200)),
    ("POST", "/logout", (303, 303, 303)),
    ("GET", "/console.css", (200, 200, 200)),
    ("GET", "/icon.svg", (200, 200, 200)),
    ("GET", "/favicon.ico", (200, 200, 200)),
    # A session is no key: programs that score and reload send one.
    ("POST", "/predict", (401, 401, 401)),
    ("POST", "/reload-model", (401, 401, 401)),
]


@pytest.mark.parametrize(("method", "path", "statuses"), MATRIX)
def test_status_by_session_and_route(
    method: str, path: str, statuses: tuple[int, ...], tmp_path: Path
) -> None:
    for version in (VERSION, FORMER):
        store_report(tmp_path, version, 1, b"<!doctype html>")
    received = []
    for key in (None, USER, ADMIN):
        worker = Worker()

        async def steps(client: httpx.AsyncClient, key: str | None = key) -> httpx.Response:
            await login(client, key)
            sent = {"data": submitted(), "headers": OWN} if method == "POST" else {}
            return await client.request(method, path, **sent)

        response = visit(steps, root=tmp_path, worker=worker)
        received.append(response.status_code)
        assert bool(worker.scored) == (path == "/score" and method == "POST" and key == USER)
        # Nothing of an applicant without the right role.
        assert ("61.0 %" in response.text) == bool(worker.scored)
    assert tuple(received) == statuses


def test_every_page_is_in_the_matrix() -> None:
    listed = {path.partition("?")[0] for _, path, _ in MATRIX}
    assert listed >= PAGES
    assert FORMS <= PAGES <= set(ROUTES)


def test_without_keys_the_page_is_open_and_offers_no_login() -> None:
    async def steps(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/"), await client.get("/login"), await client.get("/score")]

    overview, entrance, form = visit(steps, keys=NO_KEYS)
    assert "open to this machine only" in overview.text
    assert "Sign out" not in overview.text
    assert "nothing to sign in to" in entrance.text
    assert not HtmlDocument(entrance.text).all("form")
    assert form.status_code == 200
    assert visit(lambda client: client.get("/"), keys=NO_KEYS, base="http://evil.example").status_code == 403


@pytest.mark.parametrize(
    ("headers", "status", "media"),
    [
        (HTML, 303, "text/html; charset=utf-8"),
        ({"accept": "*/*"}, 401, "application/json"),
        (HTML | {"x-api-key": WRONG}, 401, "text/html; charset=utf-8"),
    ],
)
def test_programs_get_json_and_browsers_the_login(headers: dict[str, str], status: int, media: str) -> None:
    response = visit(lambda client: client.get("/?lang=ko", headers=headers))
    assert (response.status_code, response.headers["content-type"]) == (status, media)
    assert response.headers.get("location") == ("login?lang=ko" if status == 303 else None)


@pytest.mark.parametrize(
    ("path", "settings", "count", "text"),
    [
        ("/report", {}, 1, "This key has another role."),
        ("/", {"service_rate_limit": 2}, 4, "Too many requests."),
        ("/?lang=ko", {"service_rate_limit": 2}, 4, "요청이 너무 많습니다."),
    ],
)
def test_a_refusal_is_a_page_in_the_language_of_the_browser(
    path: str, settings: dict[str, Any], count: int, text: str
) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        await login(client, USER)
        return [await client.get(path) for _ in range(count)][-1]

    response = visit(steps, **settings)
    assert response.status_code in (403, 429)
    assert text in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("version", ["../../etc/passwd", "c0123456789ab/..", "x", "c0000000000ff"])
def test_only_versions_lead_to_a_report(version: str, tmp_path: Path) -> None:
    copied: list[str] = []
    parts: Any = Worker()
    app = read_only_app(lambda: parts, b"{}", NO_KEYS, tmp_path, copied.append)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.get("/report", params={"version": version})

    assert asyncio.run(main()).status_code == 404
    assert copied == ([version] if re.fullmatch("c[0-9a-f]{12}", version) else [])
